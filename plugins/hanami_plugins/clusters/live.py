"""Live networks of one sidecar: opened from stored states, stored again, forgotten when nobody needs them.

A live network that was trained in direct mode knows more than its stored state; a background thread stores it every
few seconds, and every task, save or shutdown stores it first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hanami_core.compute import LiveNetwork
from hanami_core.database import atomic
from hanami_core.errors import NotFound
from hanami_core.network import NetworkState, Template
from hanami_core.queue import Job, Lane
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins.clusters.models import DIRECT_MODE, Cluster
from hanami_plugins.clusters.service import MISSING, read_state, replace_state, template_of

DOORS = 64

log = logging.getLogger("hanami.clusters")


@dataclass
class LiveCluster:
    """A network in memory.

    `lock` is held by whoever works with `network`: a task for its whole run, a frame for its moment. `storing` is held
    by whoever makes its state durable, a task for its whole run; it is taken before `lock`. `direct` tells whether
    frames are welcome. `changes` counts what was learned, `stored` is what it was in the stored state.
    """

    uuid: str
    network: LiveNetwork
    version: int
    direct: bool
    changes: int = 0
    stored: int = 0
    sessions: int = 0
    used: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    storing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def unsaved(self) -> bool:
        """Tell whether the network knows more than its stored state."""
        return self.changes != self.stored


class _Known(NamedTuple):
    """A copy of what a network knows at a moment."""

    state: NetworkState
    metrics: Mapping[str, float]
    changes: int

    @classmethod
    def of(cls, live: LiveCluster) -> _Known:
        """Copy it; the caller holds the lock."""
        return cls(live.network.state(), live.network.metrics(), live.changes)


class LiveClusters:
    """All live networks of a sidecar. Every method may block; none is called from a frame."""

    def __init__(self, runtime: Runtime) -> None:
        """Start the thread that stores and forgets."""
        self._runtime = runtime
        self._live: dict[str, LiveCluster] = {}
        self._lock = threading.Lock()
        self._doors = tuple(threading.Lock() for _ in range(DOORS))
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="live-clusters", daemon=True)
        self._thread.start()

    def attach(self, uuid: str) -> LiveCluster:
        """Return the live cluster for a session and count the session; `detach` must follow."""
        return self._current(uuid, sessions=1)

    def detach(self, live: LiveCluster) -> None:
        """End a session, storing what it trained."""
        with self._lock:
            live.sessions -= 1
        with live.storing:
            self._store_beside_frames(live)

    def refresh(self, live: LiveCluster) -> bool:
        """Look up whether frames are welcome now."""
        row = self._row(live.uuid)
        # While it is stored, the row is a moment ahead.
        live.direct = row.mode == DIRECT_MODE and (row.version == live.version or live.unsaved)
        return live.direct

    def reopen(self, live: LiveCluster) -> LiveCluster:
        """Move a session to the newest live network of its cluster."""
        with self._lock:
            live.sessions -= 1
        return self.attach(live.uuid)

    @contextmanager
    def working(self, uuid: str, template: Template | None = None) -> Iterator[LiveCluster]:
        """Lend a network to a task. If the task raises, the network is forgotten and the stored state counts.

        A cluster without a template gets the given one when its state is stored for the first time.
        """
        live = self._current(uuid, template)
        with live.storing, live.lock:
            live.direct = False
            self.store(live)
            try:
                yield live
            except BaseException:
                self.forget(uuid)
                raise
            finally:
                live.used = time.monotonic()

    def forget(self, uuid: str) -> None:
        """Drop a network without storing it."""
        with self._lock:
            live = self._live.pop(uuid, None)
            if live is not None:
                live.direct = False
                live.stored = live.changes
                live.version = -1

    def store(self, live: LiveCluster, job: Job | None = None, cursor: int = 0, *, final: bool = False) -> None:
        """Make the network's state durable, together with the cursor or the end of a task, which is `working`.

        Without a job, nothing happens if there is nothing new.
        """
        if job is not None or (live.unsaved and self._wanted(live)):
            self._write(live, _Known.of(live), atomic() if job is None else job.commit(cursor, final=final))

    def _store_beside_frames(self, live: LiveCluster) -> None:
        """Store what frames have trained, if they have; they wait no longer than it takes to copy the network."""
        if live.unsaved and self._wanted(live):
            with live.lock:
                known = _Known.of(live)
            self._write(live, known, atomic())

    def _write(self, live: LiveCluster, known: _Known, commit: AbstractContextManager[Any]) -> None:
        with self._runtime.blobs.staging() as path:
            with path.open("wb") as file:
                known.state.write(file)
            self._runtime.blobs.seal(path)
            with commit:
                blob = self._runtime.blobs.adopt(path)
                version = replace_state(self._runtime, live.uuid, blob, known.state.head, known.metrics)
        live.version = version
        live.stored = known.changes

    @staticmethod
    def _wanted(live: LiveCluster) -> bool:
        return Lane.get_or_none(Lane.key == live.uuid) is not None

    def _row(self, uuid: str) -> Cluster:
        row = Cluster.get_or_none(Cluster.uuid == uuid)
        if row is None:
            raise NotFound(MISSING.format(uuid))
        return row

    def _current(self, uuid: str, template: Template | None = None, sessions: int = 0) -> LiveCluster:
        """Return the live cluster with so many sessions more, opened from its stored state if need be.

        Opening may take long. Only who asks for the same cluster, or by chance for one with the same door, waits.
        """
        with self._doors[hash(uuid) % DOORS]:
            row = self._row(uuid)
            with self._lock:
                live = self._live.get(uuid)
                if live is not None and (live.unsaved or live.version == row.version):
                    live.used = time.monotonic()
                    live.sessions += sessions
                    return live
            live = self._open(row, template)
            live.sessions = sessions
            with self._lock:
                self._live[uuid] = live
            return live

    def _open(self, row: Cluster, template: Template | None) -> LiveCluster:
        compute = self._runtime.compute
        assert compute is not None, "only a sidecar keeps live networks"
        own = template if template is not None and not row.template else template_of(row)
        rules = self._runtime.rules_for(own, compute.kind)
        network = rules.open(read_state(self._runtime, row, own), compute)
        log.info("cluster enters the memory", extra=_figures(str(row.uuid), network))
        return LiveCluster(str(row.uuid), network, row.version, row.mode == DIRECT_MODE)

    def _keep(self) -> None:
        pause = min(self._runtime.settings["clusters.store"], self._runtime.settings["clusters.idle"])
        while not self._end.wait(pause):
            try:
                self._store_unsaved()
                self._forget_idle()
            except Exception:
                log.exception("storing live clusters failed")
        self._runtime.database.close()

    def _store_unsaved(self) -> None:
        for live in [live for live in self._all() if live.unsaved]:
            if live.storing.acquire(timeout=1.0):
                try:
                    self._store_beside_frames(live)
                finally:
                    live.storing.release()

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - self._runtime.settings["clusters.idle"]
        with self._lock:
            for live in list(self._live.values()):
                if live.used < oldest and not (live.sessions or live.unsaved or live.storing.locked()):
                    del self._live[live.uuid]
                    log.info("cluster leaves the memory", extra=_figures(live.uuid, live.network))

    def _all(self) -> list[LiveCluster]:
        with self._lock:
            return list(self._live.values())

    def close(self) -> None:
        """Store what direct mode trained and end the thread."""
        self._end.set()
        self._thread.join(5.0)
        self._store_unsaved()


def _figures(uuid: str, network: LiveNetwork) -> dict[str, Any]:
    metrics = network.metrics()
    return {"cluster": uuid, "cycles": metrics.get("cycles", 0), "bytes": metrics.get("memory", 0)}


LIVE: StashKey[LiveClusters] = StashKey("clusters.live")
