"""Tasks: training and requests with whole datasets, one after another for each cluster.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.

A task is `{"uuid", "name", "state", "current_cycle", "total_number_of_cycles", "queue_timestamp", "start_timestamp",
"end_timestamp"}`; its state goes from `queued` over `active` to `finished`, or to `aborted` or `failed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from hanami_sdk import _calls
from hanami_sdk._tasks import numbered, training_fields

__all__ = ["create_request_task", "create_train_task", "delete_task", "get_task", "get_task_metrics", "list_tasks"]

Entries: TypeAlias = Sequence[Mapping[str, str]] | Mapping[str, str]


def create_train_task(
    token: str,
    address: str,
    name: str,
    cluster_uuid: str,
    inputs: Entries,
    outputs: Entries,
    timeLength: int = 1,  # noqa: N803 - the name in the released SDKs
    verify_connection: bool = True,
    *,
    equal_rows: bool = False,
    epochs: int = 1,
    shuffle: bool = False,
    seed: int | None = None,
    validation: float | str | None = None,
    early_stopping: int | None = None,
    class_weight: Mapping[str, float] | str | None = None,
    sample_weight: Mapping[str, str] | str | None = None,
) -> bytes:
    """Queue the training of a cluster with datasets.

    Args:
        token: token.
        address: address of the server.
        name: name of the task.
        cluster_uuid: UUID of the cluster.
        inputs: list of `{"dataset_uuid", "dataset_column", "hexagon_name"}`; the mapping of v0.5.0 is sent as it is.
        outputs: the same for the expected values.
        timeLength: consecutive rows that the network receives as one input, 1 to 1000.
        verify_connection: check the certificate.
        equal_rows: reject columns with different numbers of rows; otherwise surplus rows are ignored.
        epochs: passes over the rows.
        shuffle: use a random order of the rows for each epoch; by default they keep their order.
        seed: determines these orders, and the initial weights of a cluster that was never trained.
        validation: share of the rows to hold back, such as 0.2, or UUID of a dataset with columns of the same names;
            its rows are answered after each epoch, and the network is finally reset to the epoch with the smallest
            loss.
        early_stopping: consecutive epochs without a smaller loss after which the training ends; None means 10 with
            validation, 0 always runs all epochs.
        class_weight: `"balanced"`, or the weight of each class, by its number; missing classes have weight 1.
        sample_weight: name of the column with the weight of each row, if all inputs and outputs are from one dataset;
            otherwise `{"dataset_uuid", "dataset_column"}`.

    Returns:
        The task.

    Raises:
        NotFoundException: cluster, dataset or column does not exist for this user.
        BadRequestException: names or widths do not fit the cluster.
    """
    body = {"name": name, "cluster_uuid": cluster_uuid, "inputs": inputs, "outputs": outputs}
    more = training_fields(
        equal_rows=equal_rows,
        epochs=epochs,
        shuffle=shuffle,
        seed=seed,
        validation=validation,
        early_stopping=early_stopping,
        class_weight=numbered(class_weight),
        sample_weight=sample_weight,
    )
    return _calls.post(token, address, "/task/train", verify_connection, **body, time_length=timeLength, **more)


def create_request_task(
    token: str,
    address: str,
    name: str,
    cluster_uuid: str,
    inputs: Entries,
    results: Entries,
    timeLength: int = 1,  # noqa: N803 - the name in the released SDKs
    verify_connection: bool = True,
) -> bytes:
    """Queue a request to a cluster with datasets; the answers become a dataset with the UUID of the task.

    Args:
        token: token.
        address: address of the server.
        name: name of the task and of the new dataset.
        cluster_uuid: UUID of the cluster.
        inputs: list of `{"dataset_uuid", "dataset_column", "hexagon_name"}`; the mapping of v0.5.0 is sent as it is.
        results: list of `{"dataset_column", "hexagon_name"}`, a new column for each output.
        timeLength: consecutive rows that the network receives as one input, 1 to 1000.
        verify_connection: check the certificate.

    Returns:
        The task.

    Raises:
        NotFoundException: cluster, dataset or column does not exist for this user.
        BadRequestException: names or widths do not fit the cluster.
    """
    body = {"name": name, "cluster_uuid": cluster_uuid, "inputs": inputs, "results": results}
    return _calls.post(token, address, "/task/request", verify_connection, **body, time_length=timeLength)


def get_task(
    token: str,
    address: str,
    task_uuid: str,
    cluster_uuid: str,
    verify_connection: bool = True,
    *,
    details: bool = False,
) -> bytes:
    """Return a task in its current state.

    Args:
        token: token.
        address: address of the server.
        task_uuid: UUID of the task.
        cluster_uuid: UUID of its cluster.
        verify_connection: check the certificate.
        details: whether `kind` and `datasets` are returned, too; OpenHanami's servers do not know them.

    Returns:
        The task.

    Raises:
        NotFoundException: there is no such task or cluster for this user.
    """
    query = {"uuid": task_uuid, "cluster_uuid": cluster_uuid}
    return _calls.get_in_detail(token, address, "/task", verify_connection, details, **query)


def get_task_metrics(token: str, address: str, task_uuid: str, verify_connection: bool = True) -> bytes:
    """Return the measurements of a task so far.

    Args:
        token: token.
        address: address of the server.
        task_uuid: UUID of the task.
        verify_connection: check the certificate.

    Returns:
        `{"uuid", "entries"}`, each entry `{"cycle", "epoch", "seconds", "values"}` with numbers by name, such as
        `running_loss`.

    Raises:
        NotFoundException: there is no such task of a cluster that this user sees.
    """
    return _calls.get(token, address, "/task/metrics", verify_connection, uuid=task_uuid)


def list_tasks(
    token: str, address: str, cluster_uuid: str, verify_connection: bool = True, *, details: bool = False
) -> bytes:
    """List the tasks of a cluster, oldest first.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.
        details: whether the columns name, kind, dataset (the names of those that the task reads, separated by commas),
            error and waiting are returned, too; OpenHanami's servers do not know them.

    Returns:
        `{"header", "body"}` with the columns uuid, state, percentage (0.0 to 1.0), queued, start, end, all text.

    Raises:
        NotFoundException: there is no such cluster for this user.
    """
    return _calls.get_in_detail(token, address, "/task/all", verify_connection, details, cluster_uuid=cluster_uuid)


def delete_task(token: str, address: str, task_uuid: str, cluster_uuid: str, verify_connection: bool = True) -> bytes:
    """Delete a task; one that is active is aborted. The dataset that a request task made stays.

    Args:
        token: token.
        address: address of the server.
        task_uuid: UUID of the task.
        cluster_uuid: UUID of its cluster.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such task or cluster for this user.
    """
    return _calls.delete(token, address, "/task", verify_connection, uuid=task_uuid, cluster_uuid=cluster_uuid)
