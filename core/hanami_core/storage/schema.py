"""What the tables of one owner should be and what they are. Looks only; changes are made by migrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import peewee
from playhouse.migrations import Runner

from hanami_core.storage.database import proxy
from hanami_core.storage.migrations import history_table, pending_base_steps

__all__ = ["SchemaOwner", "Steps", "steps_of"]


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


class Steps(NamedTuple):
    """Migrations of an owner, oldest first.

    Attributes:
        pending: those that have not run yet, and changes of base columns that its tables have yet to see.
        unknown: those that have run and that the owner does not bring: those of a newer version.
    """

    pending: list[str]
    unknown: list[str]


def steps_of(owner: SchemaOwner) -> Steps:
    """Return what the database has to see of an owner, and what it has seen of a newer one."""
    pending = [f"{table}: {step.name}" for table, step in pending_base_steps(owner.models)]
    if not owner.has_steps:
        return Steps(pending, [])
    found = Runner(proxy.obj, str(owner.directory), history_table(owner.name)).status()
    pending += [str(step.name) for step in found if not step.applied]
    return Steps(pending, [str(step.name) for step in found if step.path is None])
