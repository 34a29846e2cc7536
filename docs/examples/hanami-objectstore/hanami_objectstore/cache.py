"""Copies of blobs on this machine: leased while somebody reads them, evicted when there are too many bytes of them.

All processes of the server share the directory. A lease is a shared lock of the file, held by its open descriptor, so
it ends with its process at the latest; who removes a file needs an exclusive lock of it. A lock belongs to the file and
not to its name, and the file may lose its name while somebody waits for the lock: so everybody looks again whether the
name still is that of the file once it is locked.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import BinaryIO

FRESH_SECONDS = 2.0
"""File systems tell times only so exactly: within this time a file may change once more without it being visible."""


class CachedFile:
    """A leased copy of a blob."""

    def __init__(self, cache: Cache, path: Path, file: BinaryIO) -> None:
        """Take over an open file with a shared lock."""
        self.path = path
        self._cache = cache
        self._file = file

    def mark(self) -> Hashable | None:
        """Return what is another one for each download, and changes with the content; None if it was just written."""
        found = os.fstat(self._file.fileno())
        if abs(time.time() - found.st_mtime) < FRESH_SECONDS:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def release(self, *, damaged: bool = False) -> None:
        """End the lease; now there may be something to evict. A damaged copy is not used again."""
        self._file.close()
        if damaged:
            self._cache.remove(self.path)
        self._cache.shrink()


class Cache:
    """Copies in a directory, `limit` bytes of them at most, except for those that are leased."""

    def __init__(self, directory: Path, limit: int) -> None:
        """Use a directory, which is made when it is needed."""
        self._directory = directory
        self._limit = limit

    def find(self, name: str) -> CachedFile | None:
        """Lease a copy, if there is one."""
        path = self._directory / name
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        fcntl.flock(file, fcntl.LOCK_SH)
        if not _is_still(path, file):
            file.close()
            return None
        # The time of access is when it was last leased, whatever the file system makes of it.
        os.utime(file.fileno(), ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
        return CachedFile(self, path, file)

    def add(self, complete: Path, name: str) -> CachedFile | None:
        """Lease a complete file under a name of its own here; None if there is a copy already, or was a moment ago."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, file = self._directory / name, complete.open("rb")
        # Locked before it can be found, so that nobody evicts it in between.
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            os.link(complete, path)
        except FileExistsError:
            file.close()
            return self.find(name)
        return CachedFile(self, path, file)

    def discard(self, name: str) -> None:
        """Remove a copy that is not needed any more, unless it is leased: then it is evicted one day."""
        self.remove(self._directory / name)

    def shrink(self) -> None:
        """Remove what was not used for longest, until the rest is small enough or leased."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self._limit:
                return
            if self.remove(path):
                total -= size

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        for path in self._directory.glob("*"):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            yield found.st_atime_ns, found.st_size, path

    def remove(self, path: Path) -> bool:
        """Remove a copy and tell whether it is gone; one that is leased stays."""
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(path, file):
                    path.unlink()
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True


def _is_still(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
