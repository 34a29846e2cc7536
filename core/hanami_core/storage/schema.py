"""What the tables of one owner should be and what they are. Looks only; changes are made by migrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from hanami_core.storage.database import proxy
from hanami_core.storage.migrations import history_table, pending_base_steps

__all__ = ["SchemaOwner", "pending_steps", "unknown_steps"]


@dataclass(frozen=True)
class SchemaOwner:
    """Core or a plugin, with the tables that belong to it and the directory of its migrations, if it has one."""

    name: str
    directory: Path | None
    models: Sequence[type[peewee.Model]]

    @property
    def has_steps(self) -> bool:
        """Tell whether migrations make the tables; else they are made as the models are."""
        return self.directory is not None and self.directory.is_dir()

    def missing_tables(self) -> list[type[peewee.Model]]:
        """Return the models whose tables do not exist."""
        known = set(proxy.get_tables())
        return [model for model in self.models if model._meta.table_name not in known]


def pending_steps(owner: SchemaOwner) -> list[str]:
    """Return the migrations of an owner and the changes of its base columns that have not run yet, oldest first."""
    base = [f"{table}: {step.name}" for table, step in pending_base_steps(owner.models)]
    if not owner.has_steps:
        return base
    return base + [str(step.name) for step in _runner(owner).status() if not step.applied]


def unknown_steps(owner: SchemaOwner) -> list[str]:
    """Return the migrations that have run and that the owner does not bring: those of a newer version."""
    if not owner.has_steps:
        return []
    return [str(step.name) for step in _runner(owner).status() if step.path is None]


def _runner(owner: SchemaOwner) -> Runner:
    return Runner(proxy.obj, str(owner.directory), history_table(owner.name))
