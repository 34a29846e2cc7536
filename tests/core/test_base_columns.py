"""Migrations: the columns that all tables have from core, and times that were texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest
from playhouse.migrations import Runner

import hanami_core
import hanami_plugins
from hanami_core.errors import StartupError
from hanami_core.runtime import CORE_MODELS
from hanami_core.storage import migrations, times
from hanami_core.storage.contract import Database
from hanami_core.storage.database import OwnedRecord, Record, proxy
from hanami_core.testing.storage import bound_to
from tests.whole import Whole

CORE = Path(hanami_core.__file__).parent / "migrations"
MOMENT, TEXT = 1_795_290_702.0, "2026-11-21 19:51:42"

FIRST_EDITION = """CREATE TABLE "note" ("sequence" INTEGER NOT NULL PRIMARY KEY, "status" VARCHAR(10) NOT NULL,
    "deleted_at" VARCHAR(64) NOT NULL, "created_at" VARCHAR(64) NOT NULL, "text" TEXT NOT NULL)"""


class Note(Record):
    text = peewee.TextField(default="")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[peewee.SqliteDatabase]:
    """An empty database."""
    driver = peewee.SqliteDatabase(tmp_path / "some.db", pragmas={"foreign_keys": 1})
    with bound_to(Database(driver)):
        yield driver


def add_notes(db: peewee.Database, *rows: tuple[str, str, str, str]) -> None:
    db.execute_sql(FIRST_EDITION)
    for row in rows:
        db.execute_sql('INSERT INTO "note" (status, deleted_at, created_at, text) VALUES (?, ?, ?, ?)', row)


def write_step(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    (directory / f"{name}.py").write_text(f"def up(migrator, db):\n{lines}\n")


def first_edition(data_dir: Path) -> peewee.SqliteDatabase:
    """Make a database with the first migrations of core and of all plugins, and nothing newer."""
    db = peewee.SqliteDatabase(data_dir / "hanami.db")
    plugins = Path(hanami_plugins.__file__).parent
    for owner, directory in (("core", CORE), *((p.parent.name, p) for p in plugins.glob("*/migrations"))):
        Runner(db, str(directory), f"migrations_{owner}").up("0001_initial")
    return db


def insert(db: peewee.Database, table: str, **values: Any) -> None:
    columns = {column.name: column for column in db.get_columns(table)}
    blank = {
        name: "" if "CHAR" in column.data_type or column.data_type == "TEXT" else 0
        for name, column in columns.items()
        if not (column.null or column.primary_key)
    }
    row = blank | {"status": "active", "deleted_at": "-", "created_at": TEXT} | values
    row = {name: value for name, value in row.items() if name in columns}
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    db.execute_sql(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))


def table_of(model: type[peewee.Model]) -> str:
    return str(model._meta.table_name)


def test_a_database_of_the_first_edition_is_taken_over(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    db = first_edition(data)
    uuid, lane = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    owner = {"owner_id": "asdf", "project_id": "admin", "visibility": "private"}
    insert(db, "blob", uuid="b" * 36, size=3, sha256="c" * 64, references=1)
    insert(db, "dataset", uuid=uuid, name="digits", blob="b" * 36, columns="{}", **owner)
    insert(db, "cluster", uuid=lane, name="net", template="", inputs="{}", outputs="{}", metrics="{}", **owner)
    insert(db, "lane", key=lane, host="cpu0", held=0)
    start, end = "2026-11-21 19:51:43", "2026-11-21 19:51:44"
    insert(db, "task", uuid=uuid, lane=lane, name="waits", state="queued", started_at="-", ended_at="-", **owner)
    done = {"uuid": lane, "lane": lane, "name": "done", "state": "finished", "started_at": start, "ended_at": end}
    insert(db, "task", **done, lease_until=1234.5, **owner)
    insert(db, "project", id="gone", name="Gone", creator_id="asdf", status="deleted", deleted_at=end)
    insert(db, "audit_log", user_id="asdf", endpoint="v1/x", request_type="POST")
    db.close()
    with Whole(data) as whole:
        assert whole.call("GET", "dataset", uuid=uuid).json["created_at"] == TEXT
        assert [row[0] for row in whole.call("GET", "cluster/all").json["body"]] == [TEXT]
        waiting, finished = whole.call("GET", "task/all", cluster_uuid=lane).json["body"]
        assert (waiting[3:], finished[3:]) == ([TEXT, "-", "-"], [TEXT, start, end])
        task = whole.call("GET", "task", uuid=lane, cluster_uuid=lane).json
        assert [task[f"{name}_timestamp"] for name in ("queue", "start", "end")] == [TEXT, start, end]
        audited = whole.call("GET", "audit_log", page=0).json["body"]
        assert audited[0] == [TEXT, "asdf", "v1/x", "POST"]
        raw = proxy.obj.execute_sql
        assert raw("SELECT created_at, started_at, ended_at, lease_until FROM task ORDER BY sequence").fetchall() == [
            (MOMENT, None, None, 0.0),
            (MOMENT, MOMENT + 1, MOMENT + 2, 1234.5),
        ]
        assert raw("SELECT status, created_at, deleted_at FROM project WHERE id = 'gone'").fetchall() == [
            ("deleted", MOMENT, MOMENT + 2)
        ]
        assert raw("SELECT store FROM blob").fetchall() == [("files",)]
        assert whole.runtime.migrate() == []


def shape(db: peewee.Database, table: str) -> set[Any]:
    """Return columns and indexes of a table; their order is of no importance."""
    found: set[Any] = {(c.name, c.data_type, c.null, c.primary_key) for c in db.get_columns(table)}
    return found | {(tuple(index.columns), index.unique) for index in db.get_indexes(table)}


def test_migrated_tables_are_those_of_the_models(tmp_path: Path) -> None:
    with Whole(tmp_path / "data") as whole:
        models = [*CORE_MODELS, *whole.runtime.models.values()]
        fresh = peewee.SqliteDatabase(tmp_path / "fresh.db")
        with fresh.bind_ctx(models):
            fresh.create_tables(models)
        for model in models:
            assert shape(proxy.obj, table_of(model)) == shape(fresh, table_of(model))
        fresh.close()


def test_a_plugin_without_migrations_gets_its_base_columns_changed(db: peewee.SqliteDatabase) -> None:
    add_notes(db, ("active", "-", TEXT, "one"), ("deleted", "2026-11-21 19:51:44", TEXT, "two"))
    assert migrations.migrate(None, "notes", [Note]) == ["note: 0001_times_are_numbers"]
    assert [(n.text, n.created_at, n.deleted_at) for n in Note.select().order_by(Note.sequence)] == [
        ("one", MOMENT, None),
        ("two", MOMENT, MOMENT + 2),
    ]
    assert migrations.migrate(None, "notes", [Note]) == []


def test_a_new_table_has_nothing_to_be_changed(db: peewee.SqliteDatabase) -> None:
    migrations.migrate(None, "notes", [Note])
    note = Note.create(text="new")
    assert Note.get(Note.sequence == note.sequence).created_at == note.created_at
    assert note.deleted_at is None


STEPS = {
    "0001_initial": f"db.execute_sql('''{FIRST_EDITION}''')",
    "0002_later": "db.execute_sql('UPDATE note SET text = typeof(created_at)')",
}


@pytest.mark.parametrize("old", [True, False])
def test_a_plugins_steps_find_the_base_columns_as_they_are_today(
    db: peewee.SqliteDatabase, tmp_path: Path, old: bool
) -> None:
    first, second = STEPS.items()
    write_step(tmp_path / "migrations", *first)
    if old:
        Runner(db, str(tmp_path / "migrations"), "migrations_notes").up()
        db.execute_sql(f"INSERT INTO note VALUES (1, 'active', '-', '{TEXT}', '')")
    write_step(tmp_path / "migrations", *second)
    done = migrations.migrate(tmp_path / "migrations", "notes", [Note])
    base = "note: 0001_times_are_numbers"
    assert done == ([base, "0002_later"] if old else ["0001_initial", base, "0002_later"])
    assert [note.text for note in Note.select()] == (["real"] if old else [])


def test_indexes_of_a_plugin_stay(db: peewee.SqliteDatabase) -> None:
    add_notes(db, ("active", "-", TEXT, "one"))
    db.execute_sql('CREATE UNIQUE INDEX "latest" ON "note" ("text", "created_at") WHERE "status" = \'active\'')
    before = db.get_indexes("note")
    migrations.migrate(None, "notes", [Note])
    assert [index for index in db.get_indexes("note") if index.name == "latest"] == before


def test_a_text_that_is_no_moment_refuses_the_start_and_changes_nothing(db: peewee.SqliteDatabase) -> None:
    add_notes(db, ("active", "-", TEXT, "one"), ("active", "-", "yesterday", "two"))
    with pytest.raises(StartupError, match="table note, row 2: created_at is 'yesterday', which is not a moment"):
        migrations.migrate(None, "notes", [Note])
    assert db.execute_sql("SELECT created_at FROM note").fetchall() == [(TEXT,), ("yesterday",)]
    db.execute_sql("UPDATE note SET created_at = ? WHERE sequence = 2", [TEXT])
    migrations.migrate(None, "notes", [Note])
    assert [note.created_at for note in Note.select()] == [MOMENT, MOMENT]


def test_a_missing_table_is_not_made_by_its_base_columns(db: peewee.SqliteDatabase, tmp_path: Path) -> None:
    write_step(tmp_path / "migrations", "0001_initial", "pass")
    migrations.migrate(tmp_path / "migrations", "notes", [Note])
    assert not Note.table_exists()


def test_long_tables_are_changed_in_batches(db: peewee.SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "_BATCH", 2)
    add_notes(db, *(("active", "-", f"2026-11-21 19:51:{42 + n}", str(n)) for n in range(5)))
    migrations.migrate(None, "notes", [Note])
    assert {note.text: note.created_at for note in Note.select()} == {str(n): MOMENT + n for n in range(5)}


def test_a_plugin_may_have_its_own_moments(db: peewee.SqliteDatabase) -> None:
    class Visit(peewee.Model):
        at = peewee.CharField()

        class Meta:
            database = db

    db.create_tables([Visit])
    Visit.create(at=TEXT)
    migrator = migrations.SchemaMigrator.from_database(db)
    for _ in range(2):  # a column that holds numbers stays as it is
        times.texts_to_numbers(migrator, "visit", "at")
    assert db.execute_sql("SELECT at FROM visit").fetchall() == [(MOMENT,)]


def test_every_change_of_the_base_models_has_a_step() -> None:
    """Whoever changes a base column must add a step; this list then changes with it."""
    kinds = {name: (type(f).__name__, f.null) for name, f in OwnedRecord._meta.fields.items()}
    assert kinds == {
        "sequence": ("AutoField", False),
        "status": ("CharField", False),
        "deleted_at": ("DoubleField", True),
        "created_at": ("DoubleField", False),
        "uuid": ("CharField", False),
        "project_id": ("CharField", False),
        "owner_id": ("CharField", False),
        "visibility": ("CharField", False),
        "name": ("NameField", False),
    }
    assert [step.name for step in migrations.BASE_STEPS] == ["0001_times_are_numbers"]
