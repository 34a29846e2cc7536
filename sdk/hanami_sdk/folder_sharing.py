"""Folders: whom they are shared with, and copies of them.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import _calls, _folder_sharing
from hanami_sdk.folder import get_folder

__all__ = [
    "accept_invitation",
    "clone_folder",
    "decline_invitation",
    "invite",
    "leave_folder",
    "list_invitations",
    "list_permissions",
    "share",
    "unshare",
]


def invite(
    token: str,
    address: str,
    folder_uuid: str,
    user_id: str,
    permission: str,
    verify_connection: bool = True,
) -> bytes:
    """Invite a user to a folder of one's own.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        user_id: id of the user.
        permission: `ro` to read, `rw` to write, `wd` to delete.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "folder_uuid", "invitee_id", "inviter_id", "permission", "uuid"}`

    Raises:
        BadRequestException: it belongs to the project, or its name begins with a dot.
        ConflictException: there is no such user, or the user is invited already or has the folder already.
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user does not manage it.
    """
    body = {"uuid": folder_uuid, "user_id": user_id, "permission": permission}
    return _calls.post(token, address, "/folder/invitation", verify_connection, **body)


def list_invitations(
    token: str,
    address: str,
    verify_connection: bool = True,
    *,
    sent: bool = False,
) -> bytes:
    """List the open invitations to folders that the user got.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.
        sent: list those that the user has sent instead.

    Returns:
        `{"header", "body"}` with the columns created_at, uuid, folder_uuid, folder_name, inviter_id, invitee_id,
        permission.
    """
    query = {"sent": "true"} if sent else {}
    return _calls.get(token, address, "/folder/invitation", verify_connection, **query)


def accept_invitation(
    token: str,
    address: str,
    invitation_uuid: str,
    verify_connection: bool = True,
) -> bytes:
    """Accept an invitation to a folder.

    Args:
        token: token.
        address: address of the server.
        invitation_uuid: UUID of the invitation.
        verify_connection: check the certificate.

    Returns:
        What `folder.get_folder` returns.

    Raises:
        ConflictException: the user calls another folder by the name.
        NotFoundException: the user has no such open invitation.
    """
    return _calls.put(token, address, "/folder/invitation", verify_connection, uuid=invitation_uuid)


def decline_invitation(
    token: str,
    address: str,
    invitation_uuid: str,
    verify_connection: bool = True,
) -> bytes:
    """Decline an invitation that the user got, or cancel one that the user has sent.

    Args:
        token: token.
        address: address of the server.
        invitation_uuid: UUID of the invitation.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such open invitation.
    """
    return _calls.delete(token, address, "/folder/invitation", verify_connection, uuid=invitation_uuid)


def share(
    token: str,
    address: str,
    folder_uuid: str,
    user_id: str,
    permission: str,
    verify_connection: bool = True,
) -> bytes:
    """Give a member of the project a permission of their own in a folder of the project.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        user_id: id of the user.
        permission: `ro` to read, `rw` to write, `wd` to delete.
        verify_connection: check the certificate.

    Returns:
        `{"permission", "user_id", "uuid"}`

    Raises:
        BadRequestException: it belongs to a user.
        ConflictException: there is no such user in the project.
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user does not manage it.
    """
    body = {"uuid": folder_uuid, "user_id": user_id, "permission": permission}
    return _calls.put(token, address, "/folder/permission", verify_connection, **body)


def unshare(
    token: str,
    address: str,
    folder_uuid: str,
    user_id: str,
    verify_connection: bool = True,
) -> bytes:
    """Take from a user what the user was permitted in a folder.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        user_id: id of the user.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such folder for this user, or it is not shared with that one.
        UnauthorizedException: the user does not manage it.
    """
    query = {"uuid": folder_uuid, "user_id": user_id}
    return _calls.delete(token, address, "/folder/permission", verify_connection, **query)


def list_permissions(
    token: str,
    address: str,
    folder_uuid: str,
    verify_connection: bool = True,
) -> bytes:
    """List whom a folder is shared with.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns user_id, permission.

    Raises:
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user does not manage it.
    """
    return _calls.get(token, address, "/folder/permission", verify_connection, uuid=folder_uuid)


def leave_folder(
    token: str,
    address: str,
    folder_uuid: str,
    verify_connection: bool = True,
) -> bytes:
    """Give up a folder that is shared with the user.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        ConflictException: it is the user's own, or the user has it as a member of the project.
        NotFoundException: there is no such folder for this user.
    """
    return _calls.put(token, address, "/folder/leave", verify_connection, uuid=folder_uuid)


def clone_folder(
    token: str,
    address: str,
    folder_uuid: str,
    name: str,
    verify_connection: bool = True,
    *,
    storage: str = "",
    usage_mode: str = "general",
    permission: str = "rw",
) -> bytes:
    """Copy a folder to a new one of one's own, and wait until that is done.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        name: name of the copy.
        verify_connection: check the certificate.
        storage: storage of the server that it lies in; the default one if empty.
        usage_mode: what it is for: `general`, `model` or `data`.
        permission: as for `folder.create_folder`.

    Returns:
        What `folder.get_folder` returns of the copy.

    Raises:
        BadRequestException: the name breaks a rule, there is no such storage, or the copying failed.
        ConflictException: the name is taken, or a quota is exhausted.
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: it may not be copied.
    """
    endpoint = _calls.OneShot(token, address, verify_connection)
    copy = _folder_sharing.clone(endpoint, folder_uuid, name, storage, usage_mode, permission)
    return get_folder(token, address, copy, verify_connection)
