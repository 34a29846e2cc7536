"""Live networks of one sidecar: opened from stored states, stored again, forgotten when nobody needs them.

A live network that was trained in direct mode knows more than its stored state; a background thread stores it every
few seconds, and every task, save or shutdown stores it first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hanami_core.compute import LiveNetwork
from hanami_core.errors import NotFound
from hanami_core.network import NetworkState, Template
from hanami_core.queue import Job, Lane
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import ACTIVE, atomic
from hanami_plugins.clusters.models import DIRECT_MODE, Cluster
from hanami_plugins.clusters.service import MISSING, read_state, replace_state, template_of

DOORS = 64
FORGOTTEN = -1
"""Version of a network that is not that of its cluster any more."""
REFRESH_SECONDS = 0.2

log = logging.getLogger("hanami.clusters")


@dataclass
class LiveCluster:
    """A network in memory.

    `lock` is held by whoever works with `network`: a task for its whole run, a frame for its moment. `storing` is held
    by whoever makes its state durable, a task for its whole run; it is taken before `lock`. `direct` tells whether
    frames are welcome; it is written, and read before a frame is learned, by who holds `lock`. `changes` counts what
    was learned, `stored` is what it was in the stored state. `version` is never behind that of the cluster's row, but
    for networks that were forgotten.
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

    def refresh(self, live: LiveCluster) -> LiveCluster:
        """Return the network that frames of a session go to now; its `direct` tells whether they are welcome."""
        row = self._row(live.uuid)
        if self._welcomes(row) and live.version < row.version:
            live = self._reopen(live)
        if self._welcomes(row) and live.lock.acquire(timeout=REFRESH_SECONDS):
            try:
                live.direct = live.version != FORGOTTEN and self._welcomes(self._row(live.uuid))
            finally:
                live.lock.release()
        return live

    def _welcomes(self, row: Cluster) -> bool:
        assert self._runtime.compute is not None, "only a sidecar keeps live networks"
        return row.mode == DIRECT_MODE and row.status == ACTIVE and row.host == self._runtime.compute.name

    def _reopen(self, live: LiveCluster) -> LiveCluster:
        newest = self.attach(live.uuid)
        with self._lock:
            live.sessions -= 1
        return newest

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
                self.forget(live)
                raise
            finally:
                live.used = time.monotonic()

    @contextmanager
    def replacing(self, uuid: str) -> Iterator[None]:
        """Forget a network while a task gives another one to its cluster; nothing that is stored can be in its way."""
        with self._lock:
            live = self._live.get(uuid)
        with ExitStack() as held:
            if live is not None:
                held.enter_context(live.storing)
                held.enter_context(live.lock)
                self.forget(live)
            yield

    def forget(self, live: LiveCluster) -> None:
        """Drop a network without storing it; the caller holds both of its locks."""
        with self._lock:
            if self._live.get(live.uuid) is live:
                del self._live[live.uuid]
            live.direct = False
            live.stored = live.changes
            live.version = FORGOTTEN

    def store(self, live: LiveCluster, job: Job | None = None, cursor: int = 0, *, final: bool = False) -> None:
        """Make the network's state durable, together with the cursor or the end of a task, which is `working`.

        Without a job, nothing happens if there is nothing new.
        """
        if job is not None or (live.unsaved and self._wanted(live)):
            self._write(live, _Known.of(live), atomic() if job is None else job.commit(cursor, final=final))

    def _store_beside_frames(self, live: LiveCluster) -> None:
        """Store what frames have trained, if they have; they wait no longer than it takes to copy the network."""
        if not live.unsaved:
            return
        with live.lock:
            if not self._wanted(live):
                self.forget(live)
                return
            known = _Known.of(live)
        self._write(live, known, atomic())

    def _write(self, live: LiveCluster, known: _Known, commit: AbstractContextManager[Any]) -> None:
        before = live.version
        try:
            with self._runtime.blobs.staging() as path:
                with path.open("wb") as file:
                    known.state.write(file)
                self._runtime.blobs.seal(path)
                with commit:
                    # Since it was looked up, the cluster may have been deleted.
                    if self._wanted(live):
                        blob = self._runtime.blobs.adopt(path)
                        # Before the commit, so that nobody who reads the row takes this network for an old one.
                        live.version = replace_state(self._runtime, live.uuid, blob, known.state.head, known.metrics)
        except BaseException:
            live.version = before
            raise
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
                if live is not None and (live.unsaved or live.version >= row.version):
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
        return LiveCluster(str(row.uuid), network, row.version, self._welcomes(row))

    def _keep(self) -> None:
        pause = min(self._runtime.settings["clusters.store"], self._runtime.settings["clusters.idle"])
        while not self._end.wait(pause):
            try:
                self._store_unsaved()
                self._forget_idle()
            except Exception:
                log.exception("storing live clusters failed")
        self._runtime.database.disconnect()

    def _store_unsaved(self) -> None:
        for live in [live for live in self._all() if live.unsaved]:
            if live.storing.acquire(timeout=1.0):
                try:
                    self._store_beside_frames(live)
                except Exception:
                    log.exception("storing a live cluster failed", extra={"cluster": live.uuid})
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
