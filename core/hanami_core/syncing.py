"""What makes files and their names survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync"]


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
