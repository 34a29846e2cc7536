"""The part of `Client` about tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hanami_sdk._history import History
from hanami_sdk._html import ShownList
from hanami_sdk._http import rows
from hanami_sdk._models import ClusterLike, Column, Dataset, Task
from hanami_sdk._session import Session
from hanami_sdk._upload import Progress
from hanami_sdk._waiting import wait_until
from hanami_sdk.hanami_exceptions import TaskFailedException

Columns: TypeAlias = Mapping[str, "Column | Dataset | str | tuple[Dataset | str, str]"] | Sequence[Mapping[str, str]]
"""Columns by the name of an input or output, or the entries of the REST interface."""

Results: TypeAlias = Mapping[str, str] | Sequence[Mapping[str, str]]
"""Names of the new columns by the name of the output, or the entries of the REST interface as they are."""


ClassWeight: TypeAlias = Mapping[Any, float] | str
"""How much each class counts, or `"balanced"`."""

SampleWeight: TypeAlias = "Column | str | tuple[Dataset | str, str]"
"""The column that says how much each row counts."""


class TaskMethods(Session):
    """Train and query clusters with whole datasets."""

    def train(
        self,
        cluster: ClusterLike,
        inputs: Columns,
        outputs: Columns,
        *,
        name: str | None = None,
        time_length: int = 1,
        equal_rows: bool = True,
        epochs: int = 1,
        shuffle: bool = True,
        seed: int | None = None,
        validation: float | Dataset | str | None = None,
        early_stopping: int | None = None,
        class_weight: ClassWeight | None = None,
        sample_weight: SampleWeight | None = None,
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Train a cluster with the rows of datasets.

        Args:
            cluster: cluster, UUID or name.
            inputs: column for each input, such as `{"picture_hex": dataset["picture"]}`. A dataset, UUID or name alone
                means its column of the same name as the input, a pair is a dataset and the name of the column.
            outputs: column with the expected values for each output.
            name: name of the task.
            time_length: consecutive rows that the network receives as one input, 1 to 1000.
            equal_rows: refuse columns with different numbers of rows; False leaves out the rows that not all have.
            epochs: passes over the rows.
            shuffle: use a random order of the rows for each epoch; False keeps their order.
            seed: decides these orders, and the initial weights of a cluster that was never trained: equal seed, data
                and settings give equal networks. None leaves it to the cluster, whose weights differ from any other's.
            validation: share of the rows to hold back, such as 0.2, or a dataset with columns of the same names; its
                rows are answered after each epoch, and the network is finally reset to the epoch with the smallest
                loss.
            early_stopping: consecutive epochs without a smaller loss after which the training ends; None means 10 with
                validation, 0 always runs all epochs.
            class_weight: `"balanced"`, so that all classes count the same, however many rows they have; or how much
                each class counts, by its number, such as `{0: 1, 1: 20}`. Classes that are left out count 1.
            sample_weight: column that says how much each row counts, 0 or more: a column, a pair of a dataset and the
                name of the column, or a name in the dataset of all inputs and outputs. Only ratios matter.
            wait: return when the task has ended; False returns when it is queued.
            progress: called with the number of cycles done and the total.
            timeout: seconds to wait; None waits forever.

        Returns:
            The task.

        Raises:
            NotFoundException: cluster, dataset or column does not exist for this user.
            BadRequestException: names or widths do not fit the cluster.
            TaskFailedException: the task was aborted or failed.
            WaitTimeoutException: the timeout expired; the task continues.
        """
        cluster_uuid, dataset_uuid = self._uuid("cluster", cluster), self._uuids("dataset")
        body = {
            "name": name or "train",
            "cluster_uuid": cluster_uuid,
            "inputs": _sources(inputs, dataset_uuid),
            "outputs": _sources(outputs, dataset_uuid),
            "time_length": time_length,
            **training_fields(
                equal_rows=equal_rows,
                epochs=epochs,
                shuffle=shuffle,
                seed=seed,
                validation=validation if isinstance(validation, int | float | None) else dataset_uuid(validation),
                early_stopping=early_stopping,
                class_weight=numbered(class_weight),
                sample_weight=_weights(sample_weight, dataset_uuid),
            ),
        }
        task = Task.from_json(self.post("/task/train", body), cluster_uuid)
        return self.wait(task, progress, timeout) if wait else task

    def request(
        self,
        cluster: ClusterLike,
        inputs: Columns,
        results: Results,
        *,
        name: str | None = None,
        time_length: int = 1,
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Ask a cluster with the rows of datasets; the answers become a dataset with the UUID of the task.

        Args:
            cluster: cluster, UUID or name.
            inputs: column for each input, as for `train`.
            results: name of the new column for each output, such as `{"label_hex": "answer"}`.
            name: name of the task and of the new dataset.
            time_length: consecutive rows that the network receives as one input, 1 to 1000.
            wait: return when the task has ended; False returns when it is queued.
            progress: called with the number of cycles done and the total.
            timeout: seconds to wait; None waits forever.

        Returns:
            The task; `dataset_content(task, column)` reads the result.

        Raises:
            HanamiException: as for `train`.
        """
        cluster_uuid = self._uuid("cluster", cluster)
        body = {
            "name": name or "request",
            "cluster_uuid": cluster_uuid,
            "inputs": _sources(inputs, self._uuids("dataset")),
            "results": _targets(results),
            "time_length": time_length,
        }
        task = Task.from_json(self.post("/task/request", body), cluster_uuid)
        return self.wait(task, progress, timeout) if wait else task

    def task(self, task: Task | str, cluster: ClusterLike | None = None) -> Task:
        """Return a task in its current state.

        Args:
            task: task or UUID.
            cluster: cluster of the task; may be left out for a `Task`, which knows it.

        Raises:
            NotFoundException: there is no such task or cluster for this user.
        """
        cluster_uuid = self._cluster_of(task, cluster)
        answer = self._get_in_detail("/task", uuid=_task_uuid(task), cluster_uuid=cluster_uuid)
        return Task.from_json(answer, cluster_uuid)

    def history(self, task: Task | str) -> History:
        """Return the measurements of a task so far: loss, accuracy and size of the network.

        Example::

            history = client.history(client.train(cluster, inputs, outputs))
            history["running_loss"][-1]
            pandas.DataFrame(history)

        Args:
            task: task or UUID.

        Returns:
            Lists by name; a notebook draws them.

        Raises:
            NotFoundException: there is no such task of a cluster that this user sees.
        """
        return History.from_json(self.get("/task/metrics", uuid=_task_uuid(task)))

    def tasks(self, cluster: ClusterLike) -> list[Task]:
        """Return all tasks of a cluster that were not deleted, oldest first.

        Raises:
            NotFoundException: there is no such cluster for this user.
        """
        uuid = self._uuid("cluster", cluster)
        found = rows(self._get_in_detail("/task/all", cluster_uuid=uuid))
        return ShownList(Task.from_json(row, uuid) for row in found)

    def delete_task(self, task: Task | str, cluster: ClusterLike | None = None) -> None:
        """Delete a task; one that is active is aborted. The dataset that a request task made stays.

        Args:
            task: task or UUID.
            cluster: cluster of the task; may be left out for a `Task`, which knows it.

        Raises:
            NotFoundException: there is no such task or cluster for this user.
        """
        self.delete("/task", uuid=_task_uuid(task), cluster_uuid=self._cluster_of(task, cluster))

    def _cluster_of(self, task: Task | str, cluster: ClusterLike | None) -> str:
        if cluster is not None:
            return self._uuid("cluster", cluster)
        if isinstance(task, Task):
            return task.cluster_uuid
        raise TypeError("the UUID of a task needs its cluster beside it")

    def wait(self, task: Task, progress: Progress | None = None, timeout: float | None = None) -> Task:
        """Wait for the end of a task.

        Args:
            task: task in any state.
            progress: called with the cycles done and the cycles of all whenever there are more.
            timeout: seconds to wait; None waits forever.

        Returns:
            The finished task.

        Raises:
            TaskFailedException: the task was aborted or failed.
            NotFoundException: the task was deleted.
            WaitTimeoutException: the timeout expired; the task continues.
        """
        watch = Watch(task, progress)
        wait_until(lambda: watch.see(self.task(task)), timeout, watch.title)
        return watch.result()


class Watch:
    """What somebody who waits for a task has seen of it, whoever asks the server.

    Args:
        task: the task.
        progress: called with the cycles done and the cycles of all whenever there are more.
    """

    def __init__(self, task: Task, progress: Progress | None = None) -> None:
        self.title = f"task {task.uuid}"
        self._last, self._progress, self._reported = task, progress, -1

    def see(self, task: Task) -> bool:
        """Take note of the present state and tell whether it is the last one."""
        self._last = task
        done, total = task.current_cycle or 0, task.total_number_of_cycles or 0
        if self._progress is not None and total and done > self._reported:
            self._reported = done
            self._progress(done, total)
        return task.ended

    def result(self) -> Task:
        """Return the finished task.

        Raises:
            TaskFailedException: the task was aborted or failed.
        """
        if not self._last.finished:
            reason = f": {self._last.error}" if self._last.error else ""
            raise TaskFailedException(f"{self.title} is {self._last.state}{reason}", self._last)
        return self._last


def training_fields(*, equal_rows: bool, epochs: int, shuffle: bool, **more: object) -> dict[str, Any]:
    """Return the fields of a training; none for a single pass over the rows as they come, which every server knows."""
    given = {name: value for name, value in more.items() if value is not None}
    if epochs != 1:
        given["epochs"] = epochs
    if shuffle or given:
        given["shuffle"] = shuffle
    return given | ({"equal_rows": True} if equal_rows else {})


def _task_uuid(task: Task | str) -> str:
    return task.uuid if isinstance(task, Task) else str(task)


def numbered(class_weight: ClassWeight | None) -> dict[str, float] | str | None:
    """Return the weights of classes as the REST interface takes them, by their numbers, or `"balanced"`."""
    if isinstance(class_weight, Mapping):
        return {str(number): float(weight) for number, weight in class_weight.items()}
    return class_weight


def _weights(column: SampleWeight | None, uuid: Callable[[Any], str]) -> dict[str, str] | str | None:
    if column is None or isinstance(column, str):
        return column
    entry = _source("", column, uuid)
    return {"dataset_uuid": entry["dataset_uuid"], "dataset_column": entry["dataset_column"]}


def _sources(columns: Columns, uuid: Callable[[Any], str]) -> list[dict[str, str]]:
    if isinstance(columns, Mapping):
        return [_source(hexagon, column, uuid) for hexagon, column in columns.items()]
    return [{key: uuid(value) if key == "dataset_uuid" else value for key, value in one.items()} for one in columns]


def _source(
    hexagon: str, column: Column | Dataset | str | tuple[Dataset | str, str], uuid: Callable[[Any], str]
) -> dict[str, str]:
    if isinstance(column, Column):
        dataset, name = column.dataset, column.name
    elif isinstance(column, tuple):
        dataset, name = uuid(column[0]), column[1]
    else:
        dataset, name = uuid(column), hexagon
    return {"dataset_uuid": dataset, "dataset_column": name, "hexagon_name": hexagon}


def _targets(results: Results) -> list[dict[str, str]]:
    if not isinstance(results, Mapping):
        return [dict(entry) for entry in results]
    return [{"dataset_column": column, "hexagon_name": hexagon} for hexagon, column in results.items()]
