"""Clusters: networks of bricks, their modes, states and hosts.

A cluster is `{"name", "owner_id", "project_id", "uuid", "visibility"}`.
"""

from __future__ import annotations

from hanami_sdk import _calls, cluster
from hanami_sdk._direct import open_direct
from hanami_sdk._socket import Socket
from hanami_sdk.v04._generation import in_v04, shared

__all__ = [
    "create_cluster",
    "delete_cluster",
    "get_cluster",
    "list_clusters",
    "restore_cluster",
    "save_cluster",
    "switch_host",
    "switch_to_direct_mode",
    "switch_to_task_mode",
]

create_cluster = shared(cluster.create_cluster)
get_cluster = shared(cluster.get_cluster, "The cluster.")
list_clusters = shared(cluster.list_clusters)
delete_cluster = shared(cluster.delete_cluster)
save_cluster = shared(cluster.save_cluster)
restore_cluster = shared(cluster.restore_cluster)
switch_host = shared(cluster.switch_host)
switch_to_task_mode = shared(cluster.switch_to_task_mode)


@in_v04
def switch_to_direct_mode(token: str, address: str, cluster_uuid: str, verify_connection: bool = True) -> Socket:
    """Connect to a cluster for the functions of `direct_io`; its tasks wait until `switch_to_task_mode`.

    Args:
        token: token of `hanami_token.request_token`; it determines the format of the messages.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.

    Returns:
        The connection, to be closed with `ws.close()`, before or after `switch_to_task_mode`.

    Raises:
        ConflictException: tasks are queued or running.
        ConnectionFailedException: no websocket could be opened; the cluster is in task mode.
    """
    return open_direct(_calls.OneShot(token, address, verify_connection), cluster_uuid)
