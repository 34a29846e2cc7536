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
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import peewee

from hanami_core.errors import HanamiError
from hanami_core.ids import new_uuid, normalised
from hanami_core.storage.contract import Database

proxy = peewee.DatabaseProxy()

ACTIVE = "active"
DELETED = "deleted"
_ACTIVE = peewee.SQL(f"'{ACTIVE}'")
"""Part of the text of statements. A parameter would let SQLite plan anew each time: an index of active rows may fit."""

M = TypeVar("M", bound="Record")

log = logging.getLogger("hanami.storage")


class BlobField(peewee.CharField):
    """A column with a blob to which the row holds one reference (see `Record.holding`), or NULL.

    ``remedy`` is what the owner of the row can do if the content of the blob is lost, worded as an instruction such as
    ``delete it``.
    """

    def __init__(self, *, remedy: str, null: bool = False) -> None:
        """Remember what to do."""
        super().__init__(36, null=null)
        self.remedy = remedy


class NameField(peewee.CharField):
    """A column for names. They are stored and compared in one Unicode form."""

    def __init__(self, **options: object) -> None:
        super().__init__(256, **options)

    def db_value(self, value: object) -> Any:
        """Return a name as it is stored."""
        return normalised(value) if isinstance(value, str) else value


class BaseModel(peewee.Model):
    """Base of every model."""

    class Meta:
        """Bind to the process' database."""

        database = proxy
        legacy_table_names = False

    @classmethod
    def get_or_none(cls, *query: Any, **filters: Any) -> Self | None:
        """Return the first row that meets all conditions, or None; peewee would write its text into an exception."""
        rows = cls.select().where(*query) if query else cls.select()
        found: Self | None = (rows.filter(**filters) if filters else rows).first()
        return found


class Record(BaseModel):
    """A row that clients can see. Deleting only marks it; its identifier can be reused immediately.

    Moments are seconds since 1970, NULL for one that has not come yet. To change a column here, add a step to
    `hanami_core.storage.migrations.BASE_STEPS`, which changes it in the tables of all plugins.
    """

    identity: ClassVar[str] = "id"
    _active: ClassVar[Any]
    sequence = peewee.AutoField()
    status = peewee.CharField(10, default=ACTIVE, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField(default=time.time)

    @classmethod
    def active(cls: type[M], *fields: object) -> peewee.ModelSelect[M]:
        """Select rows that are not deleted, oldest first."""
        if fields:
            return cls.select(*fields).where(cls.status == _ACTIVE).order_by(cls.sequence)
        if "_active" not in cls.__dict__:  # not that of the base class
            cls._active = cls.select().where(cls.status == _ACTIVE).order_by(cls.sequence)
        found: peewee.ModelSelect[M] = cls._active.clone()
        return found

    @classmethod
    def holding(cls) -> Any:
        """Return the condition for rows that hold the blobs in their columns (`BlobField`): those not deleted."""
        return cls.status == ACTIVE

    @classmethod
    def forgettable(cls) -> peewee.Expression | None:
        """Return the condition under which a row that was deleted long ago may be removed; None keeps all of them.

        Rows that other rows, files or open tasks still refer to must not meet it.
        """
        return None

    def mark_deleted(self) -> bool:
        """Delete the row softly and tell whether it was still there.

        If several callers delete the same row, only one gets True. Only that one may release what the row held, in the
        same transaction; this object then shows what that is.
        """
        model, now = type(self), time.time()
        mine = (model.sequence == self.sequence) & (model.status == ACTIVE)
        if not model.update(status=DELETED, deleted_at=now).where(mine).execute():
            return False
        # What the row held in the end, which may be other things than when it was read.
        self.__data__.update(model.get(model.sequence == self.sequence).__data__)
        return True


class OwnedRecord(Record):
    """A resource of a user in a project. Rules (`hanami_core.access`) decide who else sees it.

    `resource` is the name under which limits count its rows, see `hanami_core.admission`; rows of a model without one
    are not counted. The guards of the process (`guard`) check a new row in its transaction.
    """

    identity: ClassVar[str] = "uuid"
    resource: ClassVar[str] = ""
    uuid = peewee.CharField(36, unique=True, default=new_uuid)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10, default="private")
    name = NameField()

    @classmethod
    def forgettable(cls) -> peewee.Expression | None:
        """Remove deleted rows of resources, which nobody can find any more."""
        condition: peewee.Expression = cls.status == DELETED
        return condition

    @classmethod
    def count_held(cls, mine: peewee.Expression) -> int:
        """Return how many rows that meet a condition count towards a limit."""
        return int(cls.active().where(mine).count())

    @classmethod
    def bytes_held(cls, mine: peewee.Expression) -> int:
        """Return how many bytes on the disk belong to the rows that meet a condition."""
        query = cls.bytes_query(mine)
        return 0 if query is None else int(query.scalar() or 0)

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any] | None:
        """Return the query of that number, so that those of all models are asked at once; None if there are no bytes.

        It is made once, so it must depend on nothing but the condition. A model that replaces `bytes_held` instead is
        asked on its own.
        """
        return None

    def save(self, force_insert: bool = False, only: object = None) -> int:
        """Store the row; a new one only if no guard refuses it."""
        if not force_insert and self.sequence is not None:
            return int(super().save(force_insert, only))
        with contextlib.nullcontext() if _actions.depth else atomic():
            _Bound.guard(self)
            return int(super().save(force_insert, only))


