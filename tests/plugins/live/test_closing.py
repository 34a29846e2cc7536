"""Whatever way a network leaves the memory, it is closed, and nobody works with it any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hanami_core.errors import BadRequest
from hanami_core.network import Settings, in_a_line
from hanami_core.plugin_host import EntryPoint, PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import RestorePayload
from hanami_plugins.clusters import LIVE, Cluster, LiveClusters, live
from hanami_plugins.clusters.service import Nothing, delete_cluster
from hanami_plugins.direct_io.messages import read_frame
from tests import mine
from tests.mine import MineHost
from tests.plugins.live.kit import ACTOR, Talk, access, answer, change, fresh, request, run, to_tasks, told
from tests.whole import Whole

MINE = EntryPoint("mine", "third", "1", lambda: mine)


@pytest.fixture
def runtime(order_of_locks: None, tmp_path: Path) -> Iterator[Runtime]:
    """A sidecar of a host that counts its networks, in which nothing happens by itself."""
    settings = {"clusters.store": 3600.0, "clusters.idle": 3600.0}
    with Whole(tmp_path, MINE):
        pass
    opened = Runtime.open(tmp_path, "sidecar", settings, {}, PluginHost([*installed_plugins(), MINE]))
    opened.start_compute("mine0")
    yield opened
    opened.close()


@pytest.fixture
def host(runtime: Runtime) -> MineHost:
    found = runtime.hosts["mine0"]
    assert isinstance(found, MineHost)
    return found


@pytest.fixture
def clusters(runtime: Runtime) -> LiveClusters:
    return runtime.stash[LIVE]


@pytest.fixture
def cluster(runtime: Runtime) -> Cluster:
    """A cluster in direct mode."""
    template = msgspec.structs.replace(in_a_line(["in"], ["out"]), settings=Settings(growth="mine"))
    text = msgspec.json.encode(template).decode()
    owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
    with atomic():
        row = Cluster.create(name="c", template=text, seed=1, host="mine0", mode="DIRECT", **owned)
        runtime.queue.create_partition(row.uuid, "mine0", paused=True)
    return row


def end_of(clusters: LiveClusters) -> None:
    """Evict all networks in a thread that holds none of them."""
    thread = threading.Thread(target=clusters.evict_all)
    thread.start()
    thread.join()


def test_one_that_nobody_uses_is_closed_after_a_frame_has_run(
    clusters: LiveClusters, cluster: Cluster, host: MineHost
) -> None:
    talk = Talk(clusters, cluster)
    talk.train()
    talk.close()
    assert host.networks == 1
    with talk.live.lock:
        idle = threading.Thread(target=clusters.evict_idle, args=(-1.0,))
        idle.start()
        idle.join(0.05)
        assert host.networks == 1
        talk.live.network.request_one({"in": np.zeros(2, np.float32)})
    idle.join()
    assert host.networks == 0
    clusters.evict_idle(-1.0)
    assert host.networks == 0


def test_one_that_a_task_broke_is_closed(clusters: LiveClusters, cluster: Cluster, host: MineHost) -> None:
    with pytest.raises(ZeroDivisionError), clusters.working(cluster.uuid):
        raise ZeroDivisionError
    assert host.networks == 0


def test_one_that_was_restored_over_is_closed(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, host: MineHost
) -> None:
    talk = Talk(clusters, cluster)
    talk.train()
    to_tasks(runtime, cluster)
    run(runtime, cluster, "settle", Nothing(), "mine0")
    blob = str(fresh(cluster).blob)
    with atomic():
        runtime.blobs.incref(blob)
    before = talk.live
    run(runtime, cluster, "restore", RestorePayload(blob), "mine0")
    assert host.networks == 0
    change(cluster, mode="DIRECT")
    talk.train()
    assert talk.live is not before
    assert (host.networks, host.opened) == (1, 3)
    talk.close()


def test_one_of_a_deleted_cluster_is_closed_and_its_sessions_are_refused(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, host: MineHost
) -> None:
    talk = Talk(clusters, cluster)
    talk.train()
    with atomic():
        delete_cluster(runtime, access(runtime), cluster.uuid)
    clusters._keeper.flush()
    assert host.networks == 0
    # A frame that found direct mode a moment ago, and has not looked at the network yet.
    with pytest.raises(BadRequest) as error:
        answer(talk.session._fill(read_frame(request([1.0, 0.0])), talk.live))
    assert told(error.value) == "the cluster is not in direct mode"


def test_all_are_closed_at_the_end_but_those_that_a_task_works_with(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, host: MineHost
) -> None:
    talk = Talk(clusters, cluster)
    talk.train(3)
    other = Cluster.create(
        name="o", template=cluster.template, seed=1, host="mine0", owner_id="x", project_id="x", mode="TASK"
    )
    clusters._keeper.flush()
    with clusters.working(other.uuid) as working:
        end_of(clusters)
        assert host.networks == 1
        working.network.train_one({"in": np.zeros(2, np.float32)}, {})
    assert fresh(cluster).cycles == 3


def test_a_frame_that_does_not_end_keeps_its_network(
    clusters: LiveClusters, cluster: Cluster, host: MineHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CLOSE_SECONDS", 0.01)
    talk = Talk(clusters, cluster)
    talk.train()
    talk.close()
    with talk.live.lock:
        end_of(clusters)
        assert host.networks == 1
