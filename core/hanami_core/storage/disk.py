"""Which errors of the system are about a disk. Imports nothing, because processes that decode files use it, too."""

from __future__ import annotations

import errno

__all__ = ["FULL", "UNAVAILABLE", "is_storage_error"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""There is no room."""
UNAVAILABLE = frozenset({errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN})
"""A disk does not do what it should."""


def is_storage_error(number: int | None) -> bool:
    """Tell whether the number of an `OSError` is about a disk."""
    return number in FULL or number in UNAVAILABLE
