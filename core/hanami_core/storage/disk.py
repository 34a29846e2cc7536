"""Which errors of the system are about a disk, and how much room there is beyond what is kept for deleting.

Imports nothing, because processes that decode files use it, too.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["FULL", "UNAVAILABLE", "free_beyond", "is_storage_error", "require_room"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""There is no room."""
UNAVAILABLE = frozenset({errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN})
"""A disk does not do what it should."""


def is_storage_error(number: int | None) -> bool:
    """Tell whether the number of an `OSError` is about a disk."""
    return number in FULL or number in UNAVAILABLE


def free_beyond(folder: Path, reserve: int) -> int:
    """Return how many bytes may still be stored below a folder, so that `reserve` bytes are left; never less than 0."""
    found = os.statvfs(folder)
    return max(0, found.f_bavail * found.f_frsize - reserve)


def require_room(folder: Path, reserve: int) -> None:
    """Refuse to begin to store something where no more than the reserve is free.

    Deleting needs room as well, for what the database notes of it: so what is stored stops before nothing is left.

    Raises:
        OSError: like a disk that is full.
    """
    if reserve and not free_beyond(folder, reserve):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
