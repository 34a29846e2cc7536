"""Copies of whole folders, which a task makes. Knows no HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.errors import Forbidden, InsufficientStorage, LeaseLost, NotFound, TaskError
from hanami_core.ids import new_uuid
from hanami_core.queue import ABORTED, FAILED, OPEN, Job, Task, TaskKind
from hanami_core.runtime import Runtime
from hanami_core.sizes import size_text
from hanami_core.storage.database import ACTIVE, atomic, compare_and_set
from hanami_plugins.folders.models import CREATING, READY, USER, Folder, Permission, UsageMode
from hanami_plugins.folders.opening import named, storage_of
from hanami_plugins.folders.paths import ROOT
from hanami_plugins.folders.permissions import may_manage, require
from hanami_plugins.folders.service import add_row, check_name, forget_folder
from hanami_plugins.folders.storages import FolderStorage, FolderUsage

__all__ = ["KIND", "CloneProgress", "FolderClone", "clone_folder", "follow_clone", "get_clone"]

RETRIES = 2
"""How often copying is tried again after it failed for a reason that lies not in the folder, such as a full disk."""


LOOK_SECONDS = 1.0
"""How long somebody who follows a copy waits before looking at it again."""


class FolderClone(NamedTuple):
    """A copy, which is complete unless `task` names the task that still makes it; `made_by` names it in any case."""

    folder: Folder
    task: str | None
    made_by: str


class CloneProgress(NamedTuple):
    """A copy that a task makes, with the state of the task, and why that failed."""

    folder: str
    task: str
    state: str
    error: TaskError | None


class Clone(msgspec.Struct, forbid_unknown_fields=True):
    """Payload: the folder that is copied, and the one that it is copied to."""

    source: str
    target: str


def clone_folder(
    runtime: Runtime,
    access: Access,
    uuid: str,
    name: str,
    *,
    storage: str = "",
    usage_mode: UsageMode = "general",
    permission: Permission = "rw",
) -> FolderClone:
    """Copy a folder to a new one of the actor. Returns when that is done, or goes on after `folders.wait` seconds.

    Until it is done, nobody sees the copy. Files that are changed meanwhile may be copied as they were or as they are.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if it may not be copied.
        BadRequest: if the name breaks a rule, or there is no such storage.
        Conflict: if the name is taken.
        InsufficientStorage: if the copy does not fit into the storage.
        TaskError: if the copy failed.
        VisibleError: if a plugin says that the actor has too many folders, or too much on the disk.
    """
    check_name(name)
    source, place = require(access, uuid, "ro"), named(runtime, storage)
    if not (source.cloneable or may_manage(access, source)):
        raise Forbidden("folder_not_cloneable", uuid=source.uuid)
    _require_room(storage_of(runtime, place), source)
    task, options = new_uuid(), {"usage_mode": usage_mode, "permission": permission, "quota": None}
    with atomic():
        state = {"state": CREATING, "cloning": task, "used": source.used, "files": source.files}
        target = add_row(runtime, access, name, USER, place, **options, **state)
        runtime.admit(Claim.of(access.actor, DISK, 0))
        payload = Clone(source.uuid, target.uuid)
        partition = f"folders:{access.actor.user_id}"
        size = max(1, source.used)
        runtime.queue.enqueue("clone_folder", partition, access.actor, name, payload, size, task, action=access.action)
    runtime.queue.wait(task, runtime.settings["folders.wait"])
    return _result(target.uuid, task)


def _require_room(storage: FolderStorage, source: Folder) -> None:
    left = storage.available()
    if left is not None and source.used > left:
        raise InsufficientStorage("folder_storage_full", needed=size_text(source.used), left=size_text(left))


def _result(uuid: str, task: str) -> FolderClone:
    folder: Folder = Folder.get(Folder.uuid == uuid)
    if folder.status != ACTIVE:
        ended = Task.get_or_none(Task.uuid == task)
        raise TaskError(ended.error if ended is not None and ended.error else "the copy failed")
    return FolderClone(folder, None if folder.state == READY else task, task)


def get_clone(access: Access, task: str) -> CloneProgress:
    """Return what has become of a copy that the actor has begun.

    Raises:
        NotFound: if the actor has begun no such copy, or it ended long ago.
    """
    mine = (Task.owner_id == access.actor.user_id) & (Task.kind == KIND.name)
    row: Task | None = Task.active().where((Task.uuid == task.lower()) & mine).first()
    if row is None:
        raise NotFound("folder_clone_missing", uuid=task)
    target = msgspec.json.decode(row.payload, type=Clone).target
    error = (row.failure or TaskError("folder_clone_stopped")) if row.state in (FAILED, ABORTED) else None
    return CloneProgress(target, str(row.uuid), str(row.state), error)


def follow_clone(runtime: Runtime, access: Access, task: str) -> Iterator[Task]:
    """Return the task that makes a copy for the actor, again and again, until it has ended or is removed.

    Raises:
        NotFound: if there is no such task of the actor.
    """
    found = _task(access, task)
    return _states(runtime, found)


def _task(access: Access, uuid: str) -> Task:
    mine = (Task.uuid == uuid) & (Task.kind == KIND.name) & (Task.owner_id == access.actor.user_id)
    found: Task | None = Task.get_or_none(mine)
    if found is None:
        raise NotFound("folder_clone_missing", uuid=uuid)
    return found


def _states(runtime: Runtime, task: Task) -> Iterator[Task]:
    while task.state in OPEN:
        yield task
        runtime.queue.wait(task.uuid, LOOK_SECONDS)
        found = Task.get_or_none(Task.uuid == task.uuid)
        if found is None:
            return
        task = found
    yield task


def run(job: Job) -> None:
    """Make a copy; from the start again if that was begun before."""
    work, runtime = job.payload(Clone), job.runtime
    source, target = (Folder.get_or_none((Folder.uuid == uuid) & (Folder.status == ACTIVE)) for uuid in _uuids(work))
    if source is None or target is None:
        raise TaskError("the folder was deleted")
    here, there = storage_of(runtime, source.storage), storage_of(runtime, target.storage)
    there.remove(target.uuid)
    there.create(target.uuid)
    if not job.step(0):
        return
    with _missing_is_final():
        copied = here.copy(source.uuid, target.uuid) if here is there else _carry(here, there, source, target)
    with job.commit(job.task.total_cycles, final=True):
        waits = (Folder.uuid == target.uuid) & (Folder.status == ACTIVE) & (Folder.cloning == job.task.uuid)
        changes = {"state": READY, "cloning": None, "used": copied.size, "files": copied.files}
        if not compare_and_set(Folder, waits, **changes):
            raise LeaseLost(f"folder {target.uuid} does not wait for its copy any more")
        runtime.admit(Claim(target.owner_id, target.project_id, DISK, 0))


def _uuids(work: Clone) -> tuple[str, str]:
    return work.source, work.target


@contextlib.contextmanager
def _missing_is_final() -> Iterator[None]:
    """Fail at once if the folder that is copied was removed."""
    try:
        yield
    except FileNotFoundError as error:
        raise TaskError("the folder was deleted") from error


def _carry(here: FolderStorage, there: FolderStorage, source: Folder, target: Folder) -> FolderUsage:
    """Copy directories and files from one storage to another one."""
    total = FolderUsage()
    for path, entry in here.walk(source.uuid, ROOT):
        if entry.kind == "directory":
            there.make_directory(target.uuid, path, parents=True, exist_ok=True)
        elif entry.kind == "file":
            with contextlib.closing(here.open(source.uuid, path)) as file:
                upload = new_uuid()
                there.append(upload, 0, file.read(0, file.size), file.size)
                there.complete(upload, target.uuid, path, file.size)
                total = total.plus(1, file.size)
    return total


def ended(runtime: Runtime, task: Task) -> None:
    """Delete a folder that will not become a copy."""
    if task.state in (FAILED, ABORTED):
        folder = Folder.get_or_none((Folder.cloning == task.uuid) & (Folder.status == ACTIVE))
        if folder is not None and folder.mark_deleted():
            forget_folder(runtime, folder)


KIND = TaskKind("clone_folder", run, runs_on="worker", retries=RETRIES, ended=ended)
