"""Native routes of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import TaskError
from hanami_core.http import Call, Empty, Listing, Paging, Route, RouteGroup, listing, rows_like
from hanami_core.ids import EXAMPLE_UUID, AnyName, AnyUuid, Name, Uuid
from hanami_core.queue import Task
from hanami_core.runtime import Runtime
from hanami_plugins import clusters
from hanami_plugins.tasks import service
from hanami_plugins.tasks.bodies import Source, bindings, column, name_of_result, results
from hanami_plugins.tasks.planning import LONGEST_COLUMN
from hanami_plugins.tasks.plans import BALANCED, Fit

PREFIX = "/task"
GROUP = RouteGroup("tasks", "Train a cluster with datasets, let it answer one, and follow the progress.", 400)
LIST_HEADER = ("uuid", "state", "percentage", "queued", "start", "end")
DETAILS_HEADER = (*LIST_HEADER, "name", "kind", "dataset", "error", "waiting")

TimeLength = Annotated[int, Meta(ge=1, le=1000, examples=[1])]
Epochs = Annotated[int, Meta(ge=1, le=1_000_000, examples=[10])]
BEYOND_ONE_PASS = ("epochs", "shuffle", "seed", "validation", "early_stopping", "class_weight", "sample_weight")
"""Fields of a training that is more than a single pass over the rows as they come."""
PATIENCE = 10
"""Epochs without a better one that end a training with validation, unless a body says otherwise."""
Share = Annotated[float, Meta(ge=0.001, le=0.999, examples=[0.1])]
Patience = Annotated[int, Meta(ge=0, le=1_000_000, examples=[10])]
Seed = Annotated[int, Meta(ge=0, le=(1 << 53) - 1, examples=[42])]
Balanced = Annotated[str, Meta(pattern=f"^{BALANCED}$", examples=[BALANCED])]
ColumnName = Annotated[str, Meta(min_length=1, max_length=LONGEST_COLUMN, examples=["weight"])]
Shown = str | msgspec.UnsetType
Count = int | msgspec.UnsetType


def _entry(column: str, hexagon: str) -> list[dict[str, str]]:
    return [{"dataset_uuid": EXAMPLE_UUID, "dataset_column": column, "hexagon_name": hexagon}]


class CreateTrain(msgspec.Struct, forbid_unknown_fields=True):
    """A new training.

    Attributes:
        name: name of the task.
        cluster_uuid: UUID of the cluster that is trained.
        inputs: one entry for each input of the cluster, which connects a column of a dataset to a hexagon; or the older
            form, an object that maps names to datasets.
        outputs: one entry for each output, with the correct answers; forms as in `inputs`.
        time_length: number of consecutive rows that the network sees at once; 1 by default.
        equal_rows: whether to refuse columns with different numbers of rows; by default, surplus rows are not used.
        epochs: passes over the rows; 1 by default.
        shuffle: whether each epoch has a random order; by default, only if another field of this kind is given:
            `epochs`, `seed`, `validation`, `early_stopping`, `class_weight` or `sample_weight`.
        seed: makes the random orders repeatable; by default, they depend on the seed of the cluster.
        validation: share of the rows to hold back for validation, or the UUID of a dataset with the same columns; none
            by default.
        early_stopping: epochs without improvement after which the task ends; by default 10 with `validation`, otherwise
            never; 0 is never.
        class_weight: weight of each class, by its number, or `balanced` for weights that make up for rare classes; all
            count the same by default.
        sample_weight: column with the weight of each row: its name, if all columns belong to one dataset, or an entry
            without `hexagon_name`; all count the same by default.
    """

    name: Annotated[Name, Meta(examples=["first lesson"])]
    cluster_uuid: Uuid
    inputs: Annotated[Source, Meta(examples=[_entry("picture", "picture_hex")])]
    outputs: Annotated[Source, Meta(examples=[_entry("label", "label_hex")])]
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
    """A new request: the cluster answers the rows of a dataset.

    Attributes:
        name: name of the task, and of the dataset that holds the answers.
        cluster_uuid: UUID of the cluster that answers.
        inputs: one entry for each input of the cluster, which connects a column of a dataset to a hexagon; or the older
            form, an object that maps names to datasets.
        results: one entry for each output that is wanted, with the column of the new dataset for its answers.
        time_length: number of consecutive rows that the network sees at once; 1 by default.
    """

    name: Annotated[Name, Meta(examples=["answers"])]
    cluster_uuid: Uuid
    inputs: Annotated[Source, Meta(examples=[_entry("picture", "picture_hex")])]
    results: Annotated[Source, Meta(examples=[[{"dataset_column": "label", "hexagon_name": "label_hex"}]])]
    time_length: TimeLength = 1


class TaskOfCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A task of a cluster.

    Attributes:
        uuid: UUID of the task.
        cluster_uuid: UUID of its cluster.
    """

    uuid: Uuid
    cluster_uuid: Uuid


class TaskByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A task.

    Attributes:
        uuid: UUID of the task.
    """

    uuid: Uuid


class WantedTask(TaskOfCluster, forbid_unknown_fields=True):
    """A task of a cluster.

    Attributes:
        details: whether the answer has `kind` and `datasets`.
    """

    details: bool = False


class OfCluster(Paging, forbid_unknown_fields=True, kw_only=True):
    """The requested part of the tasks of a cluster.

    Attributes:
        cluster_uuid: UUID of the cluster.
        details: whether rows have more columns: `name`, `kind`, `dataset` (names of the datasets that the task reads,
            separated by commas), `error` (why it failed) and `waiting` (what else it waits for).
    """

    cluster_uuid: Uuid
    details: bool = False


TaskRow = rows_like(
    Listing,
    uuid=EXAMPLE_UUID,
    state="finished",
    percentage="1.000000",
    queued="2026-03-14 09:26:53",
    start="2026-03-14 09:26:53",
    end="2026-03-14 09:27:05",
)


class TaskDataset(msgspec.Struct):
    """A dataset that a task reads.

    Attributes:
        uuid: UUID of the dataset.
        name: name that it had when the task was queued.
    """

    uuid: AnyUuid
    name: AnyName


class TaskAnswer(msgspec.Struct):
    """A task.

    Attributes:
        current_cycle: number of rows that are done; rows of all epochs count.
        end_timestamp: when it ended, in UTC; `-` before that.
        name: name of the task.
        queue_timestamp: when it was queued, in UTC.
        start_timestamp: when it began, in UTC; `-` before that.
        state: `queued`, `active`, `finished`, `aborted` or `failed`.
        total_number_of_cycles: number of rows in all.
        uuid: UUID of the task.
        error: why it failed; missing otherwise.
        attempts: how often it was begun without progress; missing if once.
        epochs: number of epochs that were run; only of a finished training with validation.
        best_epoch: epoch that the network was reset to, from 1; only of a finished training with validation.
        kind: what the task does, such as `train` or `request`; only with `details`.
        datasets: datasets that it reads; only with `details`.
        waiting: what it waits for besides other tasks of its cluster; missing if nothing.
        outlier_rows: number of rows with a value far from all others, which counts as the nearest of those; missing if
            there are none.
    """

    current_cycle: Annotated[int, Meta(examples=[5000])]
    end_timestamp: Moment
    name: Annotated[AnyName, Meta(examples=["first lesson"])]
    queue_timestamp: Moment
    start_timestamp: Moment
    state: Annotated[str, Meta(examples=["finished"])]
    total_number_of_cycles: Annotated[int, Meta(examples=[5000])]
    uuid: Uuid
    error: TaskError | msgspec.UnsetType = msgspec.UNSET
    attempts: Annotated[Count, Meta(examples=[2])] = msgspec.UNSET
    epochs: Annotated[Count, Meta(examples=[10])] = msgspec.UNSET
    best_epoch: Annotated[Count, Meta(examples=[7])] = msgspec.UNSET
    kind: Annotated[Shown, Meta(examples=["train"])] = msgspec.UNSET
    datasets: list[TaskDataset] | msgspec.UnsetType = msgspec.UNSET
    waiting: TaskError | msgspec.UnsetType = msgspec.UNSET
    outlier_rows: Annotated[Count, Meta(examples=[3])] = msgspec.UNSET


class Entry(msgspec.Struct):
    """What a task had measured when it came to a cycle.

    Attributes:
        cycle: number of rows that were done.
        epoch: pass over the rows, from 1.
        seconds: seconds since the task began.
        values: measured values by name; names of running averages begin with `running_`.
    """

    cycle: Annotated[int, Meta(examples=[5000])]
    epoch: Annotated[int, Meta(examples=[1])]
    seconds: Annotated[float, Meta(examples=[0.4])]
    values: Annotated[dict[str, float], Meta(examples=[{"running_loss": 0.34, "running_accuracy": 0.92}])]


class HistoryAnswer(msgspec.Struct):
    """The history of a task.

    Attributes:
        uuid: UUID of the task.
        entries: measurements in the order of their cycles; of a long task, evenly thinned.
    """

    uuid: Uuid
    entries: list[Entry]


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route(
            "POST",
            f"{PREFIX}/train",
            "tasks.train",
            CreateTrain,
            TaskAnswer,
            create_train,
            keyed=True,
            example=("epochs", "validation"),
        ),
        Route("POST", f"{PREFIX}/request", "tasks.request", CreateRequest, TaskAnswer, create_request, keyed=True),
        Route("GET", PREFIX, "tasks.get", WantedTask, TaskAnswer, get),
        Route("GET", f"{PREFIX}/metrics", "tasks.history", TaskByUuid, HistoryAnswer, history),
        Route("DELETE", PREFIX, "tasks.delete", TaskOfCluster, Empty, delete),
        Route("GET", f"{PREFIX}/all", "tasks.list", OfCluster, TaskRow, list_all),
    )


def create_train(call: Call, request: CreateTrain) -> dict[str, object]:
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
    return answer(call.runtime, task)


def create_request(call: Call, request: CreateRequest) -> dict[str, object]:
    """Queue a request: the cluster answers the rows of a dataset. Whoever sees a cluster may query it."""
    inputs, wanted = bindings(request.inputs, "inputs"), results(request.results)
    return answer(
        call.runtime,
        service.request(
            call.runtime,
            call.access,
            request.cluster_uuid,
            request.name,
            inputs,
            wanted,
            dataset=name_of_result(request.results, request.name),
            time_length=request.time_length,
        ),
    )


def get(call: Call, request: WantedTask) -> dict[str, object]:
    """Return a task."""
    task = service.get_task(call.access, request.cluster_uuid, request.uuid)
    best = service.best_epoch(task)
    told = {} if best is None else {"epochs": best.epochs, "best_epoch": best.epoch}
    if outliers := service.outlier_rows(task):
        told["outlier_rows"] = outliers
    return answer(call.runtime, task) | told | (_details(task) if request.details else {})


def _details(task: Task) -> dict[str, object]:
    return {"kind": task.kind, "datasets": [TaskDataset(item.uuid, item.name) for item in service.sources_of(task)]}


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

    def row(task: Task) -> list[object]:
        waiting = _waiting(service.holder_of(task, look)) or _prepared(call.runtime, task)
        return _detailed_row(task, waiting)

    return listing(DETAILS_HEADER, tasks, request, row)


def _row(task: Task) -> list[object]:
    moments = [Moment(moment) for moment in (task.created_at, task.started_at, task.ended_at)]
    return [task.uuid, task.state, f"{task.fraction:.6f}", *moments]


def _detailed_row(task: Task, waiting: TaskError | None) -> list[object]:
    names = dict.fromkeys(source.name for source in service.sources_of(task))
    return [*_row(task), task.name, task.kind, ", ".join(names), task.failure or "", waiting or ""]


def _waiting(holder: Mapping[str, str] | None) -> TaskError | None:
    return None if holder is None else TaskError("task_waits_for_clients", **holder)


def _prepared(runtime: Runtime, task: Task) -> TaskError | None:
    found = service.preparation_for(runtime, task)
    return None if found is None else TaskError("task_waits_for_host", host=found[0], reason=found[1])


def answer(runtime: Runtime, task: Task) -> dict[str, object]:
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
    more: dict[str, object] = {} if failure is None else {"error": failure}
    waiting = _waiting(service.holder_of(task)) or _prepared(runtime, task)
    if waiting is not None:
        more["waiting"] = waiting
    return result | more | ({"attempts": task.attempts} if task.attempts > 1 else {})
