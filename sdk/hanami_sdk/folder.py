"""Folders: files of any kind, for a user or for a project.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hanami_sdk import _calls, _folders

if TYPE_CHECKING:
    from hanami_sdk._upload import Progress

__all__ = [
    "create_folder",
    "delete_file",
    "delete_folder",
    "download_file",
    "get_folder",
    "list_files",
    "list_folders",
    "make_directory",
    "move_file",
    "rename_file",
    "rename_folder",
    "set_options",
    "upload_file",
]


def create_folder(
    token: str,
    address: str,
    name: str,
    verify_connection: bool = True,
    *,
    ownership: str = "user",
    storage: str = "",
    usage_mode: str = "general",
    permission: str = "rw",
    quota: int | None = None,
    cloneable: bool = False,
) -> bytes:
    """Create an empty folder.

    Args:
        token: token.
        address: address of the server.
        name: up to 64 letters, digits and `_ . -`; it may begin with a dot.
        verify_connection: check the certificate.
        ownership: `user` for a folder of your own, `group` for one of the project.
        storage: storage of the server that it lies in; the default one if empty.
        usage_mode: what it is for: `general`, `model` or `data`.
        permission: what members of the project may do with files of a folder of the project: `ro`, `rw` or `wd`.
        quota: most bytes in it; None for any number.
        cloneable: whether others who see it may copy it.

    Returns:
        What `get_folder` returns.

    Raises:
        BadRequestException: the name breaks a rule, or there is no such storage.
        ConflictException: the name is taken, or a quota is exhausted.
        UnauthorizedException: only admins of a project may create folders for it.
    """
    body: dict[str, object] = {"name": name, "ownership": ownership, "storage": storage, "usage_mode": usage_mode}
    body |= {"permission": permission, "quota": quota, "cloneable": cloneable}
    return _calls.post(token, address, "/folder", verify_connection, **body)


def get_folder(token: str, address: str, folder_uuid: str, verify_connection: bool = True) -> bytes:
    """Return a folder.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        verify_connection: check the certificate.

    Returns:
        `{"cloneable", "created_at", "files", "last_used", "name", "owner_id", "ownership", "permission", "project_id",
        "quota", "storage", "usage_mode", "used", "uuid"}`

    Raises:
        NotFoundException: there is no such folder for this user.
    """
    return _calls.get(token, address, "/folder", verify_connection, uuid=folder_uuid)


def list_folders(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List all folders that the user sees.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns created_at, uuid, project_id, owner_id, name, ownership, usage_mode,
        storage, used, files.
    """
    return _calls.get(token, address, "/folder/all", verify_connection)


def delete_folder(token: str, address: str, folder_uuid: str, verify_connection: bool = True) -> bytes:
    """Delete a folder with all files in it.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user may not delete in it.
    """
    return _calls.delete(token, address, "/folder", verify_connection, uuid=folder_uuid)


def list_files(token: str, address: str, folder_uuid: str, path: str = "", verify_connection: bool = True) -> bytes:
    """List a directory of a folder.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        path: path of the directory in the folder; empty for the folder itself.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns name, kind, size, modified_at.

    Raises:
        NotFoundException: there is no such folder for this user, or no such directory.
        ConflictException: it is not a directory.
    """
    return _calls.get(token, address, "/folder/files", verify_connection, uuid=folder_uuid, path=path)


def delete_file(
    token: str,
    address: str,
    folder_uuid: str,
    path: str,
    verify_connection: bool = True,
    *,
    recursive: bool = False,
) -> bytes:
    """Delete a file of a folder.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        path: path in the folder.
        verify_connection: check the certificate.
        recursive: whether a directory is deleted with everything in it, instead of being refused.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such folder for this user, or no such file.
        UnauthorizedException: the user may not delete in it.
        ConflictException: it is a directory.
    """
    more = {"recursive": "true"} if recursive else {}
    return _calls.delete(token, address, "/folder/file", verify_connection, uuid=folder_uuid, path=path, **more)


