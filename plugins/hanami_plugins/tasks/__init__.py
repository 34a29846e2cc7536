"""Train and request tasks: a dataset meets a cluster in the queue."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.queue import TaskKind
from hanami_core.runtime import Runtime
from hanami_plugins.tasks import kinds, routes

requires = ("clusters", "datasets")


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add training and requests."""
    return [TaskKind("train", kinds.train), TaskKind("request", kinds.request)]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of tasks."""
    return routes.routes()
