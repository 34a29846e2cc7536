"""The plugin `retention`: old rows go, what is needed stays, and the database shrinks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest

from hanami_core.access import Actor
from hanami_core.queue import Task
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_plugins.clusters.service import Nothing
from hanami_plugins.database_sqlite import SqliteBackend
from hanami_plugins.datasets import Dataset
from hanami_plugins.retention import clean_up
from tests.plugins.test_quotas import give_table
from tests.whole import Whole, fill

DAY = 86_400.0
ACTOR = Actor("asdf", "asdf", "admin", "admin")


class Later:
    """A clock that is ahead by so many days."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.days = 0.0

    def now(self) -> float:
        return time.time() + self.days * DAY

    def monotonic(self) -> float:
        return float(self._clock.monotonic())

    def boot(self) -> str:
        return str(self._clock.boot())


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    # Nothing is cleaned up but by the tests.
    with Whole(tmp_path, retention__interval=1e6) as opened:
        yield opened


def after(whole: Whole, days: float) -> None:
    """Clean up as if so many days had passed."""
    clock = Later(whole.runtime.clock)
    clock.days = days
    whole.runtime.clock, before = clock, whole.runtime.clock
    try:
        clean_up(whole.runtime)
    finally:
        whole.runtime.clock = before


def cluster(whole: Whole, name: str = "cluster") -> str:
    return str(whole.call("POST", "cluster", name=name).json["uuid"])


def task(whole: Whole, partition: str, kind: str = "settle") -> Task:
    with atomic():
        return whole.runtime.queue.enqueue(kind, partition, ACTOR, "some task", Nothing(), 1)


def fail(whole: Whole, partition: str) -> None:
    host = Cluster.get(Cluster.uuid == partition).host
    claimed = whole.runtime.queue.claim(host, f"{host}/1")
    assert claimed is not None
    whole.runtime.queue.fail(claimed, "no reason")


def test_what_was_deleted_goes_after_its_time(whole: Whole) -> None:
    uuid, table = cluster(whole), give_table(whole)
    whole.call("DELETE", "cluster", uuid=uuid)
    whole.call("DELETE", "dataset", uuid=table)
    after(whole, 29)
    assert (Cluster.select().count(), Dataset.select().count()) == (1, 1)
    after(whole, 31)
    assert (Cluster.select().count(), Dataset.select().count()) == (0, 0)


def test_what_was_not_deleted_stays(whole: Whole) -> None:
    cluster(whole)
    give_table(whole)
    Checkpoint.create(name="point", owner_id="asdf", project_id="admin", blob=str(Dataset.get().blob))
    after(whole, 1000)
    assert [model.select().count() for model in (Cluster, Dataset, Checkpoint)] == [1, 1, 1]


def test_tasks_go_with_their_cluster_and_stay_with_it(whole: Whole) -> None:
    kept, gone = cluster(whole, "kept"), cluster(whole, "gone")
    for uuid in (kept, gone):
        task(whole, uuid)
        fail(whole, uuid)
    counts = whole.runtime.queue.ended_counts()
    whole.call("DELETE", "cluster", uuid=gone)
    after(whole, 31)
    assert [row.partition for row in Task.select()] == [kept]
    # Counts of a scraper never go back.
    assert whole.runtime.queue.ended_counts() == counts == {"failed": 2}
    after(whole, 31)
    assert whole.runtime.queue.ended_counts() == counts


def test_a_deleted_task_of_a_cluster_that_is_there_goes(whole: Whole) -> None:
    uuid = cluster(whole)
    one = task(whole, uuid)
    fail(whole, uuid)
    assert whole.call("DELETE", "task", uuid=one.uuid, cluster_uuid=uuid).status_code == 200
    after(whole, 31)
    assert Task.select().count() == 0


def test_a_deleted_cluster_stays_as_long_as_a_task_needs_it(whole: Whole) -> None:
    uuid = cluster(whole)
    task(whole, uuid, "save")
    whole.call("DELETE", "cluster", uuid=uuid)
    after(whole, 31)
    assert (Cluster.select().count(), Task.select().count()) == (1, 1)
    fail(whole, uuid)
    after(whole, 31)
    assert Cluster.select().count() == 0
    after(whole, 62)
    assert Task.select().count() == 0


def test_nothing_goes_if_that_is_not_wanted(tmp_path: Path) -> None:
    with Whole(tmp_path, retention__days=-1) as whole:
        whole.call("DELETE", "cluster", uuid=cluster(whole))
        after(whole, 1000)
        assert Cluster.select().count() == 1


def test_many_rows_go_in_batches_and_the_file_shrinks(whole: Whole, tmp_path: Path) -> None:
    owned = {"owner_id": "asdf", "project_id": "admin", "visibility": "private", "host": "cpu0", "seed": 1}
    text = {"name": "c", "template": "x" * 20_000, "status": "deleted", "deleted_at": 1.0, "created_at": 1.0}
    fill(whole, Cluster, 1000, uuid=lambda n: f"uuid {n}", **owned, **text)
    database, file = whole.runtime.database.driver, tmp_path / "hanami.db"
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    before = file.stat().st_size
    assert before > 20_000_000
    after(whole, 0)
    assert Cluster.select().count() == 0
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert file.stat().st_size < before / 10


def test_a_file_of_an_older_version_shrinks_as_well(tmp_path: Path) -> None:
    old = peewee.SqliteDatabase(tmp_path / "hanami.db", pragmas={"journal_mode": "wal"})
    old.execute_sql("CREATE TABLE some (text)")
    old.execute_sql(
        "INSERT INTO some WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99) "
        "SELECT hex(zeroblob(20000)) FROM n"
    )
    old.execute_sql("DELETE FROM some")
    old.close()

    class Settings(dict[str, Any]):
        data_dir = tmp_path

    settings: Any = Settings({"database_sqlite.timeout": 1.0})
    database = SqliteBackend().open(StorageContext(settings, Any))  # type: ignore[arg-type]
    assert database.shrink(10) == 0
    assert database.driver.execute_sql("PRAGMA auto_vacuum").fetchone() == (2,)
    assert database.driver.execute_sql("PRAGMA freelist_count").fetchone() == (0,)
    database.close()
