"""From a folder to whoever reads it: a file, or a directory as an archive. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hanami_core.access import Access
from hanami_core.runtime import Runtime
from hanami_plugins.folders.archives import FolderArchive, archive
from hanami_plugins.folders.contents import printable
from hanami_plugins.folders.models import Folder
from hanami_plugins.folders.opening import explained, storage_of
from hanami_plugins.folders.paths import ROOT, parse_path, path_text
from hanami_plugins.folders.permissions import existing, require
from hanami_plugins.folders.storages import FolderFile
from hanami_plugins.folders.tokens import TRANSFER_TOKENS, access_of, claims_for

__all__ = ["FolderDownload", "begin_download", "open_archive", "open_download", "open_file", "open_stored"]


@dataclass(frozen=True)
class FolderDownload:
    """Something to be read from a folder; a context manager that closes it.

    Attributes:
        name: name of the file for clients.
        size: its bytes.
        tag: name of its content; empty for an archive, which can only be read as a whole.
        read: returns a half-open range of the bytes, piece by piece.
        close: releases it.
    """

    name: str
    size: int
    tag: str
    read: Callable[[int, int], Iterator[bytes]]
    close: Callable[[], object]

    def __enter__(self) -> Self:
        """Return the download."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()


def begin_download(runtime: Runtime, access: Access, uuid: str, path: str, *, archive: bool = False) -> str:
    """Return a token that stands for a file, or for a directory as an archive.

    Raises:
        NotFound: if there is no such folder that the actor sees, or nothing at the path.
        BadRequest: if the path breaks a rule.
        Conflict: if it is not a file, or for an archive, not a directory.
    """
    opened = open_archive(runtime, access, uuid, path) if archive else open_file(runtime, access, uuid, path)
    if isinstance(opened, FolderDownload):
        opened.close()
    folder, where = require(access, uuid, "ro"), parse_path(path, root=archive)
    claims = claims_for(access, "download", folder.uuid, path=path_text(where), archive=archive)
    return runtime.stash[TRANSFER_TOKENS].issue(claims, int(runtime.settings["folders.download_time"]))


def open_download(runtime: Runtime, token: str) -> FolderDownload:
    """Open what a token stands for.

    Raises:
        Unauthorized: if the token is not valid any more, or whoever it was issued for does not exist any more.
        NotFound: if it does not exist any more, or the actor does not see it any more.
        Conflict: if it has become something else.
    """
    claims = runtime.stash[TRANSFER_TOKENS].read(token, "download")
    access = access_of(runtime, claims)
    if not claims.archive:
        return open_file(runtime, access, claims.folder, claims.path)
    found = open_archive(runtime, access, claims.folder, claims.path)
    return FolderDownload(found.name, found.size, "", lambda _start, _stop: found.parts(), lambda: None)


def open_file(runtime: Runtime, access: Access, uuid: str, path: str) -> FolderDownload:
    """Open a file of a folder.

    Raises:
        NotFound: if there is no such folder that the actor sees, or nothing at the path.
        BadRequest: if the path breaks a rule.
        Conflict: if it is not a file.
    """
    return _opened(runtime, require(access, uuid, "ro"), path)


def open_stored(runtime: Runtime, uuid: str, path: str) -> FolderDownload:
    """Open a file of a folder for work that was permitted when it was queued; raises what `open_file` raises."""
    return _opened(runtime, existing(uuid), path)


def _opened(runtime: Runtime, folder: Folder, path: str) -> FolderDownload:
    where = parse_path(path)
    with explained(where):
        file: FolderFile = storage_of(runtime, folder.storage).open(folder.uuid, where)
    return FolderDownload(printable(where[-1]), file.size, file.tag, file.read, file.close)


def open_archive(runtime: Runtime, access: Access, uuid: str, path: str = ".") -> FolderArchive:
    """Return a directory of a folder as an archive, see `FolderArchive`.

    Raises:
        NotFound: if there is no such folder that the actor sees, or nothing at the path.
        BadRequest: if the path breaks a rule.
        Conflict: if it is not a directory.
    """
    folder, where = require(access, uuid, "ro"), parse_path(path, root=True)
    top = folder.name if where == ROOT else printable(where[-1])
    with explained(where):
        return archive(storage_of(runtime, folder.storage), folder.uuid, where, top)
