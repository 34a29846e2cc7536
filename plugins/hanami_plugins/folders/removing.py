"""Takes a tree apart, however deep it is, whatever lies in it, and whoever goes on changing it.

Directories are moved up beside the one that is taken apart, so that no path and no stack of descriptors grows.
"""

from __future__ import annotations

import errno
import logging
import os
import stat

from hanami_core.ids import new_uuid
from hanami_core.syncing import remove
from hanami_plugins.folders import descriptors
from hanami_plugins.folders.storages import FolderUsage

__all__ = ["erase"]

ATTEMPTS = 10
"""Somebody who still works in a directory may add to it while it is being emptied."""

log = logging.getLogger("hanami.folders")


def erase(place: int, name: str) -> FolderUsage:
    """Remove something from an open directory that nobody else uses, and return which files that were.

    What cannot be removed stays there, and the log tells so.
    """
    total, pending = FolderUsage(), [name]
    while pending:
        one = pending.pop()
        try:
            found = os.stat(one, dir_fd=place, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                total = total.plus(*_empty(place, one, pending))
            else:
                total = total.plus(*_unlink(place, one, found))
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("a part of a removed folder stays", extra={"name": one, "reason": str(error)})
    return total


def _empty(place: int, name: str, pending: list[str]) -> FolderUsage:
    """Remove a directory with its files; its directories become neighbours of it, and pending."""
    total = FolderUsage()
    for _ in range(ATTEMPTS):
        opened = descriptors.enter(place, name)
        try:
            for inner in os.listdir(opened):
                total = total.plus(*_take(place, opened, inner, pending))
        finally:
            os.close(opened)
        try:
            os.rmdir(name, dir_fd=place)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        else:
            break
    return total


def _take(place: int, opened: int, name: str, pending: list[str]) -> FolderUsage:
    """Remove a file, or move a directory up."""
    try:
        found = os.stat(name, dir_fd=opened, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            return _unlink(opened, name, found)
        neighbour = new_uuid()
        os.rename(name, neighbour, src_dir_fd=opened, dst_dir_fd=place)
        pending.append(neighbour)
    except (FileNotFoundError, IsADirectoryError):  # somebody else is at work, see ATTEMPTS
        pass
    return FolderUsage()


def _unlink(parent: int, name: str, found: os.stat_result) -> FolderUsage:
    remove(name, parent)
    return FolderUsage(1, found.st_size) if stat.S_ISREG(found.st_mode) else FolderUsage()
