"""A file of a folder that is open for reading, by its descriptor."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator

__all__ = ["LocalFolderFile"]

PIECE = 1 << 18
_FRESH_SECONDS = 2.0
"""File systems tell times only so exactly: within this time a file may change once more without it being visible."""


class LocalFolderFile:
    """A regular file that was opened."""

    def __init__(self, descriptor: int) -> None:
        """Take a descriptor over."""
        self._descriptor = descriptor
        found = os.fstat(descriptor)
        self.size = found.st_size
        marks = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        fresh = abs(time.time() - found.st_ctime) < _FRESH_SECONDS
        self.tag = secrets.token_hex(16) if fresh else "-".join(f"{mark:x}" for mark in marks)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Read piece by piece."""
        while start < stop and (piece := os.pread(self._descriptor, min(PIECE, stop - start), start)):
            yield piece
            start += len(piece)

    def close(self) -> None:
        """Close the descriptor."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
