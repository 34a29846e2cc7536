"""Native routes of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import TaskError
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Name, Uuid
from hanami_core.queue import Task
from hanami_plugins import clusters
from hanami_plugins.tasks import service
from hanami_plugins.tasks.bodies import Source, bindings, column, name_of_result, results
from hanami_plugins.tasks.planning import LONGEST_COLUMN
from hanami_plugins.tasks.plans import BALANCED, Fit

PREFIX = "/task"
LIST_HEADER = ("uuid", "state", "percentage", "queued", "start", "end")
DETAILS_HEADER = (*LIST_HEADER, "name", "kind", "dataset", "error", "waiting")

TimeLength = Annotated[int, Meta(ge=1, le=1000)]
Epochs = Annotated[int, Meta(ge=1, le=1_000_000)]
BEYOND_ONE_PASS = ("epochs", "shuffle", "seed", "validation", "early_stopping", "class_weight", "sample_weight")
"""Fields of a training that is more than a single pass over the rows as they come."""
PATIENCE = 10
"""Epochs without a better one that end a training with validation, unless a body says otherwise."""
Share = Annotated[float, Meta(ge=0.001, le=0.999)]
Patience = Annotated[int, Meta(ge=0, le=1_000_000)]
Seed = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Balanced = Annotated[str, Meta(pattern=f"^{BALANCED}$")]
ColumnName = Annotated[str, Meta(min_length=1, max_length=LONGEST_COLUMN)]


class CreateTrain(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a training. Entries of inputs and outputs name a dataset, one of its columns and a hexagon.

    With `equal_rows`, columns with different numbers of rows are refused; otherwise the rows that not all of them have
    are left out. `validation` is a share of the rows or the uuid of a dataset with columns of the same names.
    `class_weight` is what each class counts, by its number, or `balanced`; `sample_weight` is the column that says what
    each row counts: its name, if all columns are of one dataset, or an entry without a hexagon.
    """

    name: Name
    cluster_uuid: Uuid
    inputs: Source
    outputs: Source
    time_length: TimeLength = 1
    equal_rows: bool = False
    epochs: Epochs | None = None
    shuffle: bool | None = None
    seed: Seed | None = None
    validation: Share | Uuid | None = None
    early_stopping: Patience | None = None
    class_weight: Balanced | dict[str, float] | None = None
    sample_weight: ColumnName | dict[str, Any] | None = None

    def fit(self) -> Fit | None:
        """Return how the training goes; a body with none of these fields is a single pass over the rows as they come.

        Whoever sends one of them gets rows in an order of their own for each epoch, unless `shuffle` is false.
        """
        if all(getattr(self, name) is None for name in BEYOND_ONE_PASS):
            return None
        patience = self.early_stopping
        if patience is None:
            patience = PATIENCE if self.validation else 0
        return Fit(
            self.epochs or 1,
            self.shuffle is not False,
            self.seed,
            self.validation or 0.0,
            patience,
            self.class_weight,
            column(self.sample_weight),
        )


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


class WantedTask(TaskOfCluster, forbid_unknown_fields=True):
    """A task of a cluster; with `details` also its kind and the datasets that it reads."""

    details: bool = False


class OfCluster(Paging, forbid_unknown_fields=True, kw_only=True):
    """A cluster, and which part of its tasks is wanted; with `details` a row tells what the task is, and why it failed.

    The cell `dataset` has the names of the datasets that the task reads, separated by commas, and `waiting` says what a
    queued task waits for besides others of its cluster.
    """

    cluster_uuid: Uuid
    details: bool = False


class Dataset(msgspec.Struct):
    """A dataset that a task reads, by the name that it had when the task was queued."""

    uuid: str
    name: str


class TaskAnswer(msgspec.Struct):
    """A task; a moment that has not come is '-'. More than one attempt says how often it was begun without progress.

    Of a training with validation it is told at the end how many epochs were run, and which one was the best.
    `outlier_rows` is how many rows of a training have a value far from all others, if there are any: it counts as the
    nearest of those. `waiting` says what a queued task waits for besides others of its cluster.
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
    epochs: int | msgspec.UnsetType = msgspec.UNSET
    best_epoch: int | msgspec.UnsetType = msgspec.UNSET
    kind: str | msgspec.UnsetType = msgspec.UNSET
    datasets: list[Dataset] | msgspec.UnsetType = msgspec.UNSET
    waiting: TaskError | msgspec.UnsetType = msgspec.UNSET
    outlier_rows: int | msgspec.UnsetType = msgspec.UNSET


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
        Route("GET", PREFIX, "tasks.get", WantedTask, TaskAnswer, get),
        Route("GET", f"{PREFIX}/metrics", "tasks.history", TaskByUuid, HistoryAnswer, history),
        Route("DELETE", PREFIX, "tasks.delete", TaskOfCluster, Empty, delete),
        Route("GET", f"{PREFIX}/all", "tasks.list", OfCluster, Listing, list_all),
    ]


def create_train(call: Call, request: CreateTrain) -> dict[str, Any]:
    """Queue a training."""
    inputs, outputs = bindings(request.inputs, "inputs"), bindings(request.outputs, "outputs")
    task = service.train(
        call.runtime,
        call.access,
        request.cluster_uuid,
        request.name,
        inputs,
        outputs,
        time_length=request.time_length,
        equal_rows=request.equal_rows,
        fit=request.fit(),
    )
    return answer(task)


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


def get(call: Call, request: WantedTask) -> dict[str, Any]:
    """Return a task."""
    task = service.get_task(call.access, request.cluster_uuid, request.uuid)
    best = service.best_epoch(task)
    told = {} if best is None else {"epochs": best.epochs, "best_epoch": best.epoch}
    if outliers := service.outlier_rows(task):
        told["outlier_rows"] = outliers
    return answer(task) | told | (_details(task) if request.details else {})


def _details(task: Task) -> dict[str, Any]:
    return {"kind": task.kind, "datasets": [Dataset(item.uuid, item.name) for item in service.sources_of(task)]}


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
    """List the tasks of a cluster, oldest first."""
    tasks = service.list_tasks(call.access, request.cluster_uuid)
    if not request.details:
        return listing(LIST_HEADER, tasks, request, _row)
    look = cache(clusters.holder_of)  # all of them wait for the same

    def row(task: Task) -> list[Any]:
        return _detailed_row(task, service.holder_of(task, look))

    return listing(DETAILS_HEADER, tasks, request, row)


def _row(task: Task) -> list[Any]:
    moments = [Moment(moment) for moment in (task.created_at, task.started_at, task.ended_at)]
    return [task.uuid, task.state, f"{task.fraction:.6f}", *moments]


def _detailed_row(task: Task, holder: Mapping[str, str] | None) -> list[Any]:
    names = dict.fromkeys(source.name for source in service.sources_of(task))
    return [*_row(task), task.name, task.kind, ", ".join(names), task.failure or "", _waiting(holder) or ""]


def _waiting(holder: Mapping[str, str] | None) -> TaskError | None:
    return None if holder is None else TaskError("task_waits_for_clients", **holder)


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
    if (waiting := _waiting(service.holder_of(task))) is not None:
        more["waiting"] = waiting
    return result | more | ({"attempts": task.attempts} if task.attempts > 1 else {})
