"""Tasks, as v0.4 shows them: one dataset for all bricks. How it meets the bricks is decided here."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.access import Access
from hanami_core.clock import Moment
from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing, rows_like
from hanami_core.ids import EXAMPLE_UUID, Name, Uuid
from hanami_core.network import Input, Output, Template
from hanami_core.queue import Task
from hanami_plugins import clusters, datasets, tasks
from hanami_plugins.api_control_v1.api import NAME, route
from hanami_plugins.api_control_v1.datasets import INPUTS, OUTPUTS
from hanami_plugins.api_control_v1.shapes import NamedUuid
from hanami_plugins.tasks import Binding, ResultColumn

LIST_HEADER = ("uuid", "state", "percentage", "queued", "start", "end")
PICTURES = "mnist"
ABORTED = "aborted"
COVERED = ("tasks.train", "tasks.request")
"""What the other generation has a route of its own for."""


class CreateTask(msgspec.Struct, forbid_unknown_fields=True):
    """A new training or request.

    Attributes:
        name: name of the task.
        type: `train` or `request`.
        cluster_uuid: UUID of the cluster.
        dataset_uuid: UUID of the dataset with its rows.
    """

    name: Annotated[Name, Meta(examples=["first lesson"])]
    type: Annotated[str, Meta(pattern="^(train|request)$", examples=["train"])]
    cluster_uuid: Uuid
    dataset_uuid: Uuid


class ControlTaskOfCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A task of a cluster.

    Attributes:
        uuid: UUID of the task.
        cluster_uuid: UUID of its cluster.
    """

    uuid: Uuid
    cluster_uuid: Uuid


class ControlOfCluster(Paging, forbid_unknown_fields=True, kw_only=True):
    """The requested part of the tasks of a cluster.

    Attributes:
        cluster_uuid: UUID of the cluster.
    """

    cluster_uuid: Uuid


class ControlTaskAnswer(msgspec.Struct):
    """A task.

    Attributes:
        end_timestamp: when it ended, in UTC; `-` before that.
        percentage_finished: progress from 0 to 1.
        queue_timestamp: when it was queued, in UTC.
        start_timestamp: when it began, in UTC; `-` before that.
        state: `queued`, `active`, `finished`, `aborted` or `failed`.
    """

    end_timestamp: Moment
    percentage_finished: Annotated[float, Meta(examples=[0.425])]
    queue_timestamp: Moment
    start_timestamp: Moment
    state: Annotated[str, Meta(examples=["finished"])]


TaskRow = rows_like(
    Listing,
    uuid=EXAMPLE_UUID,
    state="finished",
    percentage="1.000000",
    queued="2026-03-14 09:26:53",
    start="2026-03-14 09:26:53",
    end="2026-03-14 09:27:05",
)


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("POST", "/task", "tasks.create", CreateTask, NamedUuid, create, api=NAME, covers=COVERED, keyed=True),
        route("GET", "/task", "tasks.get", ControlTaskOfCluster, ControlTaskAnswer, get),
        route("GET", "/task/all", "tasks.list", ControlOfCluster, TaskRow, list_all),
        route("DELETE", "/task", "tasks.delete", ControlTaskOfCluster, Empty, delete),
    ]


def create(call: Call, request: CreateTask) -> NamedUuid:
    """Queue a training or a request."""
    template = clusters.template_of(clusters.get_cluster(call.access, request.cluster_uuid))
    inputs = _inputs(call.access, template, request.dataset_uuid)
    given = call.runtime, call.access, request.cluster_uuid, request.name
    if request.type == "train":
        task = tasks.train(*given, inputs, _outputs(call.access, template, request.dataset_uuid))
    else:
        wanted = [ResultColumn(output.name, output.name) for output in template.outputs]
        task = tasks.request(*given, inputs, wanted, overlapping=not _holds_pictures(call.access, request.dataset_uuid))
    return NamedUuid(request.name, task.uuid)


def _holds_pictures(access: Access, uuid: str) -> bool:
    return datasets.get_dataset(access, uuid).format == PICTURES


def _inputs(access: Access, template: Template, uuid: str) -> list[Binding]:
    if _holds_pictures(access, uuid):
        return [Binding(_only(template.inputs, "input").name, uuid, INPUTS)]
    window = _window(template)
    return [Binding(one.name, uuid, one.name, window - _size(one), _size(one)) for one in template.inputs]


def _outputs(access: Access, template: Template, uuid: str) -> list[Binding]:
    if _holds_pictures(access, uuid):
        return [Binding(_only(template.outputs, "output").name, uuid, OUTPUTS)]
    window = _window(template)
    return [Binding(one.name, uuid, one.name, window - _size(one), _size(one)) for one in template.outputs]


def _window(template: Template) -> int:
    """Return of how many rows a cycle sees the last one; the windows of all bricks end there."""
    found: list[Input | Output] = [*template.inputs, *template.outputs]
    return max(map(_size, found))


def _size(interface: Input | Output) -> int:
    return max(1, interface.size)


def _only(found: tuple[object, ...], kind: str) -> Any:
    if len(found) != 1:
        raise BadRequest("bricks_for_pictures", count=len(found), kind=kind)
    return found[0]


def get(call: Call, request: ControlTaskOfCluster) -> ControlTaskAnswer:
    """Return a task."""
    task = tasks.get_task(call.access, request.cluster_uuid, request.uuid)
    queued, started, ended = _moments(task)
    return ControlTaskAnswer(ended, task.fraction, queued, started, task.state)


def list_all(call: Call, request: ControlOfCluster) -> Listing:
    """List the tasks of a cluster."""
    return listing(LIST_HEADER, tasks.list_tasks(call.access, request.cluster_uuid), request, _row)


def _row(task: Task) -> list[object]:
    return [task.uuid, task.state, f"{task.fraction:.6f}", *_moments(task)]


def _moments(task: Task) -> tuple[Moment, Moment, Moment]:
    ended = None if task.state == ABORTED else task.ended_at
    return Moment(task.created_at), Moment(task.started_at), Moment(ended)


def delete(call: Call, request: ControlTaskOfCluster) -> Empty:
    """Stop an open task, or remove an ended one from the list."""
    tasks.delete_task(call.runtime, call.access, request.cluster_uuid, request.uuid)
    return Empty()
