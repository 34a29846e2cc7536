"""Live networks between frames, tasks and whatever else happens to their clusters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hanami_core.access import Actor
from hanami_core.compute import LiveNetwork
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState
from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.queue import Job, Lane
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import Restore
from hanami_plugins.clusters import LIVE, Cluster, LiveCluster, LiveClusters
from hanami_plugins.clusters.service import HostMove, delete, read_state, template_of
from hanami_plugins.direct_io.messages import EXPECTED, INPUT, TRAIN, cluster_io
from hanami_plugins.direct_io.session import DirectSession
from hanami_plugins.tasks import kinds as task_kinds
from hanami_plugins.tasks.plan import Plan, Result
from tests.plugins.engine_kit import chain, rows
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def runtime(tmp_path: Path, kernels: Path) -> Iterator[Runtime]:
    """A sidecar in which nothing happens by itself."""
    settings = {"clusters.store": 3600.0, "clusters.idle": 3600.0, "compute.cache": str(kernels)}
    with Whole(tmp_path):
        pass
    opened = Runtime.open(tmp_path, "sidecar", settings, {}, PluginHost(installed_plugins()))
    opened.start_compute("cpu0")
    yield opened
    opened.close()


@pytest.fixture
def clusters(runtime: Runtime) -> LiveClusters:
    return runtime.stash[LIVE]


@pytest.fixture
def cluster(runtime: Runtime) -> Cluster:
    """A cluster in direct mode."""
    template = msgspec.json.encode(chain(blocks=1)).decode()
    owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
    with atomic():
        row = Cluster.create(name="c", template=template, seed=1, host="cpu0", mode="DIRECT", **owned)
        Lane.create(key=row.uuid, host="cpu0", held=True)
    return row


class Talk:
    """A direct session."""

    def __init__(self, clusters: LiveClusters, cluster: Cluster) -> None:
        self.session = DirectSession(clusters, clusters.attach(cluster.uuid), {})

    @property
    def live(self) -> LiveCluster:
        return self.session._live

    def train(self, count: int = 1) -> None:
        for _ in range(count):
            self._send(bufferName="in", targetBufferType=INPUT)
            self._send(bufferName="out", targetBufferType=EXPECTED, isLast=True)

    def _send(self, **fields: Any) -> None:
        message = cluster_io()(processType=TRAIN, numberOfValues=2, values=[1.0, 0.0], **fields)
        assert self.session.receive(message.SerializeToString())


@pytest.fixture
def talk(clusters: LiveClusters, cluster: Cluster) -> Talk:
    return Talk(clusters, cluster)


def fresh(cluster: Cluster) -> Cluster:
    return Cluster.get(Cluster.uuid == cluster.uuid)


def change(cluster: Cluster, **fields: Any) -> None:
    Cluster.update(**fields).where(Cluster.uuid == cluster.uuid).execute()


def to_tasks(cluster: Cluster) -> None:
    with atomic():
        change(cluster, mode="TASK")
        Lane.update(held=False).where(Lane.key == cluster.uuid).execute()


def run(runtime: Runtime, cluster: Cluster, kind: str, payload: msgspec.Struct) -> None:
    """Run a task in this thread."""
    with atomic():
        runtime.queue.enqueue(kind, cluster.uuid, ACTOR, "t", payload, 1)
    task = runtime.queue.claim("cpu0", "here")
    assert task is not None
    runtime.kinds[kind].run(Job(runtime, task))


def beside(work: Callable[[], object]) -> threading.Thread:
    """Begin some work in another thread, and give it the time to come to where it waits."""

    def guarded() -> None:
        with suppress(BadRequest):
            work()

    thread = threading.Thread(target=guarded)
    thread.start()
    time.sleep(0.05)
    return thread


class Pause:
    """Holds up whoever stores a live network, after it was copied and before it is durable."""

    def __init__(self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        seal = runtime.blobs.seal

        def waiting(staged: Path) -> None:
            seal(staged)
            self.reached.set()
            assert self.go_on.wait(10)

        monkeypatch.setattr(runtime.blobs, "seal", waiting)


def cycles(runtime: Runtime, cluster: Cluster) -> int:
    """Return what the stored state has seen."""
    row = fresh(cluster)
    return read_state(runtime, row, template_of(row)).head.cycles


def test_a_frame_that_waited_for_a_task_is_not_learned_by_a_network_that_the_task_broke(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train(3)
    with pytest.raises(ZeroDivisionError), clusters.working(cluster.uuid) as live:
        live.network.train_one({"in": [9.0, 9.0]}, {"out": [0.0, 1.0]})
        waiting = beside(talk.train)
        raise ZeroDivisionError
    waiting.join()
    Talk(clusters, cluster).train(5)
    clusters._store_unsaved()
    talk.session.close()
    assert cycles(runtime, cluster) == 8


def test_a_frame_that_waited_for_a_move_is_refused(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train(3)
    waiting: list[threading.Thread] = []
    Lane.update(held=False).where(Lane.key == cluster.uuid).execute()
    runtime.hosts.add(runtime.hosts.owner("cpu0"), [("other", runtime.hosts["cpu0"])])
    with atomic():
        runtime.queue.enqueue("switch_host", cluster.uuid, ACTOR, "t", HostMove("other"), 1)
    task = runtime.queue.claim("cpu0", "here")
    assert task is not None
    monkeypatch.setattr(runtime.queue, "wake", lambda lane: waiting.append(beside(talk.train)))
    runtime.kinds["switch_host"].run(Job(runtime, task))
    waiting[0].join()
    talk.session.close()
    assert (cycles(runtime, cluster), talk.live.changes) == (3, 3)


def test_a_session_does_not_go_on_where_its_cluster_was(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    runtime.hosts.add(runtime.hosts.owner("cpu0"), [("other", runtime.hosts["cpu0"])])
    to_tasks(cluster)
    run(runtime, cluster, "switch_host", HostMove("other"))
    change(cluster, mode="DIRECT")
    with pytest.raises(BadRequest):
        talk.train()


def test_a_state_that_is_being_stored_does_not_replace_a_checkpoint(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train(2)
    clusters._store_unsaved()
    with atomic():
        checkpoint = runtime.blobs.retain(str(fresh(cluster).blob))
    talk.train(5)
    to_tasks(cluster)
    pause = Pause(runtime, monkeypatch)
    storing = beside(clusters._store_unsaved)
    assert pause.reached.wait(10)
    restoring = beside(lambda: run(runtime, cluster, "restore", Restore(checkpoint)))
    pause.go_on.set()
    storing.join()
    restoring.join()
    talk.session.close()
    assert cycles(runtime, cluster) == 2


def test_a_session_that_begins_while_a_network_is_stored_meets_that_network(
    clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train()
    looked_up = clusters._row

    def late(uuid: str) -> Cluster:
        row = looked_up(uuid)
        clusters._store_unsaved()
        return row

    monkeypatch.setattr(clusters, "_row", late)
    assert Talk(clusters, cluster).live is talk.live


def test_a_session_that_begins_when_a_task_has_ended_meets_its_network(
    clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train()
    versions: list[int] = []

    class Watched(type(talk.live)):  # type: ignore[misc]
        def __setattr__(self, name: str, value: object) -> None:
            if name == "version":
                versions.append(int(looked_up()))
            super().__setattr__(name, value)

    def looked_up() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(fresh(cluster).version))
        thread.start()
        thread.join()
        return found[0]

    talk.live.__class__ = Watched
    clusters._store_unsaved()
    assert versions == [0], "the row was ahead of the network"


def test_a_deleted_cluster_leaves_the_memory_and_learns_nothing(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    delete(runtime, cluster)
    clusters._store_unsaved()
    assert not clusters._all()
    with pytest.raises(BadRequest):
        talk.train()
    talk.session.close()
    assert Blob.select().count() == 0


def test_a_cluster_that_is_deleted_while_it_is_stored_leaves_no_file(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train()
    pause = Pause(runtime, monkeypatch)
    storing = beside(clusters._store_unsaved)
    assert pause.reached.wait(10)
    delete(runtime, cluster)
    pause.go_on.set()
    storing.join()
    assert (fresh(cluster).blob, Blob.select().count()) == (None, 0)


def test_a_cluster_that_can_not_be_stored_keeps_no_other_one_from_it(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
    other = Cluster.create(name="d", template=cluster.template, seed=1, host="cpu0", mode="DIRECT", **owned)
    Lane.create(key=other.uuid, host="cpu0", held=True)
    talk.train()
    Talk(clusters, other).train()

    def broken() -> NetworkState:
        raise OSError("the disk is full")

    network: LiveNetwork = talk.live.network
    monkeypatch.setattr(network, "state", broken)
    with suppress(OSError):
        clusters._store_unsaved()
    assert cycles(runtime, other) == 1


def test_a_request_with_more_values_leaves_a_network_as_it_is(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train(3)
    to_tasks(cluster)
    monkeypatch.setattr(task_kinds, "_rows", lambda *_: nullcontext(rows(np.ones((2, 1000), np.uint8))))
    run(runtime, cluster, "request", Plan((), results=(Result("out", "answer"),), dataset="answers"))
    with clusters.working(cluster.uuid) as live:
        assert (live.network.head.inputs, live.network.head.cycles) == ({"in": 2}, 3)
