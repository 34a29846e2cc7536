"""Checkpoints: stored states of clusters. `cluster.save_cluster` makes them.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["delete_checkpoint", "get_checkpoint", "list_checkpoints", "set_visibility"]


def get_checkpoint(token: str, address: str, checkpoint_uuid: str, verify_connection: bool = True) -> bytes:
    """Return a checkpoint.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`

    Raises:
        NotFoundException: there is no such checkpoint for this user.
    """
    return _calls.get(token, address, "/checkpoint", verify_connection, uuid=checkpoint_uuid)


def list_checkpoints(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List all checkpoints that the user sees.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns created_at, uuid, project_id, owner_id, visibility, name.
    """
    return _calls.get(token, address, "/checkpoint/all", verify_connection)


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


def set_visibility(
    token: str, address: str, checkpoint_uuid: str, visibility: str, verify_connection: bool = True
) -> bytes:
    """Say who may load a checkpoint besides its owner.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the checkpoint.
        visibility: `private` (nobody but admins), `shared` (all in its project) or `public` (everybody).
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`

    Raises:
        BadRequestException: the visibility is another word.
        NotFoundException: there is no such checkpoint that this user may change.
    """
    body = {"uuid": checkpoint_uuid, "visibility": visibility}
    return _calls.put(token, address, "/checkpoint/visibility", verify_connection, **body)
