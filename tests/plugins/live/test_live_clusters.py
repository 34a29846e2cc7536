"""Live networks between frames, tasks and whatever else happens to their clusters."""

from __future__ import annotations

import threading
from contextlib import nullcontext, suppress

import numpy as np
import pytest

from hanami_core.compute import LiveNetwork
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState
from hanami_core.queue import Job
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import RestorePayload
from hanami_plugins.clusters import Cluster, LiveClusters
from hanami_plugins.clusters.moving import HostMove
from hanami_plugins.clusters.service import delete_cluster
from hanami_plugins.tasks import kinds as task_kinds
from hanami_plugins.tasks.plans import ResultColumn, TaskPlan
from tests.plugins.engine_kit import rows
from tests.plugins.live.kit import ACTOR, Pause, Talk, access, beside, change, cycles, fresh, run, to_tasks


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
    talk.close()
    assert live.network.head.cycles == 4, "the network that was broken has learned a frame"
    assert cycles(runtime, cluster) == 3 + 1 + 5


def test_a_frame_that_waited_for_a_move_is_refused(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train(3)
    waiting: list[threading.Thread] = []
    runtime.queue.resume(cluster.uuid)
    runtime.hosts.add(runtime.hosts.owner("cpu0"), [("other", runtime.hosts["cpu0"])])
    with atomic():
        runtime.queue.enqueue("switch_host", cluster.uuid, ACTOR, "t", HostMove("other"), 1)
    task = runtime.queue.claim("cpu0", "here")
    assert task is not None
    move = runtime.queue.move_partition

    def moving(key: str, host: str) -> None:
        move(key, host)
        waiting.append(beside(talk.train))

    monkeypatch.setattr(runtime.queue, "move_partition", moving)
    runtime.kinds["switch_host"].run(Job(runtime, task))
    waiting[0].join()
    talk.close()
    assert (cycles(runtime, cluster), talk.live.changes) == (3, 3)


def test_a_session_does_not_go_on_where_its_cluster_was(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    runtime.hosts.add(runtime.hosts.owner("cpu0"), [("other", runtime.hosts["cpu0"])])
    to_tasks(runtime, cluster)
    run(runtime, cluster, "switch_host", HostMove("other"))
    change(cluster, mode="DIRECT")
    with pytest.raises(BadRequest):
        talk.train()


def test_a_state_that_is_being_stored_does_not_replace_a_checkpoint(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train(2)
    clusters._keeper.flush()
    with atomic():
        checkpoint = runtime.blobs.incref(str(fresh(cluster).blob))
    talk.train(5)
    to_tasks(runtime, cluster)
    pause = Pause(runtime, monkeypatch)
    storing = beside(clusters._keeper.flush)
    assert pause.reached.wait(10)
    restoring = beside(lambda: run(runtime, cluster, "restore", RestorePayload(checkpoint)))
    pause.go_on.set()
    storing.join()
    restoring.join()
    talk.close()
    assert cycles(runtime, cluster) == 2


def test_a_session_that_begins_while_a_network_is_stored_meets_that_network(
    clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train()
    looked_up = clusters._row

    def late(uuid: str) -> Cluster:
        row = looked_up(uuid)
        clusters._keeper.flush()
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
    clusters._keeper.flush()
    assert versions == [0], "the row was ahead of the network"


def test_a_deleted_cluster_leaves_the_memory_and_learns_nothing(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    delete_cluster(runtime, access(runtime), cluster.uuid)
    clusters._keeper.flush()
    assert not clusters._live
    with pytest.raises(BadRequest):
        talk.train()
    talk.close()
    assert Blob.select().count() == 0


def test_a_cluster_that_is_deleted_while_it_is_stored_leaves_no_file(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train()
    pause = Pause(runtime, monkeypatch)
    storing = beside(clusters._keeper.flush)
    assert pause.reached.wait(10)
    delete_cluster(runtime, access(runtime), cluster.uuid)
    pause.go_on.set()
    storing.join()
    assert (fresh(cluster).blob, Blob.select().count()) == (None, 0)


def test_a_cluster_that_can_not_be_stored_keeps_no_other_one_from_it(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
    other = Cluster.create(name="d", template=cluster.template, seed=1, host="cpu0", mode="DIRECT", **owned)
    runtime.queue.create_partition(other.uuid, "cpu0", paused=True)
    talk.train()
    Talk(clusters, other).train()

    def broken() -> NetworkState:
        raise OSError("the disk is full")

    network: LiveNetwork = talk.live.network
    with monkeypatch.context() as patch, suppress(OSError):
        patch.setattr(network, "state", broken)
        clusters._keeper.flush()
    assert cycles(runtime, other) == 1


def test_a_request_with_more_values_leaves_a_network_as_it_is(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.train(3)
    to_tasks(runtime, cluster)
    monkeypatch.setattr(task_kinds, "_rows", lambda *_: nullcontext(rows(np.ones((2, 1000), np.uint8))))
    run(runtime, cluster, "request", TaskPlan((), results=(ResultColumn("out", "answer"),), dataset="answers"))
    with clusters.working(cluster.uuid) as live:
        assert (live.network.head.inputs, live.network.head.cycles) == ({"in": 2}, 3)
