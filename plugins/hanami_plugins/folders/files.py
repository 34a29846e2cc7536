"""The storage ``files``: directories below the data directory.

``content`` holds a directory for each folder. What is removed is first moved to ``removed``, in one step, and then
taken apart there; uploads grow in ``staged``. All three lie on one file system, so that nothing is ever half-way.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from hanami_core.folders import private
from hanami_core.ids import new_uuid
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.disk import free_beyond
from hanami_core.storage.reserve import Reserve
from hanami_core.syncing import sync
from hanami_plugins.folders import descriptors
from hanami_plugins.folders.paths import ROOT, FolderPath
from hanami_plugins.folders.reading import LocalFolderFile
from hanami_plugins.folders.removing import erase
from hanami_plugins.folders.staging import StagedFiles
from hanami_plugins.folders.storages import FolderEntry, FolderFile, FolderStorage, FolderUsage

__all__ = ["FilesBackend", "FilesStorage"]

DEEPEST = 2048
"""Most names in a path: one that is as long as a path can be, with names of one byte."""


class FilesStorage:
    """A storage in a directory."""

    def __init__(self, root: Path, reserve: Reserve) -> None:
        """Use a directory, which is made when it is needed; a part of the disk stays free."""
        self._root, self._reserve = root, reserve
        self._content, self._removed = root / "content", root / "removed"
        self._staged = StagedFiles(root / "staged", reserve)

    # -- folders ------------------------------------------------------------------------------------------------------

    def create(self, folder: str) -> None:
        """Make a directory."""
        private(self._content)
        (self._content / folder).mkdir(mode=0o700)
        sync(self._content, self._root, self._root.parent)

    def remove(self, folder: str) -> FolderUsage:
        """Move the directory aside and take it apart."""
        if not self._content.is_dir():
            return FolderUsage()
        with descriptors.directory(self._content) as content:
            try:
                return self._move_aside(content, folder)
            except FileNotFoundError:
                return FolderUsage()

    def folders(self) -> Iterator[str]:
        """Iterate over the directories."""
        return (path.name for path in self._content.iterdir()) if self._content.is_dir() else iter(())

    def _move_aside(self, parent: int, name: str) -> FolderUsage:
        """Take something from where it is, in one step, and then apart."""
        private(self._removed)
        with descriptors.directory(self._removed) as removed:
            aside = new_uuid()
            os.rename(name, aside, src_dir_fd=parent, dst_dir_fd=removed)
            os.fsync(parent)
            os.fsync(removed)
            return erase(removed, aside)

    # -- what lies in a folder ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _around(self, folder: str, path: FolderPath, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Provide the directory around something, and its name there."""
        with descriptors.directory(self._content / folder, path[:-1], create=create) as parent:
            yield parent, path[-1]

    def entries(self, folder: str, path: FolderPath) -> list[FolderEntry]:
        """List a directory."""
        with descriptors.directory(self._content / folder, path) as opened:
            return sorted(_entries(opened))

    def stat(self, folder: str, path: FolderPath) -> FolderEntry:
        """Look at something without opening it."""
        if path == ROOT:
            with descriptors.directory(self._content / folder) as opened:
                return descriptors.entry_of(".", os.fstat(opened))
        with self._around(folder, path) as (parent, name):
            return descriptors.entry_at(parent, name)

    def make_directory(self, folder: str, path: FolderPath, *, parents: bool, exist_ok: bool) -> None:
        """Create a directory."""
        with self._around(folder, path, create=parents) as (parent, name):
            descriptors.make_directory(parent, name, exist_ok=exist_ok)
            if descriptors.entry_at(parent, name).kind != "directory":
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)

    def rename(self, folder: str, source: FolderPath, target: FolderPath) -> None:
        """Rename something in one step."""
        with self._around(folder, source) as (old, name), self._around(folder, target) as (new, new_name):
            descriptors.rename_to_free(old, name, new, new_name)

    def delete(self, folder: str, path: FolderPath, *, recursive: bool) -> FolderUsage:
        """Move something aside and take it apart."""
        with self._around(folder, path) as (parent, name):
            if not recursive and descriptors.entry_at(parent, name).kind == "directory":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
            return self._move_aside(parent, name)

    def open(self, folder: str, path: FolderPath) -> FolderFile:
        """Open a regular file."""
        if path == ROOT:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), ".")
        with self._around(folder, path) as (parent, name):
            return LocalFolderFile(descriptors.open_regular(parent, name))

    def walk(self, folder: str, path: FolderPath) -> Iterator[tuple[FolderPath, FolderEntry]]:
        """Iterate over a tree; no directory stays open meanwhile."""
        pending = [path]
        while pending:
            here = pending.pop()
            try:
                entries = self.entries(folder, here)
            except (FileNotFoundError, NotADirectoryError):
                if here == path:
                    raise
                continue
            inside = [(FolderPath((*here, entry.name)), entry) for entry in entries]
            yield from inside
            if len(here) < DEEPEST:
                pending += [inner for inner, entry in reversed(inside) if entry.kind == "directory"]

    def usage(self, folder: str) -> FolderUsage:
        """Add up all files."""
        total = FolderUsage()
        for _, entry in self.walk(folder, ROOT):
            if entry.kind == "file":
                total = total.plus(1, entry.size)
        return total

    def copy(self, source: str, target: str) -> FolderUsage:
        """Copy file by file."""
        total = FolderUsage()
        for path, entry in self.walk(source, ROOT):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                total = total.plus(*self._copy(source, target, path, entry))
        return total

    def _copy(self, source: str, target: str, path: FolderPath, entry: FolderEntry) -> FolderUsage:
        """Copy one thing; a directory without its content."""
        with self._around(source, path) as (old, name), self._around(target, path) as (new, _):
            if entry.kind == "directory":
                descriptors.make_directory(new, name, exist_ok=True)
            elif entry.kind == "link":
                os.symlink(os.readlink(name, dir_fd=old), name, dir_fd=new)
                os.fsync(new)
            elif entry.kind == "file":
                return FolderUsage(1, self._copy_file(old, new, name))
        return FolderUsage()

    def _copy_file(self, old: int, new: int, name: str) -> int:
        with contextlib.ExitStack() as opened:
            source = descriptors.open_regular(old, name)
            opened.callback(os.close, source)
            self._staged.require_room(os.fstat(source).st_size)
            target = descriptors.create_file(new, name)
            opened.callback(os.close, target)
            copied = descriptors.copy_bytes(source, target)
            os.fsync(new)
            return copied

    # -- uploads ------------------------------------------------------------------------------------------------------

    def received(self, upload: str) -> int:
        """Return the size of the staged file."""
        return self._staged.received(upload)

    def append(self, upload: str, offset: int, pieces: Iterable[bytes], size: int) -> int:
        """Append to the staged file."""
        return self._staged.append(upload, offset, pieces, size)

    def complete(self, upload: str, folder: str, path: FolderPath, size: int) -> FolderUsage:
        """Rename the staged file over what has the path."""
        with self._around(folder, path, create=True) as (parent, name):
            replaced = _file_at(parent, name)
            self._staged.move(upload, size, parent, name)
            return replaced

    def discard(self, upload: str) -> None:
        """Remove the staged file."""
        self._staged.discard(upload)

    def uploads(self) -> Iterator[str]:
        """Iterate over the staged files."""
        return self._staged.uploads()

    # -- the storage --------------------------------------------------------------------------------------------------

    def clean(self) -> None:
        """Take apart what was moved aside."""
        if self._removed.is_dir():
            with descriptors.directory(self._removed) as removed:
                for name in os.listdir(removed):
                    erase(removed, name)

    def available(self) -> int | None:
        """Return what is free beyond the reserve."""
        return free_beyond(private(self._root), self._reserve.size)

    def check(self) -> list[str]:
        """Return directories that cannot be written to."""
        found = [folder for folder in (self._content, self._removed, self._staged.directory) if folder.exists()]
        return [f"{folder} is not writable" for folder in found if not os.access(folder, os.W_OK | os.X_OK)]

    def close(self) -> None:
        """Hold nothing."""


def _entries(opened: int) -> Iterator[FolderEntry]:
    """Return what lies in an open directory, as far as it stays there."""
    with os.scandir(opened) as found:
        for one in found:
            with contextlib.suppress(FileNotFoundError):
                yield descriptors.entry_of(one.name, one.stat(follow_symlinks=False))


def _file_at(parent: int, name: str) -> FolderUsage:
    """Return what an upload of that name will replace."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return FolderUsage()
    return FolderUsage(1, found.st_size) if stat.S_ISREG(found.st_mode) else FolderUsage()


class FilesBackend:
    """Opens the directory ``folders`` in the data directory."""

    name = "files"
    capabilities: tuple[str, ...] = ()

    def open(self, context: StorageContext) -> FolderStorage:
        """Return the storage."""
        return FilesStorage(context.data_dir / "folders", Reserve(context.settings))
