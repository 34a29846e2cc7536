"""Datasets from files in folders. Knows no HTTP.

A task copies the files to where uploads lie; the decoding, which is queued behind it, then finds them as if a client
had sent them. So their progress is that of an upload, and storages of any kind can be read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping

import msgspec

from hanami_core.access import Access
from hanami_core.errors import BadRequest, NotFound, TaskError, VisibleError
from hanami_core.queue import ABORTED, FAILED, Job, Task, TaskKind
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins import datasets, folders, uploads
from hanami_plugins.datasets import DECODING, Dataset, DecodingFailed
from hanami_plugins.uploads import Upload

__all__ = ["KIND", "import_dataset"]

RETRIES = 2
"""How often copying is tried again after it failed for a reason that lies not in the files."""


class FetchedFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file in a folder, and the upload that it becomes."""

    path: str
    size: int
    upload: str


class FetchFiles(msgspec.Struct, forbid_unknown_fields=True):
    """Payload: a dataset, a folder, and the file in it for each part."""

    dataset: str
    folder: str
    files: dict[str, FetchedFile]


def import_dataset(
    runtime: Runtime,
    access: Access,
    format_name: str,
    name: str,
    folder: str,
    files: Mapping[str, str],
    *,
    unique: bool = False,
    lease: int | None = None,
) -> Dataset:
    """Make a dataset of files in a folder.

    Returns when the dataset is ready, or is still being made after `datasets.wait` seconds: its state says which, and
    `datasets.upload_progress` then tells how far it is. Nothing is left of one that is refused before.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        format_name: kind of the files.
        name: what the actor calls the dataset.
        folder: uuid of the folder.
        files: path in the folder for each part of the format.
        unique: refuse a name that a dataset has which the actor may change.
        lease: as for `datasets.create_dataset`.

    Raises:
        NotFound: if there is no such folder that the actor sees, or no such file in it.
        BadRequest: if no plugin reads such files, they have other parts, one is empty or too big, or a path breaks a
            rule.
        InvalidFile: if a file breaks a rule of the format.
        TaskError: if the files were changed or removed meanwhile.
        DecodingFailed: if something failed that lies not in the files.
        Conflict: if a path does not lead to a file, or the name has to be unique and is taken, or the actor has too
            many uploads already.
        VisibleError: if a plugin says that the actor has too many datasets or tasks, or too much on the disk.
    """
    sizes = {part: _size(runtime, access, folder, part, path) for part, path in files.items()}
    dataset, found = datasets.create_dataset(runtime, access, format_name, name, sizes, unique=unique, lease=lease)
    wanted = {part: FetchedFile(files[part], sizes[part], upload.uuid) for part, upload in found.items()}
    with _nothing_left(runtime, access, dataset):
        task = _enqueue(runtime, access, dataset, FetchFiles(dataset.uuid, folder.lower(), wanted), found)
        try:
            return datasets.wait_for_table(runtime, access, dataset.uuid)
        except DecodingFailed as error:
            failed: Task | None = Task.get_or_none((Task.uuid == task) & (Task.state == FAILED))
            raise (None if failed is None else failed.failure) or error from error


def _size(runtime: Runtime, access: Access, folder: str, part: str, path: str) -> int:
    field, limit = f"files.{part}", runtime.settings["datasets.max_upload"]
    with folders.open_file(runtime, access, folder, path) as file:
        size = file.size
    if not size:
        raise BadRequest("folder_file_empty", field=field, path=path)
    if size > limit:
        raise BadRequest("folder_file_too_big", field=field, path=path, size=size, limit=limit)
    return size


@contextlib.contextmanager
def _nothing_left(runtime: Runtime, access: Access, dataset: Dataset) -> Iterator[None]:
    """Delete a dataset if it cannot be made."""
    try:
        yield
    except (VisibleError, DecodingFailed):
        with contextlib.suppress(NotFound):
            datasets.delete_dataset(runtime, access, dataset.uuid)
        raise


def _enqueue(
    runtime: Runtime, access: Access, dataset: Dataset, payload: FetchFiles, found: Mapping[str, Upload]
) -> str:
    """Queue the copying, and behind it the decoding, and return the task of the former."""
    partition, total = datasets.partition_of(dataset), sum(file.size for file in payload.files.values())
    with atomic():
        task = runtime.queue.enqueue(
            KIND.name, partition, access.actor, dataset.name, payload, total, action=access.action
        )
        datasets.queue_decoding(runtime, access, dataset, found)
    return str(task.uuid)


def run(job: Job) -> None:
    """Copy the files; from the start again if that was begun before, because they may have changed."""
    work, done = job.payload(FetchFiles), 0
    for part, file in work.files.items():
        upload = uploads.upload_for(work.dataset, part, file.upload)
        if upload is None:
            break  # the dataset was deleted, so nobody needs the files
        with contextlib.closing(_copy(job.runtime, work.folder, file, upload)) as counts:
            for count in counts:
                done += count
                if not job.step(done):
                    return
    with job.commit(job.task.total_cycles, final=True):
        pass


def _copy(runtime: Runtime, folder: str, file: FetchedFile, upload: Upload) -> Generator[int]:
    """Copy a file piece by piece, and yield how many bytes each one has."""
    position = 0
    with folders.open_stored(runtime, folder, file.path) as source, uploads.receive(runtime, upload) as receiver:
        for piece in source.read(0, source.size) if source.size == file.size else ():
            receiver.write(position, piece)
            position += len(piece)
            yield len(piece)
    if position != file.size:
        raise TaskError("folder_file_changed", path=file.path)


def ended(runtime: Runtime, task: Task) -> None:
    """Give a dataset up whose files cannot be copied; it keeps the reason."""
    if task.state not in (FAILED, ABORTED):
        return
    work = msgspec.json.decode(task.payload, type=FetchFiles)
    waits = (Dataset.uuid == work.dataset) & (Dataset.state == DECODING)
    dataset = Dataset.active().where(waits).first()
    if dataset is not None:
        runtime.queue.abort(task.partition, [dataset.decoding], task.error)


# Exempt, because the decoding behind it counts already.
KIND = TaskKind("fetch_files", run, runs_on="worker", retries=RETRIES, exempt=True, ended=ended)
