"""How a writer waits for another one, and what an error of SQLite means.

A writer looks for the lock every millisecond. SQLite itself would look more and more seldom, so that of
many writers those who have waited for long are the last to get it.

One process waits for a lock as long as the setting says. If it was not had even then, somebody outside of the server
holds it, and to wait as long with each call would take all threads that answer requests, those of readers too: from
then on a call waits for a moment only, until a lock is had again.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import peewee

from hanami_core.errors import ServiceError, Unavailable
from hanami_core.pauses import about_to_wait
from hanami_core.storage.failures import full, unavailable
from hanami_core.storage.texts import KeepsTexts

__all__ = ["Connection", "PatientSqlite", "failure_of"]

T = TypeVar("T")

LONGEST = 5.0
MOMENT = 0.25
"""Seconds that a call waits for a lock which was not had in the whole time."""
INTERVAL = 0.001
"""Seconds between two looks for a lock."""
BUSY_SECONDS = 2
NO_ROOM = 1 << 16
"""Bytes of free disk below which a write that failed is taken to have found no room."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DISK = (
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
)


class Connection(sqlite3.Connection):
    """A connection that can be told from every other one of the process, and that knows whether SQLite waits in it."""

    _numbers = itertools.count()

    def __init__(self, *args: object, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.number = next(self._numbers)
        self.waits = True


class _Limit(threading.local):
    """How long a thread wants to wait at most."""

    seconds = math.inf


class PatientSqlite(KeepsTexts, peewee.SqliteDatabase):
    """SQLite whose writers wait for others, but not all of them for ever."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Open a file as peewee does."""
        self._blocked = False
        self._limit = _Limit()
        self._longest = float(options.get("timeout", LONGEST))
        super().__init__(*args, **options)

    def begin(self, lock_type: str | None = None) -> None:
        """Begin a transaction, which takes the lock of writers."""
        self.patiently(lambda: super(PatientSqlite, self).begin(lock_type))
        self._blocked = False

    def rollback(self) -> None:
        """Take a transaction back, unless SQLite has done it already because it could not write."""
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()

    def _execute_cursor(self, sql: str, params: object = None) -> object:
        return self.patiently(lambda: super(PatientSqlite, self)._execute_cursor(sql, params))  # type: ignore[misc]

    @contextlib.contextmanager
    def hurried(self, seconds: float) -> Iterator[None]:
        """Let this thread wait no longer than so many seconds."""
        self._limit.seconds = seconds
        try:
            yield
        finally:
            self._limit.seconds = math.inf

    def patiently(self, action: Callable[[], T]) -> T:
        """Do something that needs a lock, again and again but only as long as it makes sense, and learn from it."""
        connection = self.connection()  # type: ignore[no-untyped-call]
        if connection.waits:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.waits = False
        end = 0.0
        while True:
            try:
                return action()
            except (peewee.OperationalError, sqlite3.OperationalError) as error:
                if _number_of(error) not in _BUSY:
                    raise
                end = end or time.monotonic() + (MOMENT if self._blocked else min(self._longest, self._limit.seconds))
                if connection.in_transaction or time.monotonic() >= end:
                    self._blocked |= self._limit.seconds == math.inf
                    raise
            about_to_wait()
            time.sleep(INTERVAL)


def _number_of(error: Exception) -> int:
    original = getattr(error, "orig", error)  # what peewee has made another error of
    return int(getattr(original, "sqlite_errorcode", 0) or 0) & 0xFF


def failure_of(error: Exception, file: Path) -> ServiceError | None:
    """Return what an error says about the storage of a database file; a query that cannot be right is a defect."""
    number = _number_of(error)
    if number in _BUSY:
        return Unavailable("storage_busy", retry_after=BUSY_SECONDS)
    if number in _DAMAGED:
        return Unavailable("storage_damaged")
    if number == sqlite3.SQLITE_FULL or (number in _DISK and _has_no_room(file)):
        return full()
    return unavailable() if number in _DISK else None


def _has_no_room(file: Path) -> bool:
    try:
        return shutil.disk_usage(file.parent).free < NO_ROOM
    except OSError:
        return False
