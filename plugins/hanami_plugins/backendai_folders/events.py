"""The route by which clients follow a clone that takes long, as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Events, Route, ServerEvent
from hanami_core.ids import EXAMPLE_UUID
from hanami_core.queue import ABORTED, FAILED, FINISHED, Task
from hanami_plugins import folders
from hanami_plugins.backendai_folders.answers import uuid_of
from hanami_plugins.backendai_folders.routes import GROUP, folder_route

__all__ = ["routes"]

ENDS = {FINISHED: "bgtask_done", FAILED: "bgtask_failed", ABORTED: "bgtask_cancelled"}
MESSAGES = {FINISHED: "The folder is cloned.", FAILED: "The clone failed.", ABORTED: "The clone was cancelled."}


class FollowTask(msgspec.Struct, forbid_unknown_fields=True):
    """A task.

    Attributes:
        task_id: UUID of the task that makes a clone.
    """

    task_id: Annotated[str, Meta(max_length=64, examples=[EXAMPLE_UUID])]


def routes() -> list[Route]:
    """Return the route."""
    return GROUP.of(folder_route("GET", "/events/background-task", "follow", FollowTask, Events, follow))


def follow(call: Call, request: FollowTask) -> Events:
    """Tell how far the clone of a folder is, until it is done."""
    return Events(_events(folders.follow_clone(call.runtime, call.access, uuid_of(request.task_id))))


def _events(states: Iterator[Task]) -> Iterator[ServerEvent | None]:
    told = None
    for task in states:
        now = (task.state, task.current_cycle)
        if now == told:
            yield None
        elif task.state in ENDS:
            reason = task.failure if task.state == FAILED else None
            yield ServerEvent({"task_id": task.uuid, "message": reason or MESSAGES[task.state]}, ENDS[task.state])
        else:
            yield ServerEvent(_progress(task), "bgtask_updated")
        told = now
    # Clients come back for ever after a stream that ends in any other way.
    yield ServerEvent({}, "server_close")


def _progress(task: Task) -> dict[str, Any]:
    return {
        "task_id": task.uuid,
        "message": f"Cloning {task.name}",
        "current_progress": task.current_cycle,
        "total_progress": task.total_cycles,
    }
