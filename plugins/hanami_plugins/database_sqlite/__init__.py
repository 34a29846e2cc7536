"""SQLite as the database ``sqlite``: one file in the data directory, no service needed.

Writes are durable when they return (``synchronous=FULL``), except inside of `SqliteDatabase.relaxed`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import peewee

from hanami_core import hookimpl
from hanami_core.errors import ServiceError
from hanami_core.settings import Setting
from hanami_core.storage.contract import Database, DatabaseBackend, StorageContext
from hanami_plugins.database_sqlite.patient import Connection, PatientSqlite, failure_of
from hanami_plugins.database_sqlite.read_only import ReadOnlySqlite

__all__ = ["SqliteBackend"]

_FILE_NAME = "hanami.db"
OLDEST = (3, 35)
LARGEST_LOG = 16 << 20
"""Bytes of the write-ahead log that are kept when it begins anew; a long reader makes it as long as it takes."""
SMALL_FILE = 100_000_000
"""Bytes of a file that is made anew in a moment."""
_INCREMENTAL = 2
CACHE = 1024
"""KiB of pages that a connection keeps. Each thread of each process has one; the system keeps what all of them read."""
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "cache_size": -CACHE,
    "journal_size_limit": LARGEST_LOG,
}
PROBE_SECONDS = 2.0
PROBE_ROW = "INSERT INTO section_lock (name, entered) VALUES ('probe', 1) ON CONFLICT (name) DO UPDATE SET entered = 1"


class SqliteDatabase(Database):
    """SQLite with write-ahead log and immediate transactions, so that writers wait instead of failing."""

    driver: PatientSqlite

    def exclusive(self, name: str) -> AbstractContextManager[object]:
        """Return a transaction; every one locks out all others that may write, whatever the section."""
        return self.driver.atomic()

    def hold(self, model: type[peewee.Model], expected: object) -> bool:
        """Look only: nobody else writes before this transaction, which is an immediate one, has ended."""
        return bool(model.select(peewee.SQL("1")).where(expected).limit(1).tuples().first())

    def relaxed(self) -> AbstractContextManager[object]:
        """Commit without waiting for the disk; a power cut may lose the write, but never the database."""
        return contextlib.nullcontext() if self.driver.in_transaction() else self._normal()

    @contextlib.contextmanager
    def _normal(self) -> Iterator[None]:
        self.driver.execute_sql("PRAGMA synchronous=NORMAL")  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            self.driver.execute_sql("PRAGMA synchronous=FULL")  # type: ignore[no-untyped-call]

    def check(self) -> list[str]:
        """Let SQLite look for damage."""
        try:
            lines = self.driver.execute_sql("PRAGMA integrity_check").fetchall()  # type: ignore[no-untyped-call]
        except (peewee.DatabaseError, sqlite3.DatabaseError) as error:
            return [str(error)]
        return [str(line) for (line,) in lines if line != "ok"]

    def failure(self, error: Exception) -> ServiceError | None:
        """Say what an error of SQLite means; a query that cannot be right is a defect."""
        return failure_of(error, Path(str(self.driver.database)))

    def probe(self) -> None:
        """Write a row, and wait for a lock no longer than readiness may take."""
        with self.driver.hurried(PROBE_SECONDS), self.driver.atomic():
            self.driver.execute_sql(PROBE_ROW)  # type: ignore[no-untyped-call]

    def shrink(self, most: int) -> int:
        """Give free pages back; a file that cannot do so in steps is made anew once, if it is small."""
        if self._number("auto_vacuum") != _INCREMENTAL:
            small = self._number("page_count") * self._number("page_size") <= SMALL_FILE
            if not (small and self._number("freelist_count")):
                return 0
            self.driver.execute_sql("PRAGMA auto_vacuum = INCREMENTAL")  # type: ignore[no-untyped-call]
            self.driver.execute_sql("VACUUM")  # type: ignore[no-untyped-call]
            return 0
        before = self._number("freelist_count")
        # A script, because the statement must be stepped for each page and `execute` does so once.
        script = f"PRAGMA incremental_vacuum({int(most)})"
        connection = self.driver.connection()  # type: ignore[no-untyped-call]
        self.driver.patiently(lambda: connection.executescript(script))
        return before - self._number("freelist_count")

    def _number(self, pragma: str) -> int:
        return int(self.driver.execute_sql(f"PRAGMA {pragma}").fetchone()[0])  # type: ignore[no-untyped-call]

    def data_version(self) -> Hashable | None:
        """Return what others have committed, as a number of SQLite's, and how many rows this connection has changed."""
        if self.driver.in_transaction():
            return None
        connection = self.driver.connection()  # type: ignore[no-untyped-call]
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        return connection.number, version, connection.total_changes


class SqliteBackend:
    """Opens the file in the data directory."""

    name = "sqlite"

    def open(self, context: StorageContext) -> Database:
        """Return the database, with a connection for each thread that asks."""
        if sqlite3.sqlite_version_info < OLDEST:
            raise RuntimeError(f"SQLite {'.'.join(map(str, OLDEST))} or newer is needed, not {sqlite3.sqlite_version}")
        options = {"timeout": context.settings["database_sqlite.timeout"], "factory": Connection}
        file = context.data_dir / _FILE_NAME
        if context.read_only:
            return SqliteDatabase(ReadOnlySqlite(file, options["timeout"]))
        if not file.exists():
            _make(file)
        return SqliteDatabase(PatientSqlite(str(file), pragmas=PRAGMAS, lock_type="IMMEDIATE", **options))


def _make(file: Path) -> None:
    """Make a file that can give free pages back in steps, which must be said before anything is written to it.

    Not one of `PRAGMAS`: said of a file that is there, it waits for whoever writes.
    """
    # SQLite gives the files beside it the same mode.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long a writer waits for another one."""
    return [Setting("database_sqlite.timeout", float, 5.0, "Seconds that a writer waits for another writer", 0.1)]


@hookimpl
def hanami_databases() -> list[DatabaseBackend]:
    """Add ``sqlite``."""
    return [SqliteBackend()]
