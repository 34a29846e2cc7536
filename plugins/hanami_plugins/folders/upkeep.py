"""What keeps rows and storages in step: after a crash, every so many seconds, and when an operator looks.

A folder that was deleted has a deleted row until its directory is gone, so that is removed whenever it is found. What
has no row at all may be somebody's data, for example after a backup of the database was restored: it is never removed,
only shown, unless it is empty.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from hanami_core.checks import Check, Finding
from hanami_core.errors import HanamiError
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, compare_and_set
from hanami_plugins.folders.models import READY, Folder, FolderUpload
from hanami_plugins.folders.opening import STORAGES, storage_of
from hanami_plugins.folders.paths import ROOT
from hanami_plugins.folders.storages import FolderStorage
from hanami_plugins.folders.uploads import drop_late

__all__ = ["CLEAN_UP_SECONDS", "check", "clean_up", "measure", "recover"]

CLEAN_UP_SECONDS = 600.0

log = logging.getLogger("hanami.folders")


def recover(runtime: Runtime) -> None:
    """Put in order what killed processes have left, while no other process works."""
    for name in _used(runtime):
        try:
            storage = storage_of(runtime, name)
            storage.clean()
            _remove_deleted(storage)
            _remove_unknown_uploads(storage)
            for folder in _unknown(storage):
                if not any(storage.walk(folder, ROOT)):
                    storage.remove(folder)
        except (HanamiError, OSError) as error:
            log.warning("a storage of folders is not put in order", extra={"storage": name, "reason": str(error)})


def _used(runtime: Runtime) -> list[str]:
    """Return the storages that there are, and folders lie in; the default one, too."""
    rows = {row.storage for row in Folder.select(Folder.storage).distinct()}
    known = runtime.stash[STORAGES].backends
    return sorted((rows | {runtime.settings["folders.storage"]}) & known.keys())


def _remove_deleted(storage: FolderStorage) -> None:
    there = list(storage.folders())
    deleted = Folder.select(Folder.uuid).where((Folder.status != ACTIVE) & Folder.uuid.in_(there))
    for row in list(deleted):
        storage.remove(row.uuid)


def _remove_unknown_uploads(storage: FolderStorage) -> None:
    """Discard what has arrived of uploads that are over. Rows are older than their files, so files are listed first."""
    arrived = list(storage.uploads())
    known = {row.uuid for row in FolderUpload.active()}
    for upload in arrived:
        if upload not in known:
            storage.discard(upload)


def _unknown(storage: FolderStorage) -> list[str]:
    """Return folders of a storage that have no row. While processes work, one may be about to get its row."""
    there = list(storage.folders())
    known = {row.uuid for row in Folder.select(Folder.uuid)}
    return sorted(set(there) - known)


def clean_up(runtime: Runtime) -> None:
    """Drop uploads that are too late, remove what is left of deleted folders, and count what all others hold."""
    dropped = drop_late(runtime)
    if dropped:
        log.info("late uploads dropped", extra={"uploads": dropped})
    for name in _used(runtime):
        storage = storage_of(runtime, name)
        _remove_deleted(storage)
        for folder in list(Folder.active().where((Folder.storage == name) & (Folder.state == READY))):
            measure(runtime, folder)


def measure(runtime: Runtime, folder: Folder) -> bool:
    """Count what a folder holds, and return whether that is known now: not if it was changed meanwhile.

    For those who let others than this server write to it.
    """
    try:
        found = storage_of(runtime, folder.storage).usage(folder.uuid)
    except FileNotFoundError:
        return False
    same = (Folder.used == folder.used) & (Folder.files == folder.files)
    still = (Folder.uuid == folder.uuid) & (Folder.status == ACTIVE) & same
    return compare_and_set(Folder, still, used=found.size, files=found.files)


def check(runtime: Runtime) -> list[Check]:
    """Return the checks of folders."""

    def storages() -> Iterator[Finding]:
        for name in _used(runtime):
            yield from _findings(name, storage_of(runtime, name))
        known = runtime.stash[STORAGES].backends
        for row in Folder.select(Folder.storage).where(Folder.status == ACTIVE).distinct():
            if row.storage not in known:
                yield Finding(f"storage of folders {row.storage}", "no plugin brings it, so its folders are unreadable")

    return [Check("storages of folders", storages)]


def _findings(name: str, storage: FolderStorage) -> Iterator[Finding]:
    for problem in storage.check():
        yield Finding(f"storage of folders {name}", problem)
    there = set(storage.folders())
    for folder in _unknown(storage):
        yield Finding(f"folder {folder} in the storage {name}", "no row is known for this directory")
    for row in list(Folder.active().where((Folder.storage == name) & (Folder.state == READY))):
        if row.uuid not in there:
            yield Finding(f"folder {row.uuid}", f"its directory in the storage {name} is missing; delete it")
