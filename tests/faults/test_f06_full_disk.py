"""F06: disk full while uploading, checkpointing, committing.

Injected with a small file system that is filled up. 507 and a sentence; existing data readable; the service recovers
without a restart when space returns; 0 partial files left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import falcon.testing
import pytest

from hanami_core.access import Access, Actor
from hanami_core.errors import InsufficientStorage
from hanami_core.http import Api
from hanami_core.queue import Task, TaskRunner
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_plugins.uploads import open_upload
from hanami_plugins.uploads.session import FileUploadTarget
from hanami_server.examination import examine
from tests.faults.kit import awaited, fill, small_disk
from tests.plugins.test_checkpoints import Site

FULL = "The disk of the server is full"
RESERVE = 2 << 20
ACTOR = Actor("asdf", "asdf", "admin", "admin", is_admin=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "24m") as folder:
        yield folder


@pytest.fixture
def site(disk: Path) -> Iterator[Site]:
    with Site(disk / "data", datasets__wait=0.1, storage__reserve=RESERVE) as opened:
        runner = TaskRunner(opened.runtime, "cpu0", 2, lambda reason: None)
        runner.start()
        yield opened
        runner.stop(5.0)


def full_of(disk: Path, site: Site) -> Path:
    """Fill the disk until nothing can be written into the database either."""
    ballast = fill(disk)
    awaited(lambda: site.call("POST", "cluster", name="room for one").status_code == 500)
    return ballast


def staged(site: Site) -> list[str]:
    return [path.name for path in site.runtime.blobs.store.staged()]


def test_everybody_is_told_that_the_disk_is_full_and_it_ends_by_itself(site: Site, disk: Path) -> None:
    cluster = site.add()
    ballast = full_of(disk, site)
    count = Cluster.select().count()
    for path, fields in (
        ("cluster", {"name": "another one"}),
        ("project", {"id": "letters", "name": "letters"}),
        ("dataset/upload/csv", {"name": "table", "input_data_size": 1}),
        ("cluster/save", {"name": "first", "cluster_uuid": cluster}),
    ):
        answer = site.call("POST", path, **fields)
        assert (path, answer.status_code, answer.text) == (path, 500, FULL)
    assert site.call("GET", "cluster", uuid=cluster).status_code == 200
    assert site.login("asdf")
    ready = site.http.simulate_get("/health/ready")
    assert ready.status_code == 503
    assert {"database: the disk is full", "files: the disk is full"} <= set(ready.json["findings"])
    assert staged(site) == []
    ballast.unlink()
    assert site.call("POST", "cluster/save", name="first", cluster_uuid=cluster).status_code == 200
    assert (Cluster.select().count(), Checkpoint.select().count()) == (count, 1)
    awaited(lambda: "findings" not in site.http.simulate_get("/health/ready").json)
    assert {plugin.state.value for plugin in site.runtime.plugins.plugins.values()} == {"active"}


def test_a_task_waits_for_room_and_then_ends(site: Site, disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    cluster = site.add()
    ballast = fill(disk, left=256 << 10)  # enough for rows, not for the network
    saved = site.call("POST", "cluster/save", name="first", cluster_uuid=cluster)
    if saved.status_code == 200:
        assert saved.json.get("state") in ("queued", "active", None)
    ballast.unlink()
    awaited(lambda: {task.state for task in Task.select()} <= {"finished"}, 20.0)
    assert staged(site) == []


def test_the_doctor_sees_a_full_disk(disk: Path) -> None:
    with Site(disk / "data"):
        pass
    ballast = fill(disk)
    found = [finding for finding in examine(disk / "data", alone=False)[1] if finding.where == "data directory"]
    assert ["the disk is full" in finding.what for finding in found] == [True]
    ballast.unlink()
    assert examine(disk / "data", alone=False)[1] == []


def test_deleting_works_on_a_disk_that_clients_have_filled(site: Site, disk: Path) -> None:
    """What is stored stops before nothing is left, and a file that ran into the end can be given up."""
    cluster = site.add()
    announced = site.call("POST", "dataset/upload/csv", name="large", input_data_size=8 << 20).json
    ballast = fill(disk, left=RESERVE + (2 << 20))
    access = Access(ACTOR, FileUploadTarget.action, site.runtime.plugins.access_rules)
    with open_upload(site.runtime, access, announced["uuid_input_file"]) as receiver:
        with pytest.raises(OSError, match="No space left"):
            for piece in range(8):
                receiver.write(piece << 20, bytes(1 << 20))
        assert 1 <= piece <= 3
    assert site.call("POST", "cluster", name="another one").text == FULL
    assert site.http.simulate_get("/health/ready").json["findings"] == ["files: the disk is full"]
    assert site.login("asdf")
    assert site.call("DELETE", "cluster", uuid=cluster).status_code == 200
    assert site.call("DELETE", "dataset", uuid=announced["uuid"]).status_code == 200
    assert list((disk / "data" / "uploads").iterdir()) == []
    assert site.call("POST", "cluster", name="another one").status_code == 200
    ballast.unlink()


def test_what_does_not_fit_is_not_announced(site: Site, disk: Path) -> None:
    answer = site.call("POST", "dataset/upload/csv", name="table", input_data_size=1 << 30)
    assert (answer.status_code, "too full: 1.1 GB are needed" in answer.text) == (503, True)
    assert site.call("POST", "dataset/upload/csv", name="table", input_data_size=1 << 20).status_code == 200


def test_an_api_without_a_past_answers_507() -> None:
    request, response = falcon.testing.create_req(), falcon.Response()
    Api("plain", "").refuse(request, response, InsufficientStorage("storage_full"))
    assert response.status_code == 507
