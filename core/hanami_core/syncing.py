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
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO, cast

__all__ = ["Unsynced", "open_steadily", "remove", "sync"]

PIECE = 4 << 20
"""Bytes of a file that wait to be written at most, and that a removal gives back at once."""
PAUSE = 0.01
"""Seconds between two pieces of a file that is removed."""
SCARCE = 4
"""A file is removed in one go if the disk has less room than so many times as much as removals have yet to give."""
MOST = 16
"""Files that give their room back in pieces, one after another."""


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
        """Note that so many bytes were written, and bring all to the disk if that is a piece or more.

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


def remove(path: Path | str, folder: int | None = None, *, missing_ok: bool = False) -> None:
    """Remove a file, in an open folder if one is given.

    A large one that nobody reads any more gives its room back a piece at a time, 400 MB in a second; at once where room
    is scarce, or if many others are on their way.

    Raises:
        OSError: if it cannot be removed, or does not exist and that is not `missing_ok`.
    """
    descriptor = None
    try:
        descriptor = _opened(path, folder)
        os.unlink(path, dir_fd=folder)
        if descriptor is not None and _removals.add(descriptor):
            descriptor = None
    except FileNotFoundError:
        if not missing_ok:
            raise
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _opened(path: Path | str, folder: int | None) -> int | None:
    """Open a file if it is worth being given back in pieces."""
    found = os.stat(path, dir_fd=folder, follow_symlinks=False)
    if _room_of(found) <= 2 * PIECE or not stat.S_ISREG(found.st_mode):
        return None
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None


def _room_of(found: os.stat_result) -> int:
    """Return how many bytes of the disk a file takes."""
    return found.st_blocks * 512


class _Removals:
    """Removed files that have yet to give their room back, and the thread that lets them, while there are any."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, int]] = deque()
        self._runs = False

    def add(self, descriptor: int) -> bool:
        """Take a file that was removed and is open here, and tell whether it was taken."""
        with contextlib.suppress(OSError, RuntimeError), self._lock:  # such as that no thread can be started
            room, disk = _room_of(os.fstat(descriptor)), os.fstatvfs(descriptor)
            pending = room + sum(other for _, other in self._waiting)
            if disk.f_bavail * disk.f_frsize < SCARCE * pending or len(self._waiting) >= MOST:
                return False
            if not self._runs:
                threading.Thread(target=self._run, name="removal", daemon=True).start()
                self._runs = True
            self._waiting.append((descriptor, room))
            return True
        return False

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._runs = False
                    return
                descriptor, _ = self._waiting[0]
            _give_back(descriptor)
            with self._lock:
                self._waiting.popleft()  # before it is closed, when the number may come to be that of another file
                os.close(descriptor)

    def forget(self) -> None:
        """Begin anew in a copy of the process, which has no thread for the files and must not keep them open."""
        for descriptor, _ in self._waiting:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._begin()


def _give_back(descriptor: int) -> None:
    """Shorten a removed file piece by piece, unless it has another name or somebody else has it open."""
    with contextlib.suppress(OSError):
        found = os.fstat(descriptor)
        if found.st_nlink:
            return
        # The system grants a lease to the only one who has the file open, maps included, and takes it back when
        # somebody else opens it; it would end the process by SIGIO then.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        for size in range(found.st_size - PIECE, 0, -PIECE):
            if fcntl.fcntl(descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK:
                return
            os.ftruncate(descriptor, size)
            time.sleep(PAUSE)


_removals = _Removals()
os.register_at_fork(after_in_child=_removals.forget)
