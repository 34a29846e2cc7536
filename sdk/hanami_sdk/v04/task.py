"""Tasks: training and requests with whole datasets, one after another for each cluster.

A task is `{"end_timestamp", "percentage_finished", "queue_timestamp", "start_timestamp", "state"}`; its state goes from
`queued` over `active` to `finished`, or to `aborted` or `failed`.
"""

from __future__ import annotations

from hanami_sdk import _calls, task
from hanami_sdk.v04._generation import in_v04, shared

__all__ = ["create_task", "delete_task", "get_task", "list_tasks"]


@in_v04
def create_task(
    token: str,
    address: str,
    name: str,
    task_type: str,
    cluster_uuid: str,
    dataset_uuid: str,
    verify_connection: bool = True,
) -> bytes:
    """Queue a training of a cluster, or a request to it, with a dataset.

    Pictures go to the only input, and their labels to the only output. The columns of a table go to the bricks that
    have their names, as many lines at once as the brick has neurons.

    Args:
        token: token.
        address: address of the server.
        name: name of the task, and of the result of a request.
        task_type: `train` or `request`.
        cluster_uuid: UUID of the cluster.
        dataset_uuid: UUID of the dataset.
        verify_connection: check the certificate.

    Returns:
        `{"name", "uuid"}`

    Raises:
        NotFoundException: cluster or dataset does not exist for this user, or a column is missing.
        BadRequestException: the dataset does not fit the bricks.
    """
    body = {"name": name, "type": task_type, "cluster_uuid": cluster_uuid, "dataset_uuid": dataset_uuid}
    return _calls.post(token, address, "/task", verify_connection, **body)


get_task = shared(
    task.get_task, '`{"end_timestamp", "percentage_finished", "queue_timestamp", "start_timestamp", "state"}`'
)
list_tasks = shared(task.list_tasks)
delete_task = shared(task.delete_task)
