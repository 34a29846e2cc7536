"""Train and request tasks: a dataset meets a cluster in the queue.

Other plugins queue them through the names exported here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hanami_core import hookimpl
from hanami_core.deprecation import former_names
from hanami_core.http import Route
from hanami_core.queue import TaskKind
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_core.storage.database import Record
from hanami_plugins.clusters import readable, writable
from hanami_plugins.tasks import kinds, routes
from hanami_plugins.tasks.models import BestEpoch
from hanami_plugins.tasks.plans import Binding, Fit, ResultColumn, SourceDataset
from hanami_plugins.tasks.service import delete_task, get_task, list_tasks, request, sources_of, task_history, train

__all__ = [
    "Binding",
    "Fit",
    "ResultColumn",
    "SourceDataset",
    "delete_task",
    "get_task",
    "list_tasks",
    "request",
    "sources_of",
    "task_history",
    "train",
]

requires = ("clusters", "datasets")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how many requests others may have at a cluster."""
    return [Setting("tasks.guests", int, 8, "Open request tasks per cluster of users who may not change it", 1)]


@hookimpl
def hanami_models() -> Iterable[type[Record]]:
    """Add the table of best epochs."""
    return [BestEpoch]


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add training and requests."""
    return [
        TaskKind("train", kinds.train, ended=kinds.trained, permitted=writable),
        TaskKind("request", kinds.request, permitted=readable),
    ]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of tasks."""
    return routes.routes()


if not TYPE_CHECKING:  # so that mistyped names are still found
    __getattr__ = former_names(__name__, "0.1", {"Result": "ResultColumn", "Source": "SourceDataset"})