def upload_file(
    token: str,
    address: str,
    folder_uuid: str,
    source: str | os.PathLike[str],
    path: str,
    verify_connection: bool = True,
    progress: Progress | None = None,
) -> None:
    """Send a file to a folder; directories on its way are created, and a file of that path is replaced.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        source: path of the local file.
        path: path in the folder.
        verify_connection: check the certificate.
        progress: called with the number of bytes done and the total.

    Raises:
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user may not write to it.
        ConflictException: a quota is exhausted, or a directory has the path.
        ConnectionFailedException: the connection was lost for too long.
    """
    _folders.upload(_calls.OneShot(token, address, verify_connection), folder_uuid, source, path, progress)


def download_file(
    token: str,
    address: str,
    folder_uuid: str,
    path: str,
    target: str | os.PathLike[str],
    verify_connection: bool = True,
    progress: Progress | None = None,
) -> None:
    """Write a file of a folder to a local one.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        path: path in the folder.
        target: path of the local file; an existing file is replaced.
        verify_connection: check the certificate.
        progress: called with the number of bytes done and the total.

    Raises:
        NotFoundException: there is no such folder for this user, or no such file.
        ConflictException: it is not a file.
        ConnectionFailedException: the connection was lost for too long.
    """
    _folders.download(_calls.OneShot(token, address, verify_connection), folder_uuid, path, target, progress)


def make_directory(
    token: str,
    address: str,
    folder_uuid: str,
    path: str,
    verify_connection: bool = True,
    *,
    parents: bool = True,
    exist_ok: bool = False,
) -> bytes:
    """Create a directory in a folder.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        path: path in the folder.
        verify_connection: check the certificate.
        parents: whether the directories around it are created as well.
        exist_ok: whether it may exist already.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such folder for this user, or the directory around it is missing.
        UnauthorizedException: the user may not write to it.
        ConflictException: something has the path.
    """
    body = {"uuid": folder_uuid, "path": path, "parents": parents, "exist_ok": exist_ok}
    return _calls.post(token, address, "/folder/directory", verify_connection, **body)


def rename_file(
    token: str,
    address: str,
    folder_uuid: str,
    path: str,
    name: str,
    verify_connection: bool = True,
) -> bytes:
    """Give a file or directory of a folder another name where it is.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        path: path in the folder.
        name: new name.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such folder for this user, or no such file.
        UnauthorizedException: the user may not write to it.
        ConflictException: the name is taken.
    """
    body = {"uuid": folder_uuid, "path": path, "name": name}
    return _calls.put(token, address, "/folder/file/name", verify_connection, **body)


def move_file(
    token: str,
    address: str,
    folder_uuid: str,
    path: str,
    target_path: str,
    verify_connection: bool = True,
) -> bytes:
    """Move a file or directory of a folder.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        path: path in the folder.
        target_path: new path in the folder, or that of a directory that it is moved into.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such folder for this user, or no such file.
        UnauthorizedException: the user may not write to it.
        ConflictException: something has the path.
    """
    body = {"uuid": folder_uuid, "path": path, "target_path": target_path}
    return _calls.put(token, address, "/folder/file/path", verify_connection, **body)


def rename_folder(
    token: str,
    address: str,
    folder_uuid: str,
    name: str,
    verify_connection: bool = True,
) -> bytes:
    """Give a folder another name.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        name: new name.
        verify_connection: check the certificate.

    Returns:
        What `get_folder` returns.

    Raises:
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user does not manage it.
        ConflictException: the name is taken.
    """
    return _calls.put(token, address, "/folder/name", verify_connection, uuid=folder_uuid, name=name)


def set_options(
    token: str,
    address: str,
    folder_uuid: str,
    verify_connection: bool = True,
    *,
    permission: str | None = None,
    cloneable: bool | None = None,
) -> bytes:
    """Change what others may do with a folder; None leaves an option unchanged.

    Args:
        token: token.
        address: address of the server.
        folder_uuid: UUID of the folder.
        verify_connection: check the certificate.
        permission: what members of the project may do with files of a folder of the project: `ro`, `rw` or `wd`.
        cloneable: whether others who see it may copy it.

    Returns:
        What `get_folder` returns.

    Raises:
        NotFoundException: there is no such folder for this user.
        UnauthorizedException: the user does not manage it.
    """
    body = {"uuid": folder_uuid, "permission": permission, "cloneable": cloneable}
    return _calls.put(token, address, "/folder/options", verify_connection, **body)
