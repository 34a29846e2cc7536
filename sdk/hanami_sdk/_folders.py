"""The part of `Client` about folders and the files in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hanami_sdk._download import Download, failures
from hanami_sdk._endpoint import Endpoint
from hanami_sdk._folder_models import Folder, FolderEntry, FolderLike
from hanami_sdk._html import ShownList
from hanami_sdk._http import item, rows
from hanami_sdk._models import build
from hanami_sdk._retry import Backoff
from hanami_sdk._session import Session
from hanami_sdk.hanami_exceptions import ConflictException, ConnectionFailedException

if TYPE_CHECKING:
    from typing import BinaryIO

    from hanami_sdk._upload import Progress

FILE_PATH, UPLOAD_PATH = "/folder/file", "/folder/upload"
PIECE = 1 << 22
"""Bytes of a file that are sent with one call."""


def download(
    endpoint: Endpoint, uuid: str, path: str, target: str | os.PathLike[str], progress: Progress | None
) -> None:
    """Write a file of a folder to a local one; raises what `FolderMethods.download_file` raises."""
    Download(endpoint, FILE_PATH, {"uuid": uuid, "path": path}).save(target, progress)


def upload(endpoint: Endpoint, uuid: str, source: str | os.PathLike[str], path: str, progress: Progress | None) -> None:
    """Send a local file to a path of a folder; raises what `FolderMethods.upload_file` raises."""
    with open(source, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        begun = endpoint.post(UPLOAD_PATH, {"uuid": uuid, "path": path, "size": size})
        _send(endpoint, str(item(begun, "token")), file, size, progress)


def _send(endpoint: Endpoint, token: str, file: BinaryIO, size: int, progress: Progress | None) -> None:
    """Send piece by piece, and ask how much has arrived when a connection broke off."""
    offset, backoff = 0, Backoff(endpoint.retry)
    while offset < size:
        file.seek(offset)
        piece = file.read(PIECE)
        if not piece:
            raise OSError("the file became shorter while it was uploaded")
        try:
            offset = int(
                item(endpoint.put_bytes(UPLOAD_PATH, piece[: size - offset], token=token, offset=offset), "offset")
            )
            backoff.renew()
        except ConflictException:
            received = arrived(endpoint, token)
            if received == offset:
                raise
            offset = received
        except failures() as error:
            if not backoff.pause():
                raise ConnectionFailedException(f"PUT {UPLOAD_PATH}: {error}") from error
            offset = arrived(endpoint, token)
        if progress is not None:
            progress(offset, size)


def arrived(endpoint: Endpoint, token: str) -> int:
    """Return how many bytes of an upload have arrived."""
    return int(item(endpoint.get(UPLOAD_PATH, token=token), "offset"))


class FolderMethods(Session):
    """Create, list and delete folders, and send, list, read and delete the files in them."""

    def create_folder(
        self,
        name: str,
        *,
        ownership: str = "user",
        storage: str = "",
        usage_mode: str = "general",
        permission: str = "rw",
        quota: int | None = None,
        cloneable: bool = False,
    ) -> Folder:
        """Create an empty folder.

        Args:
            name: up to 64 letters, digits and `_ . -`; it may begin with a dot.
            ownership: `user` for a folder of your own, `group` for one of the project.
            storage: storage of the server that it lies in; the default one if empty.
            usage_mode: what it is for: `general`, `model` or `data`.
            permission: what members of the project may do with files of a folder of the project: `ro`, `rw` or `wd`.
            quota: most bytes in it; None for any number.
            cloneable: whether others who see it may copy it.

        Raises:
            BadRequestException: the name breaks a rule, or there is no such storage.
            ConflictException: the name is taken, or a quota is exhausted.
            UnauthorizedException: only admins of a project may create folders for it.
        """
        body: dict[str, object] = {"name": name, "ownership": ownership, "storage": storage, "usage_mode": usage_mode}
        body |= {"permission": permission, "quota": quota, "cloneable": cloneable}
        return build(Folder, self.post("/folder", body))

    def folders(self) -> list[Folder]:
        """Return all folders that the user sees."""
        return ShownList(build(Folder, row) for row in rows(self.get("/folder/all")))

    def folder(self, folder: FolderLike) -> Folder:
        """Return a folder.

        Args:
            folder: folder, UUID or name.

        Raises:
            NotFoundException: there is no such folder for this user.
        """
        return build(Folder, self.get("/folder", uuid=self._uuid("folder", folder)))

    def delete_folder(self, folder: FolderLike) -> None:
        """Delete a folder with all files in it.

        Args:
            folder: folder, UUID or name.

        Raises:
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user may not delete in it.
        """
        self.delete("/folder", uuid=self._uuid("folder", folder))

    def folder_files(self, folder: FolderLike, path: str = "") -> list[FolderEntry]:
        """Return what lies in a directory of a folder.

        Args:
            folder: folder, UUID or name.
            path: path of the directory in the folder; empty for the folder itself.

        Raises:
            NotFoundException: there is no such folder for this user, or no such directory.
            ConflictException: it is not a directory.
        """
        answer = self.get("/folder/files", uuid=self._uuid("folder", folder), path=path)
        return ShownList(build(FolderEntry, row) for row in rows(answer))

    def upload_file(
        self, folder: FolderLike, source: str | os.PathLike[str], path: str = "", progress: Progress | None = None
    ) -> None:
        """Send a file to a folder; directories on its way are created, and a file of that path is replaced.

        After a broken connection, an upload resumes where it stopped.

        Args:
            folder: folder, UUID or name.
            source: path of the local file.
            path: path in the folder; the name of the local file if empty.
            progress: called with the number of bytes done and the total.

        Raises:
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user may not write to it.
            ConflictException: a quota is exhausted, or a directory has the path.
            ConnectionFailedException: the connection was lost for too long.
            OSError: the file cannot be read.
        """
        name = path or os.path.basename(os.fspath(source))
        upload(self, self._uuid("folder", folder), source, name, progress)

    def download_file(
        self, folder: FolderLike, path: str, target: str | os.PathLike[str], progress: Progress | None = None
    ) -> None:
        """Write a file of a folder to a local one.

        After a broken connection, a download resumes where it stopped.

        Args:
            folder: folder, UUID or name.
            path: path in the folder.
            target: path of the local file; an existing file is replaced.
            progress: called with the number of bytes done and the total.

        Raises:
            NotFoundException: there is no such folder for this user, or no such file.
            ConflictException: it is not a file.
            ConnectionFailedException: the connection was lost for too long.
            OSError: the file cannot be written.
        """
        download(self, self._uuid("folder", folder), path, target, progress)

    def delete_file(self, folder: FolderLike, path: str, *, recursive: bool = False) -> None:
        """Delete a file of a folder.

        Args:
            folder: folder, UUID or name.
            path: path in the folder.
            recursive: whether a directory is deleted with everything in it, instead of being refused.

        Raises:
            NotFoundException: there is no such folder for this user, or no such file.
            UnauthorizedException: the user may not delete in it.
            ConflictException: it is a directory.
        """
        more = {"recursive": "true"} if recursive else {}
        self.delete(FILE_PATH, uuid=self._uuid("folder", folder), path=path, **more)

    def make_directory(self, folder: FolderLike, path: str, *, parents: bool = True, exist_ok: bool = False) -> None:
        """Create a directory in a folder.

        Args:
            folder: folder, UUID or name.
            path: path in the folder.
            parents: whether the directories around it are created as well.
            exist_ok: whether it may exist already.

        Raises:
            NotFoundException: there is no such folder for this user, or the directory around it is missing.
            UnauthorizedException: the user may not write to it.
            ConflictException: something has the path.
        """
        body = {"uuid": self._uuid("folder", folder), "path": path, "parents": parents, "exist_ok": exist_ok}
        self.post("/folder/directory", body)

    def rename_file(self, folder: FolderLike, path: str, name: str) -> None:
        """Give a file or directory of a folder another name where it is.

        Args:
            folder: folder, UUID or name.
            path: path in the folder.
            name: new name.

        Raises:
            NotFoundException: there is no such folder for this user, or no such file.
            UnauthorizedException: the user may not write to it.
            ConflictException: the name is taken.
        """
        self.put(f"{FILE_PATH}/name", {"uuid": self._uuid("folder", folder), "path": path, "name": name})

    def move_file(self, folder: FolderLike, path: str, target: str) -> None:
        """Move a file or directory of a folder.

        Args:
            folder: folder, UUID or name.
            path: path in the folder.
            target: new path in the folder, or that of a directory that it is moved into.

        Raises:
            NotFoundException: there is no such folder for this user, or no such file.
            UnauthorizedException: the user may not write to it.
            ConflictException: something has the path.
        """
        self.put(f"{FILE_PATH}/path", {"uuid": self._uuid("folder", folder), "path": path, "target_path": target})

    def rename_folder(self, folder: FolderLike, name: str) -> Folder:
        """Give a folder another name.

        Args:
            folder: folder, UUID or name.
            name: new name.

        Raises:
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user does not manage it.
            ConflictException: the name is taken.
        """
        return build(Folder, self.put("/folder/name", {"uuid": self._uuid("folder", folder), "name": name}))

    def set_folder_options(
        self, folder: FolderLike, *, permission: str | None = None, cloneable: bool | None = None
    ) -> Folder:
        """Change what others may do with a folder; None leaves an option unchanged.

        Args:
            folder: folder, UUID or name.
            permission: what members of the project may do with files of a folder of the project: `ro`, `rw` or `wd`.
            cloneable: whether others who see it may copy it.

        Raises:
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user does not manage it.
        """
        body = {"uuid": self._uuid("folder", folder), "permission": permission, "cloneable": cloneable}
        return build(Folder, self.put("/folder/options", body))
