"""What SQLite leaves behind when it is only looked at: nothing."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import peewee
import pytest

from hanami_core.errors import StartupError
from hanami_plugins.database_sqlite import patient
from hanami_plugins.database_sqlite.patient import Connection, PatientSqlite
from hanami_plugins.database_sqlite.read_only import ReadOnlySqlite

WRITER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("pragma journal_mode = wal")
database.execute("create table if not exists note (number integer)")
database.execute("insert into note values (1)")
print("written", flush=True)
sys.stdin.readline()
if sys.argv[2] == "dies":
    os._exit(9)
database.close()
"""


def traces(folder: Path) -> dict[str, tuple[int, str]]:
    """Return all names with their times and contents."""
    found = [folder, *sorted(folder.rglob("*"))]
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in found
    }


def look(file: Path) -> int:
    """Return the number of notes, asked by two connections, and prove that the look leaves no trace."""
    before = traces(file.parent)
    database = ReadOnlySqlite(file, 5.0)
    for _ in range(2):
        with contextlib.closing(database):
            (count,) = database.execute_sql("select count(*) from note").fetchone()
            assert database.execute_sql("pragma integrity_check").fetchall() == [("ok",)]
            with pytest.raises(peewee.OperationalError, match="readonly"):
                database.execute_sql("insert into note values (7)")
            with database.atomic():
                assert traces(file.parent) == before
    assert traces(file.parent) == before
    return int(count)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hanami.db"


@contextlib.contextmanager
def writing(file: Path, end: str = "closes"):
    """Run a process that has written a note and keeps the database open until the block ends."""
    command = [sys.executable, "-c", WRITER, str(file), end]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        yield
        process.stdin.close()
        process.wait(10)


def names(file: Path) -> list[str]:
    return sorted(path.name.removeprefix("hanami.db") for path in file.parent.iterdir())


def test_a_database_that_was_closed_is_read(file: Path) -> None:
    with writing(file):
        pass
    assert names(file) == [""]
    assert look(file) == 1


def test_a_database_that_is_used_is_read_up_to_the_last_commit(file: Path) -> None:
    with writing(file):
        assert names(file) == ["", "-shm", "-wal"]
        assert look(file) == 1
        with writing(file):
            assert look(file) == 2


def test_what_a_killed_process_has_committed_is_read(file: Path) -> None:
    with writing(file):
        pass
    with writing(file, "dies"):
        pass
    assert names(file) == ["", "-shm", "-wal"]
    assert look(file) == 2


def test_a_copy_with_a_log_is_read(file: Path, tmp_path: Path) -> None:
    with writing(file, "dies"):
        pass
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("hanami.db", "hanami.db-wal"):
        shutil.copyfile(tmp_path / name, folder / name)
    assert look(folder / "hanami.db") == 1


def test_a_database_that_never_was_is_not_made(file: Path) -> None:
    with pytest.raises(StartupError, match="there is no database"):
        ReadOnlySqlite(file, 5.0)
    assert not file.exists()


def test_a_file_without_a_log_at_all_is_read(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("create table note (number integer)")
    assert look(file) == 0


def test_whoever_waits_long_for_a_lock_looks_as_often_as_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("create table note (number integer)")
    other.execute("begin immediate")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 500:
            other.execute("commit")

    monkeypatch.setattr(patient.time, "sleep", sleep)
    database = PatientSqlite(str(file), timeout=60.0, factory=Connection, lock_type="IMMEDIATE")
    with contextlib.closing(other), contextlib.closing(database), database.atomic():
        database.execute_sql("insert into note values (1)")
    assert pauses == [0.001] * 500


def test_a_lock_that_does_not_end_is_waited_for_as_long_as_it_may_take(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("begin immediate")
    database = PatientSqlite(str(file), timeout=60.0, factory=Connection, lock_type="IMMEDIATE")
    with contextlib.closing(other), contextlib.closing(database), database.hurried(0.05):
        with pytest.raises(peewee.OperationalError, match="locked"):
            database.begin()
