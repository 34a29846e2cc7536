"""Tables of the core: what migrations make of an old database, and of a new one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest

import hanami_core
from hanami_core.queue import Partition, Task, partitions
from hanami_core.runtime import CORE_MODELS
from hanami_core.storage import migrations
from hanami_core.testing.storage import bound_to, storage_context
from hanami_plugins.database_sqlite import SqliteBackend

MIGRATIONS = Path(hanami_core.__file__).parent / "migrations"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[peewee.Database]:
    context = storage_context(tmp_path, {"database_sqlite.timeout": 5.0})
    with bound_to(SqliteBackend().open(context)) as opened:
        yield opened.driver


def insert(db: peewee.Database, table: str, **values: Any) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    db.execute_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def task(db: peewee.Database, uuid: str, lane: str, state: str) -> None:
    text = dict.fromkeys(("deleted_at", "started_at", "ended_at"), "-") | dict.fromkeys(
        ("lease_owner", "lease_boot"), ""
    )
    numbers = dict.fromkeys(("current_cycle", "total_cycles", "cursor", "lease_until", "fence"), 0)
    owned = {"project_id": "p", "owner_id": "o", "visibility": "private", "name": uuid, "status": "active"}
    more = {"kind": "train", "payload": "{}", "error": "", "blobs": "[]", "created_at": "2024-01-01 00:00:00"}
    insert(db, "task", uuid=uuid, lane=lane, state=state, **text, **numbers, **owned, **more)


def columns(db: peewee.Database, table: str) -> set[Any]:
    found = {(c.name, c.data_type, c.null, c.primary_key) for c in db.get_columns(table)}
    return found | {(tuple(index.columns), index.unique) for index in db.get_indexes(table)}


def test_lanes_of_the_first_edition_become_partitions(db: peewee.Database, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    shutil.copy(MIGRATIONS / "0001_initial.py", first)
    migrations.migrate(first, "core", [])
    for lane, held in (("idle", 0), ("busy", 0), ("held", 1), ("held, running", 1)):
        insert(db, "lane", key=lane, host="cpu0", held=held)
    states = {"busy": ("finished", "active", "queued"), "held": ("queued",), "held, running": ("active", "queued")}
    for lane, found in states.items():
        for number, state in enumerate(found):
            task(db, f"{lane} {number}", lane, state)
    assert "0003_partitions" in migrations.migrate(MIGRATIONS, "core", CORE_MODELS)
    heads = {p.key: p.head and Task.get(Task.sequence == p.head).uuid for p in Partition.select()}
    assert heads == {"idle": None, "busy": "busy 1", "held": None, "held, running": "held, running 0"}
    assert {p.key for p in Partition.select().where(Partition.paused)} == {"held", "held, running"}
    assert {t.partition for t in Task.select()} == set(states)
    assert {t.attempts for t in Task.select()} == {0}
    assert partitions.doubtful() == []


def test_migrations_end_where_the_models_are(db: peewee.Database, tmp_path: Path) -> None:
    migrations.migrate(MIGRATIONS, "core", CORE_MODELS)
    fresh = peewee.SqliteDatabase(str(tmp_path / "fresh.db"))
    with fresh.bind_ctx(CORE_MODELS):
        fresh.create_tables(CORE_MODELS)
    for model in CORE_MODELS:
        name = model._meta.table_name
        assert columns(db, name) == columns(fresh, name), name
    fresh.close()
