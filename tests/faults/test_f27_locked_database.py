"""F27: DB locked / long reader / WAL growth.

Injected by another program's transaction and by a reader that stays. Readers do not wait, writers learn that the
database is locked and not that they did something wrong, tasks go on, and the log is short again.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.access import Actor
from hanami_core.queue import Job, Task, TaskKind, TaskRunner
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import Cluster
from hanami_plugins.clusters.service import Nothing
from hanami_plugins.database_sqlite import LARGEST_LOG
from tests.faults.kit import FILE_NAME, awaited, keyed, locked
from tests.plugins.test_checkpoints import Site
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")
PATIENCE = 1.0
LOCKED = "The database of the server is locked, try again in 2 seconds"


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, database_sqlite__timeout=PATIENCE) as opened:
        yield opened


def test_readers_do_not_wait_for_a_lock_and_writers_learn_of_it(whole: Whole, tmp_path: Path) -> None:
    whole.call("POST", "cluster", name="first")
    with locked(tmp_path / FILE_NAME):
        begin = time.monotonic()
        assert whole.call("GET", "cluster/all").status_code == 200
        assert time.monotonic() - begin < PATIENCE
        answers = [whole.call("POST", "cluster", name=f"other {number}") for number in range(6)]
        assert {(answer.status_code, answer.text) for answer in answers} == {(503, LOCKED)}
        # The first one waits as long as the setting says, for the log of calls and for itself; those after it do not.
        assert time.monotonic() - begin < 2 * PATIENCE + 6.0
        assert whole.call("GET", "cluster/all").status_code == 200
        ready = whole.http.simulate_get("/health/ready")
        assert "database: another process has locked the database" in ready.json["findings"]
    assert whole.call("POST", "cluster", name="after it").status_code == 200
    assert Cluster.select().count() == 2
    assert {plugin.state.value for plugin in whole.runtime.plugins.plugins.values()} == {"active"}


def test_a_call_with_a_key_learns_of_a_lock_and_leaves_no_half_transaction(whole: Whole, tmp_path: Path) -> None:
    with locked(tmp_path / FILE_NAME):
        answer = keyed(whole, "key", "POST", "cluster", name="cluster")
        assert (answer.status_code, answer.text) == (503, LOCKED)
    first, again = (keyed(whole, "key", "POST", "cluster", name="cluster") for _ in range(2))
    assert (first.status_code, again.text) == (200, first.text)
    assert Cluster.select().count() == 1


def test_readiness_knows_of_the_end_of_a_lock(whole: Whole, tmp_path: Path) -> None:
    with locked(tmp_path / FILE_NAME):
        assert whole.http.simulate_get("/health/ready").json["findings"]
    awaited(lambda: "findings" not in whole.http.simulate_get("/health/ready").json)


def test_a_login_that_can_not_be_looked_up_is_not_a_wrong_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Whole(folder) as whole:
        folder.rename(tmp_path / "moved")
        whole.runtime.database.disconnect()
        answers = [whole.call("GET", "cluster/all"), whole.call("POST", "cluster", name="first")]
        (tmp_path / "moved").rename(folder)
        text = "The server cannot read or write what it stores, try again in 5 seconds"
        assert [(answer.status_code, answer.text) for answer in answers] == [(503, text)] * 2
        assert whole.call("GET", "cluster/all").status_code == 200


def test_a_task_that_meets_a_lock_goes_on_after_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Site(tmp_path, database_sqlite__timeout=0.2) as site:
        cluster = site.add()
        entered, release = threading.Event(), threading.Event()

        def run(job: Job) -> None:
            entered.set()
            assert release.wait(10.0)
            with job.commit(1, final=True):
                pass

        site.runtime.kinds.add(site.runtime.plugins.plugins["clusters"], [("slow", TaskKind("slow", run))])
        with atomic():
            task = site.runtime.queue.enqueue("slow", cluster, ACTOR, "slow", Nothing(), 1)
        runner = TaskRunner(site.runtime, "cpu0", 2, lambda reason: None)
        runner.start()
        assert entered.wait(10.0)
        with locked(tmp_path / FILE_NAME):
            entered.clear()
            release.set()
            awaited(lambda: "task met a failure of the storage" in caplog.messages)
            assert Task.get(Task.uuid == task.uuid).state == "active"
        assert site.runtime.queue.wait(task.uuid, 20.0) == "finished"
        assert entered.is_set()
        assert Task.get(Task.uuid == task.uuid).attempts == 1
        runner.stop(5.0)


def test_the_log_is_short_again_after_a_long_reader(whole: Whole, tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    log = file.with_name(f"{FILE_NAME}-wal")
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM task").fetchone()
    driver = whole.runtime.database.driver
    driver.execute_sql("CREATE TABLE much (bytes BLOB)")
    while log.stat().st_size < LARGEST_LOG + (8 << 20):
        driver.execute_sql("INSERT INTO much VALUES (zeroblob(2000000))")
    reader.close()
    for _ in range(3):
        driver.execute_sql("INSERT INTO much VALUES (zeroblob(10))")
    assert log.stat().st_size <= LARGEST_LOG
