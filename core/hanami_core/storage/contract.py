"""What a database must be able to do, and how a plugin brings one. Knows no driver.

A plugin returns backends from the hook ``hanami_databases``; the setting ``storage.database`` names the one that is
opened. What everything else relies on:

**Isolation.** A transaction is *read committed* or stricter: it never sees what another one has not committed, and sees
its own writes. Two statements of one transaction may see different states of the database, and what was read may be
old when it is written: so whoever decides by what was read either runs in a section that nobody else runs at the same
time (`Database.exclusive`), or says what must still hold in the condition of the write and looks whether it was done
(`hanami_core.storage.database.compare_and_set`).

**Conditional writes.** An update or delete waits for others that have changed the same rows, then examines its
condition again. The number of rows that it reports is that of the rows that met the condition.

**Uniqueness.** Unique indexes hold, those with a condition included; who comes second gets `peewee.IntegrityError`.

**Durability.** When a transaction returns, what it wrote survives a power cut; only writes in `Database.relaxed` may
get lost.

**Threads.** Each thread has a connection of its own, opened when it is needed.

`hanami_core.testing.databases` has a suite that examines a backend for all of this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import peewee

from hanami_core.clock import Clock
from hanami_core.errors import InsufficientStorage, ServiceError, Unavailable
from hanami_core.settings import Settings

__all__ = ["Database", "DatabaseBackend", "StorageContext"]

RETRY_SECONDS = 5
PROBE = "core.probe"
_NO_ROOM = ("53100", "53200")
"""What the standard of SQL says when there is no room on the disk, or in memory."""


@dataclass(frozen=True)
class StorageContext:
    """What a backend is opened with. With `read_only`, it must not change anything, and may refuse writes."""

    settings: Settings
    clock: Clock
    read_only: bool = False

    @property
    def data_dir(self) -> Path:
        """The server's data directory."""
        return self.settings.data_dir


class Database:
    """An open database. The methods defined here work for any server that fulfils the contract of this module."""

    def __init__(self, driver: peewee.Database) -> None:
        """Use peewee's object of the database, which need not be connected yet."""
        self.driver = driver
        self._sections: Any = peewee.Table("section_lock", ("name", "entered")).bind(driver)

    def exclusive(self, name: str) -> AbstractContextManager[object]:
        """Return a transaction during which no other process and no other thread is in the section `name`.

        Statements in it see everything that was committed in the section before. Within another transaction, the
        section is left when that one ends. Always enter several sections in the same order.
        """
        return self._locked(name)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold a row until the transaction ends; who wants to change it waits, and whoever reads goes on."""
        row = self._sections
        with self.driver.atomic():
            row.insert(name=name, entered=0).on_conflict_ignore().execute()
            row.update(entered=row.entered + 1).where(row.name == name).execute()
            yield

    def hold(self, model: type[peewee.Model], expected: object) -> bool:
        """Tell whether a row meets a condition, and keep others from changing it until the transaction ends.

        Called within a transaction. The default is a write that changes nothing, which works on any database.
        """
        key: object = model._meta.primary_key
        return bool(model.update({key: key}).where(expected).execute())

    def relaxed(self) -> AbstractContextManager[object]:
        """Return a context for writes that may be lost in a power cut, such as progress."""
        return contextlib.nullcontext()

    def check(self) -> list[str]:
        """Return the problems of the database itself, one line each; this may take long."""
        return []

    def failure(self, error: Exception) -> ServiceError | None:
        """Return what an error of the driver says about the storage, or None if it is a defect or another error.

        The codes are ``storage_full``, ``storage_busy``, ``storage_damaged`` and ``storage_unavailable``.
        """
        if not isinstance(error, peewee.OperationalError | peewee.InterfaceError):
            return None
        if getattr(getattr(error, "orig", None), "sqlstate", None) in _NO_ROOM:
            return InsufficientStorage("storage_full")
        return Unavailable("storage_unavailable", retry_after=RETRY_SECONDS)

    def probe(self) -> None:
        """Make a quick test write without consequences; an exception says why nothing can be written now."""
        with self.exclusive(PROBE):
            pass

    def shrink(self, most: int) -> int:
        """Return up to `most` empty pages to the disk, and return how many there were.

        Must be quick, because writers wait in the meantime. A database that does this automatically returns 0.
        """
        return 0

    def data_version(self) -> Hashable | None:
        """Return a value that changes when anybody has committed anything since this thread last called it.

        It must cost much less than a query. It is None if the database has no such value, and within a transaction,
        because what is read there may be rolled back. Values of different threads cannot be compared.
        """
        return None

    def disconnect(self) -> None:
        """Close this thread's connection; the next query opens a new one."""
        if not self.driver.is_closed():
            self.driver.close()

    def close(self) -> None:
        """Release everything; nothing is called afterwards."""
        self.disconnect()


@runtime_checkable
class DatabaseBackend(Protocol):
    """A kind of database that can be selected by name."""

    @property
    def name(self) -> str:
        """Its name in the setting ``storage.database``."""

    def open(self, context: StorageContext) -> Database:
        """Return the database that the settings describe. If this raises, the server does not start."""
