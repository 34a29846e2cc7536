"""A directory of a folder as one file, made while it is sent: a tar archive, whose size is known before.

Links and special files are left out: whoever unpacks the archive gets directories and files only.
"""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from hanami_plugins.folders.paths import FolderPath
from hanami_plugins.folders.storages import FolderEntry, FolderStorage

__all__ = ["FolderArchive", "archive"]

BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * BLOCK)


@dataclass(frozen=True)
class FolderArchive:
    """An archive of what lay in a directory when it was looked at.

    Attributes:
        name: name of the file for clients.
        size: bytes of the whole archive.
    """

    name: str
    size: int
    _storage: FolderStorage
    _folder: str
    _path: FolderPath
    _top: str

    def parts(self) -> Iterator[bytes]:
        """Return the bytes, piece by piece.

        Raises:
            OSError: in the middle, if something in the directory has changed so that the size would be another one.
        """
        sent = 0
        for part in self._parts():
            sent += len(part)
            yield part
        if sent != self.size:
            raise OSError("the directory was changed while it was sent")

    def _parts(self) -> Iterator[bytes]:
        for path, entry in _members(self._storage, self._folder, self._path):
            yield _header(self._top, path[len(self._path) :], entry)
            if entry.kind == "file":
                yield from self._content(path, entry.size)
        yield _END

    def _content(self, path: FolderPath, size: int) -> Iterator[bytes]:
        file, sent = self._storage.open(self._folder, path), 0
        with contextlib.closing(file):
            for piece in file.read(0, size):
                sent += len(piece)
                yield piece
        if sent != size:
            raise OSError("a file was changed while it was sent")
        yield bytes(-size % BLOCK)


def archive(storage: FolderStorage, folder: str, path: FolderPath, top: str) -> FolderArchive:
    """Return a directory as an archive in which everything lies in a directory `top`.

    Raises what `FolderStorage.walk` raises.
    """
    size = len(_END)
    for inner, entry in _members(storage, folder, path):
        size += len(_header(top, inner[len(path) :], entry)) + -(-entry.size // BLOCK) * BLOCK
    return FolderArchive(f"{top}.tar", size, storage, folder, path, top)


def _members(storage: FolderStorage, folder: str, path: FolderPath) -> Iterator[tuple[FolderPath, FolderEntry]]:
    for inner, entry in storage.walk(folder, path):
        if entry.kind in ("file", "directory"):
            yield inner, entry


def _header(top: str, path: tuple[str, ...], entry: FolderEntry) -> bytes:
    """Return the header of something, which tells nothing of the owner on this machine."""
    info = tarfile.TarInfo("/".join((top, *path)))
    info.size, info.mtime = entry.size, int(entry.modified)
    directory = entry.kind == "directory"
    info.type, info.mode = (tarfile.DIRTYPE, 0o755) if directory else (tarfile.REGTYPE, 0o644)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
