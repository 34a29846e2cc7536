"""REST routes of tasks."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import NotFound
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Name, Uuid
from hanami_core.queue import ABORTED, OPEN, Task
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import MISSING, Cluster
from hanami_plugins.tasks.plan import Plan, Source, plan_request, plan_training

PREFIX = "/task"
TASK_MISSING = "Task with UUID '{}'not found in Cluster with UUID '{}'"
LIST_HEADER = ("uuid", "state", "percentage", "queued", "start", "end")

TimeLength = Annotated[int, Meta(ge=1, le=1000)]


class CreateTrain(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a training. Entries of inputs and outputs name a dataset, one of its columns and a hexagon."""

    name: Name
    cluster_uuid: Uuid
    inputs: Source
    outputs: Source
    time_length: TimeLength = 1


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


class OfCluster(Paging, forbid_unknown_fields=True, kw_only=True):
    """A cluster, and which part of its tasks is wanted."""

    cluster_uuid: Uuid


class TaskAnswer(msgspec.Struct):
    """A task; a moment that has not come is '-'."""

    current_cycle: int
    end_timestamp: Moment
    name: str
    queue_timestamp: Moment
    start_timestamp: Moment
    state: str
    total_number_of_cycles: int
    uuid: str
    error: str = ""


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", f"{PREFIX}/train", "tasks.train", CreateTrain, TaskAnswer, create_train),
        Route("POST", f"{PREFIX}/request", "tasks.request", CreateRequest, TaskAnswer, create_request),
        Route("GET", PREFIX, "tasks.get", TaskOfCluster, TaskAnswer, get),
        Route("DELETE", PREFIX, "tasks.delete", TaskOfCluster, Empty, delete),
        Route("GET", f"{PREFIX}/all", "tasks.list", OfCluster, Listing, list_all),
    ]


def create_train(call: Call, request: CreateTrain) -> dict[str, Any]:
    """Queue a training."""
    cluster = _cluster(call, request.cluster_uuid, "write")
    plan, cycles = plan_training(call, cluster, request.inputs, request.outputs, request.time_length)
    return _enqueue(call, "train", cluster, request.name, plan, cycles)


def create_request(call: Call, request: CreateRequest) -> dict[str, Any]:
    """Queue a request. Whoever sees a cluster may ask it."""
    cluster = _cluster(call, request.cluster_uuid, "read")
    plan, cycles = plan_request(call, cluster, request.name, request.inputs, request.results, request.time_length)
    return _enqueue(call, "request", cluster, request.name, plan, cycles)


def _enqueue(call: Call, kind: str, cluster: Cluster, name: str, plan: Plan, cycles: int) -> dict[str, Any]:
    with atomic():
        task = call.runtime.queue.enqueue(kind, cluster.uuid, call.actor, name, plan, cycles, blobs=plan.blobs)
    return answer(task)


def get(call: Call, request: TaskOfCluster) -> dict[str, Any]:
    """Return a task."""
    return answer(_task(call, request))


def delete(call: Call, request: TaskOfCluster) -> dict[str, Any]:
    """Stop an open task, or remove an ended one from the list."""
    with atomic():
        task = _task(call, request)
        if task.owner_id != call.actor.user_id:
            _cluster(call, request.cluster_uuid, "write")
        if task.state in OPEN:
            was_queued = task.started_at is None
            call.runtime.queue.abort(task.partition, [task.uuid])
            if not was_queued:
                return {}
            task.state = ABORTED
        if not task.mark_deleted():
            raise _missing(request)
    return {}


def list_all(call: Call, request: OfCluster) -> Listing:
    """List the tasks of a cluster, ordered by uuid; pages are ordered by age."""
    cluster = _cluster(call, request.cluster_uuid, "read")
    answer = listing(LIST_HEADER, Task.active().where(Task.partition == cluster.uuid), request, _row)
    if not request.wanted:
        answer.body.sort()
    return answer


def _row(task: Task) -> list[Any]:
    share = task.current_cycle / max(1, task.total_cycles)
    moments = [Moment(moment) for moment in (task.created_at, task.started_at, task.ended_at)]
    return [task.uuid, task.state, f"{share:.6f}", *moments]


def _cluster(call: Call, uuid: str, verb: Any) -> Cluster:
    return call.get(Cluster, uuid, MISSING.format(uuid), verb)


def _task(call: Call, request: TaskOfCluster) -> Task:
    cluster = _cluster(call, request.cluster_uuid, "read")
    mine = (Task.partition == cluster.uuid) & (Task.uuid == request.uuid.lower())
    task: Task | None = Task.active().where(mine).first()
    if task is None:
        raise _missing(request)
    return task


def _missing(request: TaskOfCluster) -> NotFound:
    return NotFound(TASK_MISSING.format(request.uuid, request.cluster_uuid))


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
    return result | ({"error": task.error} if task.error else {})
