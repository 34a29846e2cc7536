"""Checkpoints: stored states of clusters. `cluster.save_cluster` makes them.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hanami_sdk import _calls, _checkpoints

if TYPE_CHECKING:
    from hanami_sdk._upload import Progress

__all__ = [
    "delete_checkpoint",
    "download_checkpoint",
    "export_checkpoint",
    "get_checkpoint",
    "list_checkpoints",
    "set_labels",
    "set_visibility",
    "upload_checkpoint",
]


def get_checkpoint(
    token: str, address: str, checkpoint_uuid: str, verify_connection: bool = True, *, details: bool = False
) -> bytes:
    """Return a checkpoint.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        verify_connection: check the certificate.
        details: whether size, cluster_uuid, cluster_name, task_uuid, task_name, cycles, metrics, seed, version,
            imported, number_of_trainings and trainings are returned, too; OpenHanami's servers do not know them.

    Returns:
        `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`

    Raises:
        NotFoundException: there is no such checkpoint for this user.
    """
    return _calls.get_in_detail(token, address, "/checkpoint", verify_connection, details, uuid=checkpoint_uuid)


def list_checkpoints(
    token: str, address: str, verify_connection: bool = True, *, details: bool = False, tag: str = ""
) -> bytes:
    """List all checkpoints that the user sees.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.
        details: whether the columns size, cluster, task, cycles, metrics, about and tags are returned, too;
            OpenHanami's servers do not know them.
        tag: return only those with this tag.

    Returns:
        `{"header", "body"}` with the columns created_at, uuid, project_id, owner_id, visibility, name.
    """
    query = {"tag": tag} if tag else {}
    return _calls.get_in_detail(token, address, "/checkpoint/all", verify_connection, details, **query)


def delete_checkpoint(token: str, address: str, checkpoint_uuid: str, verify_connection: bool = True) -> bytes:
    """Delete a checkpoint.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such checkpoint for this user.
    """
    return _calls.delete(token, address, "/checkpoint", verify_connection, uuid=checkpoint_uuid)


def set_labels(
    token: str,
    address: str,
    checkpoint_uuid: str,
    verify_connection: bool = True,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
) -> bytes:
    """Change the name, the description or all tags of a checkpoint; None leaves a value unchanged.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        verify_connection: check the certificate.
        name: new name.
        about: description of up to 4096 bytes.
        tags: up to 32 tags of up to 64 bytes, with the same rules as names.

    Returns:
        `{"about", "created_at", "name", "owner_id", "project_id", "tags", "uuid", "visibility"}`

    Raises:
        BadRequestException: no change was requested, or a value breaks a rule.
        NotFoundException: there is no such checkpoint that this user may change.
    """
    labels = {"name": name, "about": about, "tags": tags}
    body = {"uuid": checkpoint_uuid, **{label: value for label, value in labels.items() if value is not None}}
    return _calls.put(token, address, "/checkpoint/labels", verify_connection, **body)


def set_visibility(
    token: str, address: str, checkpoint_uuid: str, visibility: str, verify_connection: bool = True
) -> bytes:
    """Set who may restore a checkpoint besides its owner.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        visibility: `private` (only admins), `shared` (everyone in its project) or `public` (everyone).
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`

    Raises:
        BadRequestException: there is no such visibility.
        NotFoundException: there is no such checkpoint that this user may change.
    """
    body = {"uuid": checkpoint_uuid, "visibility": visibility}
    return _calls.put(token, address, "/checkpoint/visibility", verify_connection, **body)


def download_checkpoint(
    token: str,
    address: str,
    checkpoint_uuid: str,
    path: str | os.PathLike[str],
    verify_connection: bool = True,
    *,
    progress: Progress | None = None,
) -> None:
    """Write a checkpoint to a file, which `upload_checkpoint` can upload to another server.

    After a broken connection, a download resumes where it stopped. An incomplete download is kept next to `path`, with
    `.part` appended to the name, and the next call continues it.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        path: path of the file; an existing file is replaced.
        verify_connection: check the certificate.
        progress: called with the number of bytes done and the total.

    Raises:
        NotFoundException: there is no such checkpoint for this user.
        ConnectionFailedException: the connection was lost for too long.
        OSError: the file cannot be written.
    """
    _checkpoints.download(_calls.OneShot(token, address, verify_connection), checkpoint_uuid, path, progress)


def export_checkpoint(
    token: str,
    address: str,
    checkpoint_uuid: str,
    format: str,
    path: str | os.PathLike[str],
    verify_connection: bool = True,
    *,
    progress: Progress | None = None,
) -> None:
    """Write the network of a checkpoint to a file that other programs can run.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        format: `onnx`, `numpy`, or another that the server has a plugin for.
        path: path of the file; an existing file is replaced.
        verify_connection: check the certificate.
        progress: called with the number of bytes done and the total.

    Raises:
        BadRequestException: the server does not know the format, or the format cannot represent the network.
        NotFoundException: there is no such checkpoint for this user.
        OSError: the file cannot be written.
    """
    _checkpoints.export(_calls.OneShot(token, address, verify_connection), checkpoint_uuid, format, path, progress)


def upload_checkpoint(
    token: str,
    address: str,
    name: str,
    path: str | os.PathLike[str],
    verify_connection: bool = True,
    *,
    progress: Progress | None = None,
) -> str:
    """Create a checkpoint from a file that `download_checkpoint` wrote, from this or another server.

    Args:
        token: token.
        address: address of the server.
        name: name of the checkpoint.
        path: path of the file.
        verify_connection: check the certificate.
        progress: called with the number of bytes done and the total.

    Returns:
        UUID of the checkpoint.

    Raises:
        BadRequestException: the file is damaged or of another kind, or the server cannot run its network.
        ConflictException: a quota is exhausted.
        OSError: the file cannot be read.
    """
    return _checkpoints.upload(_calls.OneShot(token, address, verify_connection), name, path, progress)
