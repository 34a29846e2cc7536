"""Checkpoints: saved states of clusters, the way back, and the way to other servers as files.

Other plugins work with them through the names exported here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.queue import TaskKind
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import Record
from hanami_plugins.checkpoints import importing, kinds, routes
from hanami_plugins.checkpoints.arrivals import (
    WAITING,
    ArrivalProgress,
    ImportFailed,
    arrival_progress,
    create_arrival,
    finalise_arrival,
    forget_dropped,
)
from hanami_plugins.checkpoints.downloads import PortableFile, open_file
from hanami_plugins.checkpoints.exporting import EXPORTING, ExportedFile, export
from hanami_plugins.checkpoints.models import Arrival, Checkpoint
from hanami_plugins.checkpoints.service import (
    delete_checkpoint,
    get_checkpoint,
    list_checkpoints,
    restore,
    save,
    set_labels,
    set_visibility,
)
from hanami_plugins.clusters import after_task, writable

__all__ = [
    "Arrival",
    "ArrivalProgress",
    "Checkpoint",
    "ExportedFile",
    "ImportFailed",
    "PortableFile",
    "arrival_progress",
    "create_arrival",
    "delete_checkpoint",
    "export",
    "finalise_arrival",
    "get_checkpoint",
    "list_checkpoints",
    "open_file",
    "restore",
    "save",
    "set_labels",
    "set_visibility",
]

requires = ("clusters", "uploads")

CLEAN_UP_SECONDS = 600.0
"""Seconds between two looks at uploads that were dropped."""


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how big a file may be."""
    limit = 10_000_000_000
    return [Setting("checkpoints.max_upload", int, limit, "Largest checkpoint file in bytes", 1, limit)]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Let at most a quarter of the threads that answer requests wait for files to be looked at, and one export."""
    runtime.stash[EXPORTING] = threading.Lock()
    runtime.stash[WAITING] = threading.BoundedSemaphore(max(1, runtime.settings["http.threads"] // 4))


@hookimpl
def hanami_models() -> Iterable[type[Record]]:
    """Add the tables of checkpoints and of those that are on their way here."""
    return [Checkpoint, Arrival]


@hookimpl
def hanami_schedules() -> list[Schedule]:
    """Forget uploads that were dropped."""
    return [Schedule("checkpoints.clean_up", CLEAN_UP_SECONDS, forget_dropped)]


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add saving, restoring and importing; what was asked to be saved is saved even if its cluster is deleted."""
    save = TaskKind("save", kinds.save, survives_delete=True, ended=after_task, permitted=writable)
    return [save, TaskKind("restore", kinds.restore, ended=kinds.restored, permitted=writable), importing.KIND]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of checkpoints."""
    return routes.routes()