@dataclass(frozen=True)
class RecordGuard:
    """Decides whether a resource may be added; see the hook ``hanami_record_guards``.

    `check` is called with a row that is about to be added, in its transaction, and raises a `ClientError` to refuse it.
    What it relies on must stay true until the transaction ends: use `hold`.
    """

    name: str
    check: Callable[[OwnedRecord], object]


class SectionLock(BaseModel):
    """A row for each section that was entered on a server; see `hanami_core.storage.contract.Database.exclusive`."""

    name = peewee.CharField(255, primary_key=True)
    entered = peewee.BigIntegerField()


# -- the database of the process --------------------------------------------------------------------------------------


def _nobody(record: OwnedRecord) -> None:
    """Let everything be added."""


class _Bound:
    database: Database | None = None
    guard: ClassVar[Callable[[OwnedRecord], None]] = staticmethod(_nobody)


def bind(database: Database) -> None:
    """Make a database, which nobody guards yet, the one of this process."""
    _Bound.database, _Bound.guard = database, staticmethod(_nobody)
    proxy.initialize(database.driver)


def guard(check: Callable[[OwnedRecord], None]) -> None:
    """Have `check` called with each resource that is about to be added; what it raises refuses that."""
    _Bound.guard = staticmethod(check)


def unbind() -> Database | None:
    """Take the database of this process away, and return it; it stays open."""
    former, _Bound.database = _Bound.database, None
    _Bound.guard = staticmethod(_nobody)
    proxy.initialize(None)
    return former


def bound_or_none() -> Database | None:
    """Return the database of this process, if it has one."""
    return _Bound.database


def bound() -> Database:
    """Return the database of this process."""
    if _Bound.database is None:
        raise HanamiError("this process has no database yet")
    return _Bound.database


# -- transactions -----------------------------------------------------------------------------------------------------


class _Actions(threading.local):
    """What this thread will do after the commit, and whatever becomes of the transaction, oldest first."""

    def __init__(self) -> None:
        self.unit: Unit | None = None
        self.depth = 0
        self.waiting: list[Callable[[], object]] = []
        self.anyway: list[Callable[[], object]] = []


_actions = _Actions()


class _Transaction(AbstractContextManager[None]):
    """A transaction or savepoint; what is rolled back takes its actions for after the commit along."""

    def __init__(self, inner: AbstractContextManager[object]) -> None:
        self._inner = inner

    def __enter__(self) -> None:
        if _actions.unit is not None and not _actions.depth:
            _actions.unit.open()
        self.begin()

    def begin(self) -> None:
        """Begin, whether or not there is a unit."""
        self._inner.__enter__()
        self._mark = len(_actions.waiting)
        _actions.depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _actions.depth -= 1
        committed = False
        try:
            self._inner.__exit__(kind, error, tb)
            committed = kind is None
        except peewee.PeeweeException:
            # A database that has met a full disk has rolled back already, and cannot do it again. What counts is why.
            if error is None:
                raise
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
        except BaseException:
            log.exception("an action after a transaction failed")


