"""Native routes of tasks."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import TaskError
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Name, Uuid
from hanami_core.queue import Task
from hanami_plugins.tasks import service
from hanami_plugins.tasks.bodies import Source, bindings, name_of_result, results

PREFIX = "/task"
LIST_HEADER = ("uuid", "state", "percentage", "queued", "start", "end")

TimeLength = Annotated[int, Meta(ge=1, le=1000)]


class CreateTrain(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a training. Entries of inputs and outputs name a dataset, one of its columns and a hexagon.

    With `equal_rows`, columns with different numbers of rows are refused; otherwise the rows that not all of them have
    are left out.
    """

    name: Name
    cluster_uuid: Uuid
    inputs: Source
    outputs: Source
    time_length: TimeLength = 1
    equal_rows: bool = False


class CreateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a request. Entries of results name an output and the column of the new dataset."""

    name: Name
    cluster_uuid: Uuid
    inputs: Source
    results: Source
    time_length: TimeLength = 1


class TaskOfCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A task of a cluster."""

    uuid: Uuid
    cluster_uuid: Uuid


class TaskByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A task."""

    uuid: Uuid


class OfCluster(Paging, forbid_unknown_fields=True, kw_only=True):
    """A cluster, and which part of its tasks is wanted."""

    cluster_uuid: Uuid


class TaskAnswer(msgspec.Struct):
    """A task; a moment that has not come is '-'. More than one attempt says how often it was begun without progress.

    `waiting` says what a queued task waits for besides others of its cluster.
    """

    current_cycle: int
    end_timestamp: Moment
    name: str
    queue_timestamp: Moment
    start_timestamp: Moment
    state: str
    total_number_of_cycles: int
    uuid: str
    error: TaskError | msgspec.UnsetType = msgspec.UNSET
    attempts: int | msgspec.UnsetType = msgspec.UNSET
    waiting: TaskError | msgspec.UnsetType = msgspec.UNSET


class Entry(msgspec.Struct):
    """What a task had measured when it had come to a cycle.

    `epoch` is the pass over the rows, from 1 on, `seconds` the time since the task began. Names of running averages
    begin with ``running_``.
    """

    cycle: int
    epoch: int
    seconds: float
    values: dict[str, float]


class HistoryAnswer(msgspec.Struct):
    """The history of a task, in the order of its cycles; evenly thinned if the task was a long one."""

    uuid: str
    entries: list[Entry]


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", f"{PREFIX}/train", "tasks.train", CreateTrain, TaskAnswer, create_train, keyed=True),
        Route("POST", f"{PREFIX}/request", "tasks.request", CreateRequest, TaskAnswer, create_request, keyed=True),
        Route("GET", PREFIX, "tasks.get", TaskOfCluster, TaskAnswer, get),
        Route("GET", f"{PREFIX}/metrics", "tasks.history", TaskByUuid, HistoryAnswer, history),
        Route("DELETE", PREFIX, "tasks.delete", TaskOfCluster, Empty, delete),
        Route("GET", f"{PREFIX}/all", "tasks.list", OfCluster, Listing, list_all),
    ]


def create_train(call: Call, request: CreateTrain) -> dict[str, Any]:
    """Queue a training."""
    inputs, outputs = bindings(request.inputs, "inputs"), bindings(request.outputs, "outputs")
    named = request.cluster_uuid, request.name
    return answer(
        service.train(
            call.runtime,
            call.access,
            *named,
            inputs,
            outputs,
            time_length=request.time_length,
            equal_rows=request.equal_rows,
        )
    )


def create_request(call: Call, request: CreateRequest) -> dict[str, Any]:
    """Queue a request. Whoever sees a cluster may ask it."""
    inputs, wanted = bindings(request.inputs, "inputs"), results(request.results)
    return answer(
        service.request(
            call.runtime,
            call.access,
            request.cluster_uuid,
            request.name,
            inputs,
            wanted,
            dataset=name_of_result(request.results, request.name),
            time_length=request.time_length,
        )
    )


def get(call: Call, request: TaskOfCluster) -> dict[str, Any]:
    """Return a task."""
    return answer(service.get_task(call.access, request.cluster_uuid, request.uuid))


def history(call: Call, request: TaskByUuid) -> HistoryAnswer:
    """Return what a task has measured on its way: loss, accuracy and size of the network."""
    rows = service.task_history(call.access, request.uuid)
    entries = [Entry(row.position, row.epoch, row.seconds, row.values_by_name) for row in rows]
    return HistoryAnswer(request.uuid.lower(), entries)


def delete(call: Call, request: TaskOfCluster) -> Empty:
    """Stop an open task, or remove an ended one from the list."""
    service.delete_task(call.runtime, call.access, request.cluster_uuid, request.uuid)
    return Empty()


def list_all(call: Call, request: OfCluster) -> Listing:
    """List the tasks of a cluster, ordered by uuid; pages are ordered by age."""
    answer = listing(LIST_HEADER, service.list_tasks(call.access, request.cluster_uuid), request, _row)
    if not request.wanted:
        answer.body.sort()
    return answer


def _row(task: Task) -> list[Any]:
    moments = [Moment(moment) for moment in (task.created_at, task.started_at, task.ended_at)]
    return [task.uuid, task.state, f"{task.fraction:.6f}", *moments]


def answer(task: Task) -> dict[str, Any]:
    """Return a task as clients see it."""
    result = {
        "current_cycle": task.current_cycle,
        "end_timestamp": Moment(task.ended_at),
        "name": task.name,
        "queue_timestamp": Moment(task.created_at),
        "start_timestamp": Moment(task.started_at),
        "state": task.state,
        "total_number_of_cycles": task.total_cycles,
        "uuid": task.uuid,
    }
    failure = task.failure
    more: dict[str, Any] = {} if failure is None else {"error": failure}
    if (holder := service.holder_of(task)) is not None:
        more["waiting"] = TaskError("task_waits_for_clients", **holder)
    return result | more | ({"attempts": task.attempts} if task.attempts > 1 else {})
