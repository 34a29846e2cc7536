"""The functions of `hanami_sdk.v04.cluster`; `switch_to_direct_mode` is a coroutine."""

from __future__ import annotations

from hanami_sdk._direct import DirectSocket, in_thread
from hanami_sdk.v04 import cluster
from hanami_sdk.v04.cluster import (
    create_cluster,
    delete_cluster,
    get_cluster,
    list_clusters,
    restore_cluster,
    save_cluster,
    switch_host,
    switch_to_task_mode,
)

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


async def switch_to_direct_mode(
    token: str, address: str, cluster_uuid: str, verify_connection: bool = True
) -> DirectSocket:
    """Connect to a cluster; arguments and errors are those of `hanami_sdk.v04.cluster.switch_to_direct_mode`.

    Returns:
        The connection, to be closed with `await ws.close()`, before or after `switch_to_task_mode`.
    """
    return DirectSocket(await in_thread(cluster.switch_to_direct_mode, token, address, cluster_uuid, verify_connection))
