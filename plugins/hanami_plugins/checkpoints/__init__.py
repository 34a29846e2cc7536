"""Checkpoints: saved states of clusters, and the way back.

Other plugins save and restore through the names exported here.
"""

from __future__ import annotations

from collections.abc import Iterable

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.queue import TaskKind
from hanami_core.runtime import Runtime
from hanami_core.storage.database import Record
from hanami_plugins.checkpoints import kinds, routes
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.checkpoints.service import (
    delete_checkpoint,
    get_checkpoint,
    list_checkpoints,
    restore,
    save,
    set_visibility,
)
from hanami_plugins.clusters import after_task, writable

__all__ = [
    "Checkpoint",
    "delete_checkpoint",
    "get_checkpoint",
    "list_checkpoints",
    "restore",
    "save",
    "set_visibility",
]

requires = ("clusters",)


@hookimpl
def hanami_models() -> Iterable[type[Record]]:
    """Add the table of checkpoints."""
    return [Checkpoint]


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add saving and restoring; what was asked to be saved is saved even if its cluster is deleted meanwhile."""
    save = TaskKind("save", kinds.save, survives_delete=True, ended=after_task, permitted=writable)
    return [save, TaskKind("restore", kinds.restore, permitted=writable)]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of checkpoints."""
    return routes.routes()
