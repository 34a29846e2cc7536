"""Calls that wait for a task answer with what became of it, or say that it is still to be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.queue import Task, TaskRunner
from hanami_core.storage.blobs import Blob
from hanami_plugins.checkpoints import service as checkpoints
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import LIVE, Cluster
from hanami_plugins.clusters import service as clusters
from tests.plugins.test_checkpoints import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An application with a sidecar that works all the time."""
    with Site(tmp_path) as opened:
        runner = TaskRunner(opened.runtime, "cpu0", 2, lambda reason: None)
        runner.start()
        yield opened
        runner.stop(5.0)


@pytest.fixture
def broken(site: Site) -> str:
    """A cluster whose stored network is lost."""
    cluster = site.add()
    site.call("POST", "cluster/save", name="first", cluster_uuid=cluster)
    lose(site, cluster)
    return cluster


def lose(site: Site, cluster: str) -> None:
    site.runtime.stash[LIVE].evict_all()
    site.runtime.blobs.store.delete(Cluster.get(Cluster.uuid == cluster).blob)


def test_a_save_that_failed_is_answered_with_its_reason(site: Site, broken: str) -> None:
    answer = site.call("POST", "cluster/save", name="second", cluster_uuid=broken)
    task = Task.get(Task.name == "second")
    assert (answer.status_code, answer.text) == (500, f"Task with UUID '{task.uuid}' failed: {task.error}")
    assert "missing" in task.error
    assert not Checkpoint.select().where(Checkpoint.uuid == task.uuid).exists()


def test_a_restore_that_failed_is_answered_with_its_reason(site: Site, broken: str) -> None:
    answer = site.call("POST", "cluster/load", cluster_uuid=broken, checkpoint_uuid=Checkpoint.get().uuid)
    assert (answer.status_code, "missing" in answer.text) == (500, True)


def test_a_move_that_failed_is_answered_with_its_reason(site: Site, broken: str) -> None:
    answer = site.call("PUT", "cluster/switch_host", cluster_uuid=broken, host_uuid=site.runtime.host_uuids["cpu0"])
    assert (answer.status_code, "missing" in answer.text) == (500, True)


def test_an_end_of_direct_mode_that_stored_nothing_is_answered_with_its_reason(site: Site, broken: str) -> None:
    assert site.call("PUT", "cluster/set_mode", uuid=broken, new_state="DIRECT").status_code == 200
    answer = site.call("PUT", "cluster/set_mode", uuid=broken, new_state="TASK")
    assert (answer.status_code, "missing" in answer.text) == (500, True)


def test_v04_learns_of_the_failure_too(site: Site, broken: str) -> None:
    answer = site.call("POST", "/control/v1/cluster/save", name="second", cluster_uuid=broken)
    assert (answer.status_code, "missing" in answer.text) == (500, True)


def test_what_is_done_has_no_state(site: Site) -> None:
    cluster = site.add()
    saved = site.call("POST", "cluster/save", name="first", cluster_uuid=cluster).json
    loaded = site.call("POST", "cluster/load", cluster_uuid=cluster, checkpoint_uuid=saved["uuid"]).json
    moved = site.call("PUT", "cluster/switch_host", cluster_uuid=cluster, host_uuid=site.runtime.host_uuids["cpu0"])
    assert (sorted(saved), sorted(loaded), "task_uuid" in moved.json) == (["name", "uuid"], ["uuid"], False)
    for mode in ("DIRECT", "TASK"):
        changed = site.call("PUT", "cluster/set_mode", uuid=cluster, new_state=mode).json
        assert sorted(changed) == ["created_at", "name", "new_state", "uuid"]


def test_what_is_still_to_be_done_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (checkpoints, clusters):
        monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    with Site(tmp_path) as site:
        cluster = site.add()
        site.call("PUT", "cluster/set_mode", uuid=cluster, new_state="DIRECT")
        settle = site.call("PUT", "cluster/set_mode", uuid=cluster, new_state="TASK").json["task_uuid"]
        again = site.call("PUT", "cluster/set_mode", uuid=cluster, new_state="TASK").json["task_uuid"]
        assert Task.get(Task.uuid == settle).state == "queued"
        assert again == settle
        host = site.runtime.host_uuids["cpu0"]
        move = site.call("PUT", "cluster/switch_host", cluster_uuid=cluster, host_uuid=host).json["task_uuid"]
        saved = site.call("POST", "cluster/save", name="first", cluster_uuid=cluster).json
        assert saved["state"] == "queued"
        site.work()
        assert "task_uuid" not in site.call("PUT", "cluster/set_mode", uuid=cluster, new_state="TASK").json
        assert {task.state for task in Task.select()} == {"finished"}
        assert Task.select().where(Task.uuid.in_([settle, move, saved["uuid"]])).count() == 3
        loaded = site.call("POST", "cluster/load", cluster_uuid=cluster, checkpoint_uuid=saved["uuid"]).json
        assert loaded["state"] == "queued"
        assert Blob.select().count() == 1
