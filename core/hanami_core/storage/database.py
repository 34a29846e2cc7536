"""The database as plugins see it: base models, transactions, migrations.

Models bind to `proxy`; the plugin that implements ``hanami_database`` says which database stands behind it in this
process. What a record looks like to a client is not known here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import peewee
from playhouse.migrations import Runner

from hanami_core.clock import stamp
from hanami_core.ids import new_uuid

proxy = peewee.DatabaseProxy()

ACTIVE = "active"
DELETED = "deleted"
NOT_DELETED = "-"

M = TypeVar("M", bound="Record")
Q = TypeVar("Q", bound=peewee.Model)


class BaseModel(peewee.Model):
    """Base of every model."""

    class Meta:
        """Bind to the process' database."""

        database = proxy
        legacy_table_names = False


def _now() -> str:
    return stamp(time.time())


class Record(BaseModel):
    """A row that clients can see. Deleting marks it; its identifier may be used again at once."""

    identity: ClassVar[str] = "id"
    sequence = peewee.AutoField()
    status = peewee.CharField(10, default=ACTIVE, index=True)
    deleted_at = peewee.CharField(64, default=NOT_DELETED)
    created_at = peewee.CharField(64, default=_now)

    @classmethod
    def active(cls: type[M], *fields: Any) -> peewee.ModelSelect[M]:
        """Select rows that are not deleted, oldest first."""
        return cls.select(*fields).where(cls.status == ACTIVE).order_by(cls.sequence)

    def mark_deleted(self) -> bool:
        """Delete the row softly and tell whether it was still there.

        Of several that have read the row and delete it now, one gets True. Only that one may release what the row held,
        in the same transaction.
        """
        model, now = type(self), _now()
        mine = (model.sequence == self.sequence) & (model.status == ACTIVE)
        changed = bool(model.update(status=DELETED, deleted_at=now).where(mine).execute())
        if changed:
            self.status, self.deleted_at = DELETED, now
        return changed


class OwnedRecord(Record):
    """A resource of a user in a project. Rules (`hanami_core.access`) decide who else sees it."""

    identity: ClassVar[str] = "uuid"
    uuid = peewee.CharField(36, unique=True, default=new_uuid)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10, default="private")
    name = peewee.CharField(256)


class Prepared(Generic[Q]):
    """A query of every request: its text is kept, because making it takes longer than answering it.

    Args:
        build: returns the query for given values, which must be texts; called once for a kind of database.
    """

    def __init__(self, build: Callable[..., peewee.ModelSelect[Q]]) -> None:
        self._build = build
        self._texts: dict[type, tuple[type[Q], str, list[Any]]] = {}

    def all(self, *values: str) -> list[Q]:
        """Return all rows for the given values."""
        kind = type(proxy.obj)
        if kind not in self._texts:
            self._texts[kind] = self._prepare(len(values))
        model, text, parameters = self._texts[kind]
        given = (values[p.number] if isinstance(p, _Blank) else p for p in parameters)
        return list(model.raw(text, *given))

    def _prepare(self, count: int) -> tuple[type[Q], str, list[Any]]:
        query = self._build(*map(_Blank, range(count)))
        text, parameters = query.sql()
        if {p.number for p in parameters if isinstance(p, _Blank)} != set(range(count)):
            raise TypeError(f"a value of a prepared query is not compared with a column of texts: {text}")
        return query.model, text, parameters

    def first(self, *values: str) -> Q | None:
        """Return the first row for the given values."""
        return next(iter(self.all(*values)), None)


class _Blank(str):
    """Stands for a value in a query that is not asked yet; a text, so that columns of texts take it as it is."""

    number: int

    def __new__(cls, number: int) -> _Blank:
        blank = super().__new__(cls)
        blank.number = number
        return blank


def atomic() -> Any:
    """Return a context manager for a transaction; nested ones become savepoints."""
    return proxy.atomic()


def after_commit(action: Callable[[], object]) -> None:
    """Call `action` when the current transaction is durable; at once outside of a transaction."""
    proxy.after_commit(action)


def relaxed() -> Any:
    """Return a context manager for a write that may be lost in a power cut, such as progress."""
    context = getattr(proxy.obj, "relaxed", None)
    return context() if context is not None else contextlib.nullcontext()


def migrate(directory: Path | None, owner: str, models: Iterable[type[peewee.Model]]) -> list[str]:
    """Bring the tables of one owner up to date and return the names of the steps that ran.

    Each owner has its own history table. An owner without a directory of migrations gets missing tables created.
    """
    if directory is None or not directory.is_dir():
        proxy.create_tables(list(models), safe=True)
        return []
    history = "migrations_" + owner.replace("-", "_").replace(".", "_")
    return [str(name) for name in Runner(proxy.obj, str(directory), history).up() or ()]


def reset(database: peewee.Database) -> None:
    """Close this thread's connection after an error, so that the next query opens a new one.

    Connections are kept for the life of a thread; one that a database server has ended would fail for ever.
    """
    with contextlib.suppress(peewee.PeeweeException):
        if not database.is_closed():
            database.close()
