"""Brings tables up to date: the numbered migrations of each owner, and the columns that all of them have from core.

An owner's migrations are frozen: they make its tables as the base models (`Record`, `OwnedRecord`) were when they were
written. What core changes in the base models since then, it changes in the tables of all owners, those of third parties
included. That happens before and after each step of an owner, so a step finds the base columns as they are today,
whether it runs on a new database or on an old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import peewee
from playhouse.migrate import SchemaMigrator
from playhouse.migrations import Runner

from hanami_core.storage.database import BaseModel, Record, proxy
from hanami_core.storage.times import texts_to_numbers

__all__ = ["BASE_STEPS", "BaseStep", "history_table", "migrate"]


class BaseStep(NamedTuple):
    """A change of the base columns. `change` gets a migrator and the name of a table.

    A table that is made later may have the changed columns from the start, so `change` must look at what it finds.
    """

    name: str
    change: Callable[[SchemaMigrator, str], None]


def _times_are_numbers(migrator: SchemaMigrator, table: str) -> None:
    texts_to_numbers(migrator, table, "created_at")
    texts_to_numbers(migrator, table, "deleted_at", null=True)


BASE_STEPS = (BaseStep("0001_times_are_numbers", _times_are_numbers),)
"""All changes of the base columns, oldest first. One that was released is never changed, only followed by another."""


class BaseHistory(BaseModel):
    """A change of the base columns that a table has seen."""

    table = peewee.CharField(128)
    step = peewee.CharField(128)

    class Meta:
        """One row for each table and step."""

        table_name = "migrations_base"
        primary_key = peewee.CompositeKey("table", "step")


def migrate(directory: Path | None, owner: str, models: Iterable[type[peewee.Model]]) -> list[str]:
    """Bring the tables of one owner up to date and return the names of the steps that ran.

    Each owner has its own history table. An owner without a directory of migrations gets missing tables created.
    """
    models = list(models)
    if directory is None or not directory.is_dir():
        proxy.create_tables(models, safe=True)
        return _change_base_columns(models)
    runner = Runner(proxy.obj, str(directory), history_table(owner))
    done = _change_base_columns(models)
    for migration in runner.status():
        if migration.path is not None and not migration.applied:
            done += map(str, runner.up(migration.name))
            done += _change_base_columns(models)
    return done


def history_table(owner: str) -> str:
    """Return the name of the table that lists which migrations of an owner have run."""
    return "migrations_" + owner.replace("-", "_").replace(".", "_")


def _change_base_columns(models: Iterable[type[peewee.Model]]) -> list[str]:
    """Change the base columns of all tables that are there, each table and step in a transaction of its own."""
    proxy.create_tables([BaseHistory], safe=True)
    migrator = SchemaMigrator.from_database(proxy.obj)
    pending = pending_base_steps(models)
    for table, step in pending:
        with migrator.migration_context():
            step.change(migrator, table)
            BaseHistory.create(table=table, step=step.name)
    return [f"{table}: {step.name}" for table, step in pending]


def pending_base_steps(models: Iterable[type[peewee.Model]]) -> list[tuple[str, BaseStep]]:
    """Return which tables that are there have yet to see which changes of their base columns; looks only."""
    known = set(proxy.get_tables())
    history = BaseHistory.select(BaseHistory.table, BaseHistory.step).tuples()
    seen = set(history) if BaseHistory._meta.table_name in known else set()
    tables = [model._meta.table_name for model in models if issubclass(model, Record)]
    found = [(table, step) for table in tables if table in known for step in BASE_STEPS]
    return [(table, step) for table, step in found if (table, step.name) not in seen]
