"""F07: read-only or failing fsync (EIO).

Injected into the calls of this process with strace. A write is refused, never a success; health says so; what was not
stored is stored when the disk works again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.queue import Task, TaskRunner
from hanami_plugins.checkpoints import service as checkpoints
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from tests.faults.kit import FILE_NAME, awaited, faulty
from tests.plugins.test_checkpoints import Site

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")

UNAVAILABLE = "The server cannot read or write what it stores, try again in 5 seconds"
KINDS = ["fdatasync,fsync:error=EIO", "pwrite64:error=EROFS", "pwrite64:error=ENOSPC"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as opened:
        yield opened


@pytest.fixture
def runner(site: Site) -> Iterator[TaskRunner]:
    running = TaskRunner(site.runtime, "cpu0", 2, lambda reason: None)
    running.start()
    yield running
    running.stop(5.0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_be_stored_is_refused(site: Site, tmp_path: Path, kind: str) -> None:
    files = [tmp_path / f"{FILE_NAME}{end}" for end in ("", "-wal")]
    with faulty(kind, *files):
        answer = site.call("POST", "cluster", name="first")
        full = kind.endswith("ENOSPC")
        assert answer.status_code == (500 if full else 503), answer.text
        assert answer.text == ("The disk of the server is full" if full else UNAVAILABLE)
        assert site.call("GET", "cluster/all").status_code == 200
        found = site.http.simulate_get("/health/ready").json["findings"]
        assert any(finding.startswith("database: ") for finding in found)
    assert site.call("POST", "cluster", name="first").status_code == 200
    assert Cluster.select().count() == 1


def test_a_save_that_can_not_be_stored_is_no_success_and_comes_later(
    site: Site, runner: TaskRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpoints, "SETTLE_SECONDS", 0.5)
    cluster = site.add()
    blobs = [tmp_path / "blobs" / f"{number:02x}" for number in range(256)]
    for folder in blobs:
        folder.mkdir(parents=True, exist_ok=True)
    with faulty("fsync:error=EIO", *blobs):  # the folder that a blob was put into
        answer = site.call("POST", "cluster/save", name="first", cluster_uuid=cluster)
        assert answer.status_code == 200
        assert answer.json["state"] in ("queued", "active")
        awaited(lambda: "task met a failure of the storage" in caplog.messages)
        assert Checkpoint.select().count() == 0
    awaited(lambda: Checkpoint.select().count() == 1, 20.0)
    task = Task.get(Task.uuid == answer.json["uuid"])
    assert (task.state, task.error) == ("finished", "")
    assert list(site.runtime.blobs.store.staged()) == []
    assert len(list((tmp_path / "blobs").glob("*/*"))) == 1
