"""SQLite as the database: one file in the data directory, no service needed.

Writes are durable when they return (``synchronous=FULL``), except inside of `HanamiSqlite.relaxed`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import peewee

from hanami_core import hookimpl
from hanami_core.settings import Setting, Settings
from hanami_plugins.database_sqlite.read_only import ReadOnlySqlite

FILE_NAME = "hanami.db"

essential = True


class HanamiSqlite(peewee.SqliteDatabase):
    """SQLite with write-ahead log and immediate transactions, so that writers wait instead of failing."""

    @contextlib.contextmanager
    def relaxed(self) -> Iterator[None]:
        """Commit without waiting for the disk; a power cut may lose the write, but never the database."""
        if self.in_transaction():
            yield
            return
        self.execute_sql("PRAGMA synchronous=NORMAL")  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            self.execute_sql("PRAGMA synchronous=FULL")  # type: ignore[no-untyped-call]


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long a writer waits for another one."""
    return [Setting("database_sqlite.timeout", float, 15.0, "Seconds that a writer waits for another one", 0.1)]


@hookimpl(trylast=True)
def hanami_database(settings: Settings, read_only: bool) -> peewee.Database:
    """Open the file in the data directory."""
    timeout = settings["database_sqlite.timeout"]
    if sqlite3.sqlite_version_info < (3, 35):
        raise RuntimeError(f"SQLite 3.35 or newer is needed, this is {sqlite3.sqlite_version}")
    pragmas = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "cache_size": -8192}
    if read_only:
        return ReadOnlySqlite(settings.data_dir / FILE_NAME, timeout)
    file = str(settings.data_dir / FILE_NAME)
    return HanamiSqlite(file, pragmas=pragmas, timeout=timeout, lock_type="IMMEDIATE")