def atomic() -> AbstractContextManager[None]:
    """Return a context manager for a transaction; nested ones become savepoints."""
    return _Transaction(proxy.atomic())


class Unit:
    """Work whose transactions become one, which begins with the first of them and ends with the work.

    So what decides about the work and what it answers can be stored with what it does. A context manager; it works for
    the thread that enters it, and what raises takes everything back that was not committed before.
    """

    def __init__(self, first: Callable[[], object]) -> None:
        """Call `first` at the beginning of the transaction, before the work writes anything; it may raise."""
        self._first = first
        self._transaction: _Transaction | None = None
        self.committed = False
        """Whether anything of the work is durable already."""
        self.awaited: tuple[str, float] | None = None
        """What others have yet to do, as `leave_to_unit` was told, and for how many seconds that is waited for."""

    def open(self) -> None:
        """Begin the transaction, if that was not done."""
        if self._transaction is None:
            transaction = _Transaction(proxy.atomic())
            transaction.begin()
            self._transaction = transaction  # one that did not begin has no end
            if not self.committed:
                self._first()

    def commit(self) -> None:
        """Make durable what was done so far; what follows is another transaction. Does nothing within a nested one."""
        if self._transaction is not None and _actions.depth == 1:
            transaction, self._transaction = self._transaction, None
            transaction.__exit__(None, None, None)
            self.committed = True

    def __enter__(self) -> Unit:
        """Begin the work."""
        _actions.unit = self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End the work, and commit it if it did not raise."""
        _actions.unit = None
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.__exit__(kind, error, tb)
            self.committed = self.committed or kind is None


def leave_to_unit(what: str, seconds: float) -> bool:
    """Let the `Unit` of this thread wait for what others do, after its commit; False if there is none that could.

    So its answer is durable before the waiting begins, and whoever asks for it meanwhile can wait for the same.
    """
    unit = _actions.unit
    if unit is None or unit.committed or unit.awaited is not None:
        return False
    unit.awaited = what, seconds
    return True


def commit_unit() -> None:
    """Commit what this thread did in its `Unit`, if any, so that others see it; for threads that wait for others."""
    if _actions.unit is not None:
        _actions.unit.commit()


def exclusive(name: str) -> AbstractContextManager[None]:
    """Return a transaction during which no other process and no other thread is in the section `name`.

    Use it for decisions based on reads that no unique index and no condition of a write can guard. See
    `Database.exclusive`.
    """
    return _Transaction(bound().exclusive(name))


def after_commit(action: Callable[[], object]) -> None:
    """Call `action` when the current transaction is durable; at once outside of a transaction.

    If an action raises, the error is logged and the others still run. A savepoint that is rolled back discards its
    actions.
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
    """Return a value that changes when anybody has committed anything since this thread last called it.

    Data that a thread has read can be cached as long as the value stays the same. None within a transaction, and if the
    database has no such value. See `Database.data_version`.
    """
    return bound().data_version()


def compare_and_set(model: type[peewee.Model], expected: object, **values: object) -> bool:
    """Change the rows that are as expected, in one statement, and return whether there were any.

    If several callers expect and change the same row, exactly one gets True, on any database.

    Args:
        model: whose rows.
        expected: the condition, a peewee expression: which row, and what it must still be.
        values: columns and their new values.
    """
    return bool(model.update(**values).where(expected).execute())


def hold(model: type[peewee.Model], expected: object) -> bool:
    """Return whether there is a row that is as expected, and keep others from changing it until the transaction ends.

    Use it to write something else only while that row exists: a transaction that removes the row waits for the write,
    and sees it.

    Args:
        model: whose row.
        expected: the condition, a peewee expression: which row, and what it must still be.
    """
    if not _actions.depth:
        raise HanamiError("a row can only be held within a transaction")
    return bound().hold(model, expected)


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

    Connections are kept for the life of a thread; one that a database server has ended would fail forever.
    """
    with contextlib.suppress(peewee.PeeweeException):
        database.disconnect()
