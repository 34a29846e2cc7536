"""Tables of datasets as files in folders. Knows no HTTP.

A task makes the file twice: first to learn its size, so that a limit refuses it before the first byte is stored, and
then to write it. An export gives the same bytes each time (`hanami_core.exports`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import NamedTuple

import msgspec

from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.errors import InsufficientStorage, NotFound, TaskError
from hanami_core.queue import ABORTED, FAILED, Job, Task, TaskKind
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins import datasets, folders
from hanami_plugins.datasets import Dataset

__all__ = ["KIND", "FolderExport", "export_table", "get_export"]

RETRIES = 2
"""How often writing is tried again after it failed for a reason that lies not in the table or the folder."""


class ExportTable(msgspec.Struct, forbid_unknown_fields=True):
    """Payload: a dataset, and where the file goes."""

    dataset: str
    format: str
    folder: str
    path: str


class FolderExport(NamedTuple):
    """A file that a task writes, with the state of the task, and why that failed."""

    task: str
    state: str
    error: TaskError | None
    dataset: str
    format: str
    folder: str
    path: str


class _Interrupted(Exception):
    """The process is about to end, or nobody wants the file any more."""


def export_table(runtime: Runtime, access: Access, uuid: str, format_name: str, folder: str, path: str) -> FolderExport:
    """Write the table of a dataset, or the result of a request, to a file in a folder.

    Returns when that is done, or goes on after `datasets.wait` seconds: `get_export` tells what became of it. The file
    appears when it is complete, and takes the place of a file of that path.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        uuid: uuid of the dataset, which of a result is that of the task.
        format_name: name of the export.
        folder: uuid of the folder.
        path: where the file goes; directories on its way are created.

    Raises:
        NotFound: if there is no such dataset or folder that the actor sees.
        Forbidden: if the actor may not write to the folder.
        BadRequest: if no plugin brings the format, or the path breaks a rule.
        Conflict: if the dataset has no table yet, or a directory has the path, or a file lies in the middle of it.
        Unprocessable: if the format cannot hold the table.
        TaskError: if the file could not be written, for example because it does not fit into the folder.
        VisibleError: if a plugin says that the actor has too many open tasks, or the owner of the folder too much on
            the disk.
    """
    target, where = folders.check_target(runtime, access, folder, path)
    dataset = datasets.get_dataset(access, uuid)
    datasets.open_table_file(runtime, dataset, format_name).close()
    payload = ExportTable(dataset.uuid, format_name, target.uuid, "/".join(where))
    partition = f"exports:{access.actor.user_id}"
    with atomic():
        task = runtime.queue.enqueue(
            KIND.name,
            partition,
            access.actor,
            dataset.name,
            payload,
            1,
            blobs=[str(dataset.blob)],
            action=access.action,
        )
        runtime.admit(Claim(target.owner_id, target.project_id, DISK, 0))
    datasets.wait_for_task(runtime, str(task.uuid))
    found = get_export(access, str(task.uuid))
    if found.error is not None:
        raise found.error
    return found


def get_export(access: Access, task: str) -> FolderExport:
    """Return what has become of a file that the actor has had written to a folder.

    Raises:
        NotFound: if the actor has begun no such export, or it ended long ago.
    """
    mine = (Task.owner_id == access.actor.user_id) & (Task.kind == KIND.name)
    row: Task | None = Task.active().where((Task.uuid == task.lower()) & mine).first()
    if row is None:
        raise NotFound("folder_export_missing", uuid=task)
    work = msgspec.json.decode(row.payload, type=ExportTable)
    error = (row.failure or TaskError("folder_export_stopped")) if row.state in (FAILED, ABORTED) else None
    return FolderExport(str(row.uuid), str(row.state), error, work.dataset, work.format, work.folder, work.path)


def run(job: Job) -> None:
    """Write the file; from the start again if that was begun before."""
    work = job.payload(ExportTable)
    dataset = Dataset.get_or_none(Dataset.uuid == work.dataset)
    if dataset is None:
        raise TaskError("dataset_missing", uuid=work.dataset)
    try:
        with contextlib.closing(_parts(job, dataset, work)) as parts:
            size = sum(map(len, parts))
        with contextlib.closing(_parts(job, dataset, work)) as parts:
            _put(job, work, size, parts)
    except _Interrupted:
        return
    except InsufficientStorage as error:
        raise TaskError(error.code, **error.parameters) from error
    with job.commit(job.task.total_cycles, final=True):
        pass


def _parts(job: Job, dataset: Dataset, work: ExportTable) -> Generator[bytes]:
    file = datasets.open_table_file(job.runtime, dataset, work.format)
    try:
        for part in file:
            if not job.step(0):
                raise _Interrupted
            yield part
    finally:
        file.close()


def _put(job: Job, work: ExportTable, size: int, parts: Iterator[bytes]) -> None:
    owner, uuid = str(job.task.owner_id), str(job.task.uuid)
    folders.put_file(job.runtime, work.folder, work.path, size, parts, sender_id=owner, uuid=uuid)


def ended(runtime: Runtime, task: Task) -> None:
    """Remove what a process that was killed has left of a file that will not become complete."""
    if task.state in (FAILED, ABORTED):
        folders.drop_work(runtime, str(task.uuid))


KIND = TaskKind("export_table", run, runs_on="worker", retries=RETRIES, ended=ended)
