"""Live networks of one sidecar: opened from stored states, stored again, evicted when nobody needs them.

A live network that was trained in direct mode knows more than its stored state; a thread stores it every few seconds
(`keeper`), and every task, save or shutdown stores it first. Another thread reads what the api does to clusters and
tells the networks (`watcher`). The order of locks stands in `locks`, the states in `live_cluster`.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import msgspec

from hanami_core.compute import LiveNetwork, NetworkRules, memory
from hanami_core.errors import NotFound, ServiceError
from hanami_core.host_calls import Piece
from hanami_core.network import NetworkState, Template
from hanami_core.queue import Job
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import ACTIVE, atomic, compare_and_set
from hanami_core.storage.failures import storage_failure
from hanami_core.syncing import open_steadily
from hanami_plugins.clusters import locks
from hanami_plugins.clusters.host_memory import HostMemory, NetworkOwner
from hanami_plugins.clusters.keeper import Keeper
from hanami_plugins.clusters.live_cluster import Attachment, ClusterState, LiveCluster
from hanami_plugins.clusters.locks import Rank
from hanami_plugins.clusters.models import DIRECT_MODE, Cluster
from hanami_plugins.clusters.service import MISSING, interfaces, read_state, replace_state, template_of
from hanami_plugins.clusters.watcher import Watcher

__all__ = ["LIVE", "LiveClusters"]

STRIPES = 64
REST, LONGEST_REST = 9.0, 60.0
"""A network is not stored again for so many times as long as writing it took, and no more than so many seconds, unless
somebody waits for it."""
CLOSE_SECONDS = 0.5
"""How long the end of the process waits for a frame that has a network."""

log = logging.getLogger("hanami.clusters")


class _KnownState(NamedTuple):
    """A copy of what a network knows at a moment."""

    state: NetworkState
    metrics: Mapping[str, float]
    changes: int

    @classmethod
    def of(cls, live: LiveCluster) -> _KnownState:
        """Copy it; the caller holds the network's lock."""
        return cls(live.network.state(), live.network.metrics(), live.changes)


