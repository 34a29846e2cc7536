"""Clusters: networks, their modes, states and hosts.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.

A cluster is `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from hanami_sdk import _calls
from hanami_sdk._direct import DirectSocket, in_thread, open_direct

__all__ = [
    "create_cluster",
    "delete_cluster",
    "get_cluster",
    "list_clusters",
    "restore_cluster",
    "save_cluster",
    "set_labels",
    "set_lease",
    "set_visibility",
    "switch_host",
    "switch_to_direct_mode",
    "switch_to_task_mode",
]


def create_cluster(
    token: str,
    address: str,
    name: str,
    template: str,
    verify_connection: bool = True,
    *,
    lease: int | None = None,
) -> bytes:
    """Create a network.

    Args:
        token: token.
        address: address of the server.
        name: name, such as `my run #1`, at most 254 bytes; taken names are refused.
        template: text of the cluster template; if it is empty, the first training makes a network.
        verify_connection: check the certificate.
        lease: seconds after which it goes if nobody uses it and nobody renews the lease; None lets it stay.

    Returns:
        The cluster.

    Raises:
        BadRequestException: the template is invalid; the message says where.
        ConflictException: the name is taken.
    """
    encoded = base64.b64encode(template.encode()).decode()
    more = {} if lease is None else {"lease": lease}
    return _calls.post(token, address, "/cluster", verify_connection, name=name, template=encoded, **more)


def get_cluster(
    token: str, address: str, cluster_uuid: str, verify_connection: bool = True, *, details: bool = False
) -> bytes:
    """Return a cluster.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.
        details: whether template, version, stored_at, number_of_trainings and trainings are returned, too; OpenHanami's
            servers do not know them.

    Returns:
        The cluster, with its size as `number_of_blocks` and `number_of_sections`.

    Raises:
        NotFoundException: there is no such cluster for this user.
    """
    return _calls.get_in_detail(token, address, "/cluster", verify_connection, details, uuid=cluster_uuid)


def list_clusters(
    token: str, address: str, verify_connection: bool = True, *, details: bool = False, tag: str = ""
) -> bytes:
    """List all clusters that the user sees.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.
        details: whether the columns cycles, about and tags are returned, too; OpenHanami's servers do not know them.
        tag: return only those with this tag.

    Returns:
        `{"header", "body"}` with the columns created_at, uuid, project_id, owner_id, visibility, name.
    """
    query = {"tag": tag} if tag else {}
    return _calls.get_in_detail(token, address, "/cluster/all", verify_connection, details, **query)


def delete_cluster(token: str, address: str, cluster_uuid: str, verify_connection: bool = True) -> bytes:
    """Delete a cluster and its tasks; checkpoints stay.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such cluster for this user.
    """
    return _calls.delete(token, address, "/cluster", verify_connection, uuid=cluster_uuid)


def save_cluster(token: str, address: str, name: str, cluster_uuid: str, verify_connection: bool = True) -> bytes:
    """Save the state of a cluster as a checkpoint, after the tasks that are queued before.

    Args:
        token: token.
        address: address of the server.
        name: name of the checkpoint.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.

    Returns:
        `{"name", "uuid"}`; the UUID is that of the checkpoint and of the task that makes it.

    Raises:
        NotFoundException: there is no such cluster for this user.
    """
    return _calls.post(token, address, "/cluster/save", verify_connection, name=name, cluster_uuid=cluster_uuid)


def restore_cluster(
    token: str, address: str, checkpoint_uuid: str, cluster_uuid: str, verify_connection: bool = True
) -> bytes:
    """Reset a cluster to the state of a checkpoint, after the tasks that are already queued.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.

    Returns:
        `{"uuid"}` of the task that does so.

    Raises:
        NotFoundException: cluster or checkpoint does not exist for this user.
    """
    body = {"cluster_uuid": cluster_uuid, "checkpoint_uuid": checkpoint_uuid}
    return _calls.post(token, address, "/cluster/load", verify_connection, **body)


def switch_host(token: str, address: str, cluster_uuid: str, host_uuid: str, verify_connection: bool = True) -> bytes:
    """Move a whole cluster to another host.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        host_uuid: UUID of a host, from `hosts.list_hosts`.
        verify_connection: check the certificate.

    Returns:
        The cluster.

    Raises:
        NotFoundException: cluster or host does not exist.
        ConflictException: the host cannot run the rules of this cluster.
    """
    body = {"cluster_uuid": cluster_uuid, "host_uuid": host_uuid}
    return _calls.put(token, address, "/cluster/switch_host", verify_connection, **body)


def switch_to_task_mode(token: str, address: str, cluster_uuid: str, verify_connection: bool = True) -> bytes:
    """Let a cluster work on its tasks again.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "name", "new_state", "uuid"}`

    Raises:
        NotFoundException: there is no such cluster for this user.
    """
    return _calls.put(token, address, "/cluster/set_mode", verify_connection, new_state="TASK", uuid=cluster_uuid)


async def switch_to_direct_mode(
    token: str, address: str, cluster_uuid: str, verify_connection: bool = True
) -> DirectSocket:
    """Connect to a cluster for the functions of `direct_io`; its tasks wait until `switch_to_task_mode`.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.

    Returns:
        The connection, to be closed with `await ws.close()`. It may be idle: pings are answered by a thread.

    Raises:
        ConflictException: tasks are queued or running.
        ConnectionFailedException: no websocket could be opened; the cluster is in task mode.
    """
    endpoint = _calls.OneShot(token, address, verify_connection)
    return DirectSocket(await in_thread(open_direct, endpoint, cluster_uuid))


def set_labels(
    token: str,
    address: str,
    cluster_uuid: str,
    verify_connection: bool = True,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
) -> bytes:
    """Change the name, the description or all tags of a cluster; None leaves a value unchanged.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        verify_connection: check the certificate.
        name: new name.
        about: description of up to 4096 bytes.
        tags: up to 32 tags of up to 64 bytes, with the same rules as names.

    Returns:
        `{"about", "created_at", "name", "owner_id", "project_id", "tags", "uuid", "visibility"}`

    Raises:
        BadRequestException: no change was requested, or a value breaks a rule.
        NotFoundException: there is no such cluster that this user may change.
    """
    labels = {"name": name, "about": about, "tags": tags}
    body = {"uuid": cluster_uuid, **{label: value for label, value in labels.items() if value is not None}}
    return _calls.put(token, address, "/cluster/labels", verify_connection, **body)


def set_lease(
    token: str, address: str, cluster_uuid: str, seconds: int | None, verify_connection: bool = True
) -> bytes:
    """Let the lease of a cluster begin anew, or end it for good.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        seconds: how long it stays if nobody uses or renews it, 1 to 31536000; None lets it stay until it is deleted.
        verify_connection: check the certificate.

    Returns:
        The cluster with `lease` and `lease_left`, both in seconds.

    Raises:
        ConflictException: it has no lease that could be renewed.
        NotFoundException: there is no such cluster that this user may change.
    """
    return _calls.put(token, address, "/cluster/lease", verify_connection, uuid=cluster_uuid, lease=seconds)


def set_visibility(
    token: str, address: str, cluster_uuid: str, visibility: str, verify_connection: bool = True
) -> bytes:
    """Set who may see and query a cluster besides its owner.

    Args:
        token: token.
        address: address of the server.
        cluster_uuid: UUID of the cluster.
        visibility: `private` (only admins), `shared` (everyone in its project) or `public` (everyone).
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`

    Raises:
        BadRequestException: there is no such visibility.
        NotFoundException: there is no such cluster that this user may change.
    """
    body = {"uuid": cluster_uuid, "visibility": visibility}
    return _calls.put(token, address, "/cluster/visibility", verify_connection, **body)
