"""Directories and files by descriptor, so that no symbolic link leads anywhere, whenever it was put there.

A path is resolved one name at a time, each relative to the open directory before it. Knows no folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from hanami_plugins.folders.storages import EntryKind, FolderEntry, NotAFile

__all__ = [
    "copy_bytes",
    "create_file",
    "directory",
    "enter",
    "entry_at",
    "entry_of",
    "make_directory",
    "open_regular",
    "rename_to_free",
]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_COPIED_AT_ONCE = 1 << 24
_KINDS: tuple[tuple[int, EntryKind], ...] = (
    (stat.S_IFREG, "file"),
    (stat.S_IFDIR, "directory"),
    (stat.S_IFLNK, "link"),
)


@contextlib.contextmanager
def directory(top: Path, names: Sequence[str] = (), *, create: bool = False) -> Iterator[int]:
    """Provide the descriptor of the directory that is reached from `top` by names.

    With `create`, missing ones are created, for the owner only.

    Raises:
        FileNotFoundError: if there is none.
        NotADirectoryError: if something on the way is a link or a file.
    """
    opened = os.open(top, _DIRECTORY)
    try:
        for name in names:
            if create:
                make_directory(opened, name, exist_ok=True)
            inner = enter(opened, name)
            os.close(opened)
            opened = inner
        yield opened
    finally:
        os.close(opened)


def enter(parent: int, name: str) -> int:
    """Return the descriptor of a directory in another one.

    Raises:
        NotADirectoryError: if it is a link or a file.
    """
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.ELOOP:  # what some file systems say of a link
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from error
        raise


def make_directory(parent: int, name: str, *, exist_ok: bool) -> None:
    """Create a directory in another one, for the owner only.

    Raises:
        FileExistsError: if the name is taken, unless `exist_ok`; what has it may then be anything.
    """
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        if not exist_ok:
            raise
    else:
        os.fsync(parent)


def open_regular(parent: int, name: str) -> int:
    """Open a file for reading and return its descriptor; nothing but a regular file is ever opened.

    Raises:
        FileNotFoundError: if there is none.
        IsADirectoryError: if it is a directory.
        NotAFile: if it is a link or something special.
    """
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = os.fstat(found).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if not stat.S_ISREG(mode):
            raise NotAFile(errno.EINVAL, "not a regular file", name)
        # The very file that was looked at, whatever has its name by now.
        opened = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
        if not os.fstat(opened).st_nlink:  # it was removed meanwhile, and may be shorter already
            os.close(opened)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return opened
    finally:
        os.close(found)


def create_file(parent: int, name: str) -> int:
    """Create a file for its owner only, and return its descriptor for writing.

    Raises:
        FileExistsError: if the name is taken.
    """
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)


def entry_at(parent: int, name: str) -> FolderEntry:
    """Return what has a name in a directory.

    Raises:
        FileNotFoundError: if nothing has.
    """
    return entry_of(name, os.stat(name, dir_fd=parent, follow_symlinks=False))


def entry_of(name: str, found: os.stat_result) -> FolderEntry:
    """Return an entry for what `stat` tells."""
    kind = dict(_KINDS).get(stat.S_IFMT(found.st_mode), "other")
    size = found.st_size if kind == "file" else 0
    return FolderEntry(name, kind, size, stat.S_IMODE(found.st_mode), found.st_ctime, found.st_mtime)


def rename_to_free(source_parent: int, source: str, target_parent: int, target: str) -> None:
    """Rename something, in one step, to a name that nothing has.

    Raises:
        FileExistsError: if the name is taken.
        OSError: with the number EINVAL, if a directory would move into itself.
    """
    names = os.fsencode(source), os.fsencode(target)
    if _libc().renameat2(source_parent, names[0], target_parent, names[1], _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
    os.fsync(target_parent)
    os.fsync(source_parent)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def copy_bytes(source: int, target: int) -> int:
    """Copy what is left of one file to another one, make it durable, and return how many bytes it was."""
    copied = 0
    while count := os.sendfile(target, source, None, _COPIED_AT_ONCE):
        copied += count
    os.fsync(target)
    return copied
