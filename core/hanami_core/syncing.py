"""What makes files and their names survive a power cut, and large files leave the disk to others meanwhile.

A disk does one thing after another. Whoever syncs a few bytes waits for all that was written of a large file, and for
the room that the removal of one gives back. So large files are written, and removed, a piece at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

__all__ = ["Unsynced", "open_steadily", "remove", "sync"]

PIECE = 4 << 20
"""Bytes of a file that wait to be written at most, and that a removal gives back at once."""
PAUSE = 0.01
"""Seconds between two pieces of a file that is removed."""
SCARCE = 4
"""A file is removed in one go if the disk has less room than so many such files take."""

_removing = threading.Lock()


def sync(*paths: Path) -> None:
    """Make the content of files survive a power cut, and the names in folders.

    A new file is durable when it was synced, and then the folder that it lies in; a new folder needs the same.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Unsynced:
    """How much of a file is written and not yet on the disk."""

    def __init__(self) -> None:
        """Begin with a file that is on the disk."""
        self._size = 0

    def add(self, descriptor: int, size: int) -> None:
        """Note that so many bytes were written, and bring all to the disk if that is more than a piece.

        Raises:
            OSError: if the disk does not take them.
        """
        self._size += size
        if self._size >= PIECE:
            os.fdatasync(descriptor)
            self._size = 0


class _SteadyFile(io.FileIO):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")
        self._unsynced = Unsynced()

    def write(self, data: Any, /) -> int:
        with memoryview(data) as whole, whole.cast("B") as values, values[:PIECE] as piece:
            written = super().write(piece)
        self._unsynced.add(self.fileno(), written)
        return written


def open_steadily(path: Path) -> BinaryIO:
    """Open a file that may become large, to write it anew.

    What is written goes to the disk piece by piece, so that nobody who syncs something else waits for the whole of it.
    The file must still be synced at the end.
    """
    return cast(BinaryIO, io.BufferedWriter(_SteadyFile(path)))


def remove(path: Path | str, folder: int | None = None) -> None:
    """Remove a file, in an open folder if one is given.

    A large one that nobody reads any more gives its room back in the next seconds, a piece at a time; at once where
    room is scarce.

    Raises:
        OSError: if it does not exist, or cannot be removed.
    """
    descriptor = _opened(path, folder)
    try:
        os.unlink(path, dir_fd=folder)
        if descriptor is not None:
            with contextlib.suppress(RuntimeError):  # no thread can be started
                threading.Thread(target=_give_back, args=(descriptor,), name="removal", daemon=True).start()
                descriptor = None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _opened(path: Path | str, folder: int | None) -> int | None:
    """Open a file if it is worth being given back in pieces."""
    found = os.stat(path, dir_fd=folder, follow_symlinks=False)
    if found.st_size <= 2 * PIECE or not stat.S_ISREG(found.st_mode):
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    disk = os.fstatvfs(descriptor)
    if disk.f_bavail * disk.f_frsize < SCARCE * found.st_size:
        os.close(descriptor)
        return None
    return descriptor


def _give_back(descriptor: int) -> None:
    """Shorten a removed file piece by piece, unless it has another name or somebody else has it open."""
    try:
        with _removing, contextlib.suppress(OSError):
            found = os.fstat(descriptor)
            if found.st_nlink:
                return
            # The system grants a lease to the only one who has the file open, maps included, and would end the process
            # by SIGIO if somebody came late.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            for size in range(found.st_size - PIECE, 0, -PIECE):
                os.ftruncate(descriptor, size)
                time.sleep(PAUSE)
    finally:
        os.close(descriptor)
