"""The database as plugins see it: base models and transactions.

Models bind to `proxy`; which database stands behind it in this process is told by `bind`. What a database must be able
to do stands in `hanami_core.storage.contract`, what a record looks like to a client is not known here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import peewee

from hanami_core.errors import HanamiError
from hanami_core.ids import new_uuid
from hanami_core.storage.contract import Database

proxy = peewee.DatabaseProxy()

ACTIVE = "active"
DELETED = "deleted"

M = TypeVar("M", bound="Record")

log = logging.getLogger("hanami.storage")


class BaseModel(peewee.Model):
    """Base of every model."""

    class Meta:
        """Bind to the process' database."""

        database = proxy
        legacy_table_names = False


class Record(BaseModel):
    """A row that clients can see. Deleting marks it; its identifier may be used again at once.

    Moments are seconds since 1970, NULL for one that has not come. Whoever changes a column here adds a step to
    `hanami_core.storage.migrations.BASE_STEPS`, which changes it in the tables of all plugins.
    """

    identity: ClassVar[str] = "id"
    _active: ClassVar[Any]
    sequence = peewee.AutoField()
    status = peewee.CharField(10, default=ACTIVE, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField(default=time.time)

    @classmethod
    def active(cls: type[M], *fields: Any) -> peewee.ModelSelect[M]:
        """Select rows that are not deleted, oldest first."""
        if fields:
            return cls.select(*fields).where(cls.status == ACTIVE).order_by(cls.sequence)
        if "_active" not in cls.__dict__:  # not that of the base class
            cls._active = cls.select().where(cls.status == ACTIVE).order_by(cls.sequence)
        found: peewee.ModelSelect[M] = cls._active.clone()
        return found

    @classmethod
    def forgettable(cls) -> peewee.Expression | None:
        """Return the condition under which a row that was deleted long ago may be removed; None keeps all of them.

        What other rows, files or open tasks still refer to must not meet it.
        """
        return None

    def mark_deleted(self) -> bool:
        """Delete the row softly and tell whether it was still there.

        Of several that have read the row and delete it now, one gets True. Only that one may release what the row held,
        in the same transaction.
        """
        model, now = type(self), time.time()
        mine = (model.sequence == self.sequence) & (model.status == ACTIVE)
        changed = bool(model.update(status=DELETED, deleted_at=now).where(mine).execute())
        if changed:
            self.status, self.deleted_at = DELETED, now
        return changed


class OwnedRecord(Record):
    """A resource of a user in a project. Rules (`hanami_core.access`) decide who else sees it.

    `resource` is what its rows count as when somebody limits what a user may have, see `hanami_core.admission`; rows of
    a model without one are not counted.
    """

    identity: ClassVar[str] = "uuid"
    resource: ClassVar[str] = ""
    uuid = peewee.CharField(36, unique=True, default=new_uuid)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10, default="private")
    name = peewee.CharField(256)

    @classmethod
    def forgettable(cls) -> peewee.Expression | None:
        """Remove rows of resources, which nobody finds any more once they are deleted."""
        condition: peewee.Expression = cls.status == DELETED
        return condition

    @classmethod
    def count_held(cls, mine: peewee.Expression) -> int:
        """Return how many rows that meet a condition count towards a limit."""
        return int(cls.active().where(mine).count())

    @classmethod
    def bytes_held(cls, mine: peewee.Expression) -> int:
        """Return how many bytes on the disk belong to the rows that meet a condition."""
        return 0


class SectionLock(BaseModel):
    """A row for each section that was entered on a server; see `hanami_core.storage.contract.Database.exclusive`."""

    name = peewee.CharField(255, primary_key=True)
    entered = peewee.BigIntegerField()


# -- the database of the process --------------------------------------------------------------------------------------


class _Bound:
    database: Database | None = None


def bind(database: Database) -> None:
    """Make a database the one of this process."""
    _Bound.database = database
    proxy.initialize(database.driver)


def unbind() -> Database | None:
    """Take the database of this process away, and return it; it stays open."""
    former, _Bound.database = _Bound.database, None
    proxy.initialize(None)
    return former


def bound() -> Database:
    """Return the database of this process."""
    if _Bound.database is None:
        raise HanamiError("this process has no database yet")
    return _Bound.database


# -- transactions -----------------------------------------------------------------------------------------------------


