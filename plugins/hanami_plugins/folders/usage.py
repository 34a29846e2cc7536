"""How much a storage holds. Knows no HTTP."""

from __future__ import annotations

from typing import NamedTuple

import peewee

from hanami_core.runtime import Runtime
from hanami_plugins.folders.models import Folder
from hanami_plugins.folders.opening import storage_of

__all__ = ["StorageUsage", "storage_usage"]


class StorageUsage(NamedTuple):
    """What lies in a storage: folders, files in them and their bytes; `available` are None if it does not know."""

    folders: int
    files: int
    used: int
    available: int | None


def storage_usage(runtime: Runtime, name: str) -> StorageUsage:
    """Return how much a storage holds.

    Raises:
        Unavailable: if no plugin brings it any more.
    """
    storage, rows = storage_of(runtime, name), Folder.active().where(Folder.storage == name).order_by()
    sums = (peewee.fn.COUNT(Folder.uuid), peewee.fn.SUM(Folder.files), peewee.fn.SUM(Folder.used))
    folders, files, used = (int(one or 0) for one in rows.select(*sums).tuples().first())
    return StorageUsage(folders, files, used, storage.available())