class LiveClusters:
    """All live networks of a sidecar. Every method may block, except `look`, `flush` and `detach`."""

    def __init__(self, runtime: Runtime) -> None:
        """Start the threads that store, evict and watch."""
        self._runtime = runtime
        self._live: dict[str, LiveCluster] = {}
        self._attached: dict[str, set[Attachment]] = {}
        self._registry = locks.new_lock(Rank.REGISTRY)
        self.memory = HostMemory.of(runtime)
        self.memory.reclaims(partial(self.evict_idle, 0.0))
        self._stripes = tuple(locks.new_lock(Rank.STRIPE) for _ in range(STRIPES))
        self._keeper = Keeper(self, runtime)
        self._watcher = Watcher(self, runtime)

    @property
    def host(self) -> str:
        """Name of the compute host that holds the networks."""
        assert self._runtime.compute is not None, "only a sidecar keeps live networks"
        return self._runtime.compute.name

    # -- sessions -----------------------------------------------------------------------------------------------------

    def attach(self, uuid: str, on_change: Callable[[], None]) -> Attachment:
        """Return the hold of a new session on its cluster; `detach` must follow."""
        self._watcher.start()
        while True:
            live = self._current(uuid)
            with self._registry:
                # It may have been evicted since; afterwards whoever opens another one tells those who are attached.
                if live.state is not ClusterState.EVICTED:
                    attachment = Attachment(live, on_change)
                    self._attached.setdefault(uuid, set()).add(attachment)
                    return attachment

    def detach(self, attachment: Attachment) -> None:
        """End a session; what it trained is stored soon."""
        uuid = attachment.live.uuid
        with self._registry:
            others = self._attached[uuid]
            others.discard(attachment)
            last = not others
            if last:
                del self._attached[uuid]
        if last:
            self._watcher.note_left(uuid)
        if attachment.live.unsaved:
            self._keeper.hurry(attachment.live)

    def count_sessions(self, question: Sequence[Piece]) -> list[Piece]:
        """Answer how many sessions a cluster has, for `HostCalls`."""
        (uuid,) = question
        with self._registry:
            return [msgspec.msgpack.encode(len(self._attached.get(str(uuid, "utf-8"), ())))]

    def look(self, attachment: Attachment) -> Future[None]:
        """Begin to find out, in a thread, whether frames of a session are welcome and which network they go to now.

        Once the future is done, `attachment` holds what was true at some moment after the call.
        """
        return self._watcher.look(attachment)

    def flush(self, live: LiveCluster) -> Future[None]:
        """Begin to store, in a thread, what a network has learned until now; the future is done when it is stored.

        It fails with a `ServiceError` if that cannot be stored, and with a `Conflict` if it was dropped.
        """
        return self._keeper.request(live)

    def unstorable(self) -> int:
        """Return how many networks could not be stored when that was last tried."""
        with self._registry:
            return sum(live.unstorable is not None for live in self._live.values())

    def attachments(self, uuids: set[str] | None = None) -> list[Attachment]:
        """Return the holds of all sessions, or of those on some clusters."""
        with self._registry:
            found = self._attached.values() if uuids is None else [self._attached.get(uuid, set()) for uuid in uuids]
            return [attachment for attachments in found for attachment in attachments]

    def states(self) -> Counter[ClusterState]:
        """Return how many networks are in memory, by state."""
        with self._registry:
            return Counter(live.state for live in self._live.values())

    def works(self, uuids: set[str]) -> dict[str, int]:
        """Return how many tasks have begun to work with each of some networks, as far as they are in memory."""
        with self._registry:
            return {uuid: self._live[uuid].works for uuid in uuids if uuid in self._live}

    def tell(self, row: Cluster, works: int) -> None:
        """Let the network of a row know whether frames are welcome.

        `works` is what `works` told before the row was read: a task that has come in between knows better.
        """
        with self._registry:
            live = self._live.get(row.uuid)
            if live is None or live.works != works:
                return
            if live.state is ClusterState.RESTING and self.welcomes(row):
                live.move(ClusterState.DIRECT)
            elif live.state is ClusterState.DIRECT and not self.welcomes(row):
                live.move(ClusterState.RESTING)

    def welcomes(self, row: Cluster) -> bool:
        """Tell whether frames for a cluster are welcome here, by its row."""
        return row.mode == DIRECT_MODE and row.status == ACTIVE and row.host == self.host

    def reopen(self, uuid: str) -> None:
        """Open the network of a cluster if the one in memory is not its any more, and give it to its sessions."""
        self._current(uuid)

    # -- tasks --------------------------------------------------------------------------------------------------------

    @contextmanager
    def working(self, uuid: str, template: Template | None = None, seed: int | None = None) -> Iterator[LiveCluster]:
        """Lend a network to a task. If the task raises, the network is evicted and the stored state counts.

        A cluster without a template gets the given one when its state is stored for the first time. One without a
        stored state draws its initial weights from `seed`, if there is one.
        """
        with ExitStack() as locks:
            if seed is not None:
                self._reseed(uuid, template, seed)
            live = self._begin_work(uuid, template, locks)
            try:
                self.store(live)
                with self._evicted_on_failure(live):
                    yield live
            finally:
                live.used = time.monotonic()
                with self._registry:
                    if live.state is ClusterState.WORKING:
                        live.move(ClusterState.RESTING)

    def _reseed(self, uuid: str, template: Template | None, seed: int) -> None:
        """Let a network that has learned nothing be drawn from a seed."""
        row = self._row(uuid)
        if row.blob is not None or row.seed == seed:
            return
        with ExitStack() as locks:
            live = self._begin_work(uuid, template, locks)
            self.store(live)  # what frames have taught it makes it one that keeps its weights
            compare_and_set(Cluster, (Cluster.uuid == uuid) & Cluster.blob.is_null(), seed=seed)
            self.evict(live)

    def _begin_work(self, uuid: str, template: Template | None, locks: ExitStack) -> LiveCluster:
        """Return a network that works from now on, with its locks in `locks`."""
        while True:
            live = self._current(uuid, template)
            with ExitStack() as taken:
                taken.enter_context(live.storing)
                taken.enter_context(live.lock)
                with self._registry:
                    # Whoever waits long for a lock may find that the network was evicted meanwhile.
                    if live.state is not ClusterState.EVICTED:
                        live.move(ClusterState.WORKING)
                        locks.enter_context(taken.pop_all())
                        return live

    @contextmanager
    def _evicted_on_failure(self, live: LiveCluster) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.evict(live)
            raise

    @contextmanager
    def replacing(self, uuid: str) -> Iterator[None]:
        """Evict a network while a task gives another one to its cluster; nothing that is stored can be in its way."""
        with self._stripe(uuid), ExitStack() as held:
            with self._registry:
                live = self._live.get(uuid)
            if live is not None:
                held.enter_context(live.storing)
                held.enter_context(live.lock)
                self.evict(live)
            yield

    def evict(self, live: LiveCluster) -> None:
        """Drop a network without storing it, and close it; the caller holds both of its locks."""
        with self._registry:
            self._evict(live)
        live.close()

    def _evict(self, live: LiveCluster) -> None:
        """Drop a network; the caller holds the registry, and both locks if the network may have learned something.

        It is still to be closed, under its own lock and without the registry: whoever runs a frame may have it.
        """
        self.memory.release(live)
        if live.state is not ClusterState.EVICTED:
            live.move(ClusterState.EVICTED)
            live.lost, live.stored = live.unsaved, live.changes
        if self._live.get(live.uuid) is live:
            del self._live[live.uuid]

    # -- storing ------------------------------------------------------------------------------------------------------

    def store(
        self,
        live: LiveCluster,
        job: Job | None = None,
        cursor: int = 0,
        *,
        final: bool = False,
        force: bool = False,
        also: Callable[[str], None] | None = None,
    ) -> None:
        """Make the network's state durable, together with the cursor or the end of a task, which is `working`.

        Without a job, nothing happens if there is nothing new, unless it is to be done by `force`. `also` is called in
        the same transaction with the name of the blob.
        """
        if job is not None or ((force or live.unsaved) and self._wanted(live)):
            self._write(live, _KnownState.of(live), atomic() if job is None else job.commit(cursor, final=final), also)

    def go_back(self, live: LiveCluster, job: Job, cursor: int, blob: str, metrics: Mapping[str, float]) -> None:
        """End a task, which is `working`, with a former state of the network in place of that of now."""
        with self._runtime.blobs.open(blob) as path, path.open("rb") as file:
            head = NetworkState.read(file).head
        with job.commit(cursor, final=True):
            if self._wanted(live):
                # The task's reference may be the only one; the cluster needs one of its own before that ends.
                self._runtime.blobs.incref(blob)
                replace_state(self._runtime, live.uuid, blob, head, metrics)
        self.evict(live)

    def store_beside_frames(self, live: LiveCluster) -> None:
        """Store what frames have trained, if they have; the caller holds `storing`.

        Frames wait no longer than it takes to copy the network.
        """
        if not live.unsaved:
            return
        with live.lock:
            if not self._wanted(live):
                self.evict(live)
                return
            known = _KnownState.of(live)
        try:
            self._write(live, known, atomic())
        except Exception as error:
            live.unstorable = storage_failure(error) or ServiceError("network_not_stored")
            raise

    def _write(
        self,
        live: LiveCluster,
        known: _KnownState,
        commit: AbstractContextManager[Any],
        also: Callable[[str], None] | None = None,
    ) -> None:
        before, begin = live.version, time.monotonic()
        try:
            size = sum(array.nbytes for array in known.state.arrays.values())
            self._runtime.reserve.require(size, urgent=True)
            with self._runtime.blobs.staging() as path:
                with open_steadily(path) as file:
                    known.state.write(file)
                self._runtime.blobs.finalise(path)
                end = time.monotonic()
                with commit:
                    # Since it was looked up, the cluster may have been deleted.
                    if self._wanted(live):
                        blob = self._runtime.blobs.link(path)
                        # Before the commit, so that nobody who reads the row takes this network for an old one.
                        live.version = replace_state(self._runtime, live.uuid, blob, known.state.head, known.metrics)
                        if also is not None:
                            also(blob)
        except BaseException:
            live.version = before
            raise
        live.stored, live.unstorable = known.changes, None
        live.rests_until = end + min(REST * (end - begin), LONGEST_REST)
        self._note_memory(live, known.metrics)

    def _wanted(self, live: LiveCluster) -> bool:
        return self._runtime.queue.has_partition(live.uuid)

    # -- what is in memory --------------------------------------------------------------------------------------------

    def _row(self, uuid: str) -> Cluster:
        row = Cluster.get_or_none(Cluster.uuid == uuid)
        if row is None:
            raise NotFound(MISSING, uuid=uuid)
        return row

    def _stripe(self, uuid: str) -> AbstractContextManager[bool]:
        return self._stripes[hash(uuid) % STRIPES]

    def _current(self, uuid: str, template: Template | None = None) -> LiveCluster:
        """Return the live cluster, opened from its stored state if need be.

        Opening may take long. Only who asks for the same cluster, or by chance for one with the same stripe, waits.
        """
        with self._stripe(uuid):
            row = self._row(uuid)
            with self._registry:
                live = self._live.get(uuid)
                if live is not None and (live.unsaved or live.version >= row.version):
                    live.used = time.monotonic()
                    return live
            if live is not None:
                with live.storing, live.lock:
                    self.evict(live)
            return self._open(row, template)

    def _open(self, row: Cluster, template: Template | None) -> LiveCluster:
        """Open the stored state of a cluster and give the network to its sessions; the caller holds the stripe."""
        live = LiveCluster(str(row.uuid))
        with self._registry:
            self._live[live.uuid] = live
        try:
            network = self._network(row, template, live)
        except BaseException:
            self.evict(live)
            raise
        log.info("cluster enters the memory", extra=_figures(live.uuid, network))
        with self._registry:
            live.opened(network, row.version, direct=self.welcomes(row))
            for attachment in self._attached.get(live.uuid, ()):
                attachment.live = live
        return live

    def _network(self, row: Cluster, template: Template | None, live: LiveCluster) -> LiveNetwork:
        compute = self._runtime.compute
        assert compute is not None, "only a sidecar keeps live networks"
        own = template if template is not None and not row.template else template_of(row)
        rules = self._runtime.rules_for(own, compute.kind)
        known = interfaces(row)
        memory.require(self._runtime, own, compute, *known)
        live.estimate = memory.needed(rules, own, *known)
        owner, told = NetworkOwner.of(row), json.loads(row.metrics).get("memory")
        size = (live.estimate if row.blob else 0) if told is None else int(told)
        self.memory.take(live, owner, size, reclaim=True)
        live.require = partial(self._require, live, owner, rules, own)
        network = rules.open(read_state(self._runtime, row, own), compute)
        self._note_memory(live, network.metrics())
        return network

    def _require(
        self,
        live: LiveCluster,
        owner: NetworkOwner,
        rules: NetworkRules,
        template: Template,
        inputs: Mapping[str, int],
        outputs: Mapping[str, int],
    ) -> None:
        """Take the memory by which a network grows that is fitted to numbers of values; the caller holds its lock."""
        needed = memory.needed(rules, template, inputs, outputs)
        memory.require_bytes(needed, memory.limit(self._runtime.settings))
        if self._runtime.compute is not None:
            memory.require_room(self._runtime, self._runtime.compute, needed)
        more = max(0, needed - live.estimate)
        self.memory.take(live, owner, self.memory.held(live) + more)
        live.estimate = needed

    def _note_memory(self, live: LiveCluster, metrics: Mapping[str, float]) -> None:
        """Count what a network takes by itself, if it tells."""
        if "memory" in metrics:
            self.memory.note(live, int(metrics["memory"]))

    def unsaved(self) -> list[LiveCluster]:
        """Return the networks that know more than their stored states and that no task works with, which stores too."""
        with self._registry:
            return [live for live in self._live.values() if live.unsaved and live.state is not ClusterState.WORKING]

    def evict_idle(self, seconds: float) -> None:
        """Evict networks that nobody has used for some time."""
        oldest = time.monotonic() - seconds
        with self._registry:
            idle = [live for live in self._live.values() if live.used < oldest and self._is_idle(live)]
            for live in idle:
                self._evict(live)
        for live in idle:
            with live.lock:
                if not live.closed:  # by a task that has evicted it meanwhile
                    log.info("cluster leaves the memory", extra=_figures(live.uuid, live.network))
                    live.close()

    def _is_idle(self, live: LiveCluster) -> bool:
        busy = live.unsaved or live.storing.locked() or live.uuid in self._attached
        return live.state in (ClusterState.RESTING, ClusterState.DIRECT) and not busy

    def close(self) -> None:
        """Store what direct mode trained, end the threads and close the networks."""
        self._watcher.close()
        self._keeper.close()
        self.evict_all()

    def evict_all(self) -> None:
        """Evict all networks that no task works with; nothing is stored."""
        with self._registry:
            left = [live for live in self._live.values() if live.state in (ClusterState.RESTING, ClusterState.DIRECT)]
            for live in left:
                self._evict(live)
        for live in left:
            # A task that was cut off, or a frame, keeps its network until the process ends.
            if live.lock.acquire(timeout=CLOSE_SECONDS):
                live.close()
                live.lock.release()


def _figures(uuid: str, network: LiveNetwork) -> dict[str, object]:
    metrics = network.metrics()
    return {"cluster": uuid, "cycles": metrics.get("cycles", 0), "bytes": metrics.get("memory", 0)}


LIVE: StashKey[LiveClusters] = StashKey("clusters.live")
