"""Folders of the data directory, which are for its owner only."""

from __future__ import annotations

from pathlib import Path

__all__ = ["private"]


def private(folder: Path) -> Path:
    """Make a folder and those around it that are missing, for the owner only, and return it.

    `Path.mkdir` gives its mode to the innermost one only.
    """
    if not folder.is_dir():
        private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
