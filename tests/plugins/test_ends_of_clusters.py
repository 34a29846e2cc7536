"""Clusters that are deleted while tasks of theirs come in, run, or fail: nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.access import Actor
from hanami_core.errors import Conflict
from hanami_core.queue import Partition, Task
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import SavePayload
from hanami_plugins.clusters import Cluster
from hanami_plugins.clusters.service import Nothing
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


@pytest.fixture
def cluster(whole: Whole) -> Cluster:
    """A cluster with a stored state."""
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    with whole.runtime.blobs.staging() as path:
        path.write_bytes(b"a network")
        with atomic():
            Cluster.update(blob=whole.runtime.blobs.link(path)).where(Cluster.uuid == uuid).execute()
    return Cluster.get(Cluster.uuid == uuid)


def add(whole: Whole, cluster: Cluster, kind: str) -> Task:
    with atomic():
        return whole.runtime.queue.enqueue(
            kind, cluster.uuid, ACTOR, kind, SavePayload() if kind == "save" else Nothing(), 1
        )


def test_a_deleted_cluster_takes_no_task(whole: Whole, cluster: Cluster) -> None:
    assert whole.call("DELETE", "cluster", uuid=cluster.uuid).status_code == 200
    with pytest.raises(Conflict):
        add(whole, cluster, "train")
    assert Task.select().count() == Partition.select().where(Partition.key == cluster.uuid).count() == 0
    assert Blob.select().count() == 0


def test_tasks_of_a_deleted_cluster_end(whole: Whole, cluster: Cluster) -> None:
    add(whole, cluster, "train")
    whole.call("DELETE", "cluster", uuid=cluster.uuid)
    assert [task.state for task in Task.select()] == ["aborted"]
    assert Blob.select().count() == 0


@pytest.mark.parametrize("end", ["finished", "failed", "aborted"])
def test_whoever_ends_last_cleans_up_however_it_ends(whole: Whole, cluster: Cluster, end: str) -> None:
    queue, save = whole.runtime.queue, add(whole, cluster, "save")
    whole.call("DELETE", "cluster", uuid=cluster.uuid)
    assert (queue.has_partition(cluster.uuid), Blob.select().count()) == (True, 1)
    with pytest.raises(Conflict):
        add(whole, cluster, "train")
    task = queue.claim(cluster.host, f"{cluster.host}/1")
    assert task is not None
    assert task.uuid == save.uuid
    if end == "finished":
        with queue.commit(task, 1, final=True):
            pass
    elif end == "failed":
        queue.fail(task, "the disk is full")
    else:
        with atomic():
            queue.abort(cluster.uuid, [task.uuid])
    assert (queue.has_partition(cluster.uuid), Blob.select().count()) == (False, 0)


def test_a_start_mends_what_does_not_belong_together(whole: Whole, cluster: Cluster, tmp_path: Path) -> None:
    """As an earlier version, or a hand, may have left it."""
    lonely = whole.call("POST", "cluster", name="without a queue").json["uuid"]
    Partition.delete().where(Partition.key == lonely).execute()
    Cluster.update(status="deleted").where(Cluster.uuid == cluster.uuid).execute()
    named = [
        f"cluster '{name}' ({uuid}) of user 'asdf'"
        for name, uuid in (("without a queue", lonely), ("cluster", cluster.uuid))
    ]
    (check,) = (found.item for found in whole.runtime.plugins.checks(whole.runtime) if "clusters" in found.item.name)
    assert [finding.where for finding in check.run()] == named
    whole.close()
    with Whole(tmp_path) as again:
        assert list(check.run()) == []
        assert again.runtime.queue.has_partition(lonely)
        assert (again.runtime.queue.has_partition(cluster.uuid), Blob.select().count()) == (False, 0)