class _Actions(threading.local):
    """What this thread will do after the commit, and whatever becomes of the transaction, oldest first."""

    def __init__(self) -> None:
        self.depth = 0
        self.waiting: list[Callable[[], object]] = []
        self.anyway: list[Callable[[], object]] = []


_actions = _Actions()


class _Transaction(AbstractContextManager[None]):
    """A transaction or savepoint; what is rolled back takes its actions for after the commit along."""

    def __init__(self, inner: AbstractContextManager[object]) -> None:
        self._inner = inner

    def __enter__(self) -> None:
        self._inner.__enter__()
        self._mark = len(_actions.waiting)
        _actions.depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _actions.depth -= 1
        committed = False
        try:
            self._inner.__exit__(kind, error, tb)
            committed = kind is None
        finally:
            if not committed:
                del _actions.waiting[self._mark :]
            if not _actions.depth:
                _end(committed)


def _end(committed: bool) -> None:
    """Let everything run that waited for the end of the outermost transaction."""
    # An action may begin transactions of its own, which must find nothing of this one.
    anyway, _actions.anyway = _actions.anyway, []
    waiting, _actions.waiting = _actions.waiting, []
    _run(anyway)
    if waiting and committed:
        # Somebody may have asked peewee for a transaction around this one; outside of one it calls at once.
        proxy.after_commit(partial(_run, waiting))


def _run(actions: Iterable[Callable[[], object]]) -> None:
    """Run what has waited. What was committed stands, so an action that fails stops nothing."""
    for action in actions:
        try:
            action()
        except Exception:
            log.exception("an action after a transaction failed")


def atomic() -> AbstractContextManager[None]:
    """Return a context manager for a transaction; nested ones become savepoints."""
    return _Transaction(proxy.atomic())


def exclusive(name: str) -> AbstractContextManager[None]:
    """Return a transaction during which no other process and no other thread is in the section `name`.

    For decisions by what is read, where no unique index and no condition of a write can guard what follows. See
    `Database.exclusive`.
    """
    return _Transaction(bound().exclusive(name))


def after_commit(action: Callable[[], object]) -> None:
    """Call `action` when the current transaction is durable; at once outside of a transaction.

    An action that raises is logged, and the others run all the same. A rolled back savepoint takes its actions along.
    """
    if _actions.depth:
        _actions.waiting.append(action)
    else:
        proxy.after_commit(action)


def after_transaction(action: Callable[[], object]) -> None:
    """Call `action` when the current transaction has ended, also if it is rolled back; at once outside of one.

    For what happens to a process and not to its data, but must not be told in the middle of a transaction.
    """
    if _actions.depth:
        _actions.anyway.append(action)
    else:
        action()


def relaxed() -> AbstractContextManager[object]:
    """Return a context manager for a write that may be lost in a power cut, such as progress."""
    return bound().relaxed()


def data_version() -> Hashable | None:
    """Return a value that has changed if anybody has committed anything since this thread last asked.

    What a thread has read may be kept as long as the value stays the same. None if the database can not tell, and
    within a transaction. See `Database.data_version`.
    """
    return bound().data_version()


def compare_and_set(model: type[peewee.Model], expected: Any, **values: Any) -> bool:
    """Change rows as far as they are as expected, in one statement, and tell whether there was one.

    Of several who expect the same and change it, on any database, one gets True.

    Args:
        model: whose rows.
        expected: the condition, a peewee expression: which row, and what it must still be.
        values: columns and their new values.
    """
    return bool(model.update(**values).where(expected).execute())


def forget_deleted(model: type[Record], before: float, most: int) -> int:
    """Remove up to so many rows that were deleted before a moment and that nothing needs; return how many they were."""
    condition = model.forgettable()
    if condition is None:
        return 0
    old = (model.status == DELETED) & (model.deleted_at < before)
    found = model.select(model.sequence).where(old & condition).order_by(model.sequence).limit(most)
    sequences = [row.sequence for row in found]
    if sequences:
        with relaxed():
            # The condition once more: somebody may have begun to need a row since it was read.
            chosen = model.sequence.in_(sequences)
            model.delete().where(chosen & (model.status == DELETED) & condition).execute()
    return len(sequences)


def reset(database: Database) -> None:
    """Close this thread's connection after an error, so that the next query opens a new one.

    Connections are kept for the life of a thread; one that a database server has ended would fail for ever.
    """
    with contextlib.suppress(peewee.PeeweeException):
        database.disconnect()
