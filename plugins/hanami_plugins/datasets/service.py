"""What can be done with datasets, apart from HTTP."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import peewee

from hanami_core import decoding
from hanami_core.access import Access
from hanami_core.datasets import Table
from hanami_core.errors import BadRequest, Conflict, HanamiError, NotFound
from hanami_core.queue import Task
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import ACTIVE, atomic
from hanami_plugins import uploads
from hanami_plugins.datasets import decode
from hanami_plugins.datasets.models import DECODING, REFUSED, UPLOADING, Dataset
from hanami_plugins.uploads import Upload

MISSING = "Data-set with uuid '{}' not found"
RESULT = "result"
"""Format of datasets that were not uploaded."""

WAITING: StashKey[threading.Semaphore] = StashKey("datasets.waiting")
"""Requests that may wait for a table at the same time."""


class DecodingFailed(HanamiError):
    """A table could not be made for a reason that lies not in the files."""


def create(
    runtime: Runtime, access: Access, format_name: str, name: str, sizes: Mapping[str, int]
) -> tuple[Dataset, dict[str, Upload]]:
    """Add a dataset that waits for its files; `sizes` holds the bytes of each part."""
    actor = access.actor
    with atomic():
        dataset = Dataset.create(name=name, owner_id=actor.user_id, project_id=actor.project_id, format=format_name)
        files = {part: uploads.create_upload(runtime, actor, dataset.uuid, size, part) for part, size in sizes.items()}
    return dataset, files


def finalise(runtime: Runtime, access: Access, format_name: str, uuid: str, files: Mapping[str, str]) -> Dataset:
    """Have the uploaded files of a dataset turned into its table; `files` holds the uuid of each part's file.

    Returns when the dataset is ready, or is still being decoded after `datasets.wait`: its state says which, and
    `progress` then tells how far it is. Whoever calls again meanwhile waits for the same.

    Raises:
        NotFound: if the dataset or one of its files does not exist, or not any more.
        BadRequest: if a file is not complete or breaks a rule of the format; dataset and files stay as they are.
        DecodingFailed: if something failed that lies not in the files, which stay as they are.
    """
    dataset, found = _sources(access, format_name, uuid, files)
    if dataset.state != DECODING:
        for part, upload in found.items():
            _require_complete(runtime, part, upload)
    with atomic():
        # Meanwhile the dataset may have been deleted, or finalised by another request.
        dataset, found = _sources(access, format_name, uuid, files)
        task = dataset.decoding
        if dataset.state != DECODING:
            task = decode.enqueue(runtime, access.actor, dataset, found)
            uploads.touch(dataset.uuid)
    _wait(runtime, str(task))
    dataset = access.get(Dataset, uuid, MISSING.format(uuid))
    if dataset.state == REFUSED:
        raise BadRequest(dataset.error)
    if dataset.state == UPLOADING:
        raise DecodingFailed(dataset.error)
    return dataset


def _wait(runtime: Runtime, task: str) -> None:
    """Wait for a task, but not with all threads that answer requests."""
    waiting = runtime.stash[WAITING]
    if waiting.acquire(blocking=False):
        try:
            runtime.queue.wait(task, runtime.settings["datasets.wait"])
        finally:
            waiting.release()


def _sources(
    access: Access, format_name: str, uuid: str, files: Mapping[str, str]
) -> tuple[Dataset, dict[str, Upload]]:
    dataset = access.get(Dataset, uuid, MISSING.format(uuid))
    if dataset.format != format_name:
        raise BadRequest(f"Data-set with uuid '{uuid}' was created for files of format '{dataset.format}'")
    found = {}
    for part, file in files.items():
        upload = uploads.upload_for(dataset.uuid, part, file)
        if upload is None:
            raise NotFound(f"{part.capitalize()}-data with uuid '{file}' not found.")
        found[part] = upload
    return dataset, found


def _require_complete(runtime: Runtime, part: str, upload: Upload) -> None:
    missing = uploads.missing(runtime, upload)
    if missing:
        raise BadRequest(
            f"{part.capitalize()}-data with uuid '{upload.uuid}' is not complete: "
            f"{missing} of {upload.size} bytes are missing"
        )


def delete(runtime: Runtime, access: Access, uuid: str) -> None:
    """Delete a dataset, or give up its upload. Tasks that are to read it keep its table.

    Raises:
        NotFound: if the dataset does not exist, or not any more.
    """
    missing = MISSING.format(uuid)
    with atomic():
        dataset = access.get(Dataset, uuid, missing)
        if dataset.decoding is not None:
            # Before the dataset is written, because the task, when it ends, takes its queue first as well.
            runtime.queue.abort(decode.partition_of(dataset), [dataset.decoding])
        if not dataset.mark_deleted():
            raise NotFound(missing)
        uploads.discard(runtime, dataset.uuid)
        runtime.blobs.release(dataset.blob)


class UploadProgress(NamedTuple):
    """How far an upload is.

    `complete` tells whether all files have arrived, `received` of each how many bytes from its start on. `state` is
    that of the dataset, `percentage` how far a decoding is, `error` why the last one came to nothing.
    """

    complete: bool
    received: dict[str, int]
    state: str
    percentage: float
    error: str


def progress(runtime: Runtime, access: Access, uuid: str) -> UploadProgress:
    """Tell how far the upload of a dataset is.

    Raises:
        NotFound: if the dataset does not exist, or its upload was dropped.
    """
    # The dataset is read last: if it is finalised between the two queries, it is not taken for lost.
    files = uploads.uploads_of(uuid.lower())
    dataset = access.get(Dataset, uuid, MISSING.format(uuid))
    if not dataset.complete and not files:
        raise NotFound(f"The upload of data-set with uuid '{uuid}' was dropped")
    complete = dataset.complete or all(uploads.complete(runtime, file) for file in files)
    received = {file.uuid: uploads.leading(runtime, file) for file in files}
    return UploadProgress(complete, received, dataset.state, _percentage(dataset), dataset.error)


def _percentage(dataset: Dataset) -> float:
    task = Task.get_or_none(Task.uuid == dataset.decoding) if dataset.state == DECODING else None
    return 0.0 if task is None else 100.0 * task.current_cycle / max(1, task.total_cycles)


@contextlib.contextmanager
def open_table(runtime: Runtime, dataset: Dataset) -> Iterator[Table]:
    """Lend the table of a dataset, whose content was compared with its hash; it must not be used afterwards.

    Raises:
        Conflict: if its upload was not finalised, or is being decoded.
        CorruptFile: if the table is not what was stored.
    """
    if dataset.state == DECODING:
        raise Conflict(f"Data-set with uuid '{dataset.uuid}' is being decoded, try again when that has ended")
    if dataset.blob is None:
        raise Conflict(f"Data-set with uuid '{dataset.uuid}' is not complete, its upload was not finalised")
    with runtime.blobs.open(dataset.blob) as path:
        yield Table.open(path)


def count_by_state() -> dict[str, int]:
    """Return how many datasets there are, by state."""
    query = Dataset.select(Dataset.state, peewee.fn.COUNT(Dataset.uuid)).where(Dataset.status == ACTIVE)
    return dict(query.group_by(Dataset.state).tuples().iterator())


def description(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return the columns of a dataset as clients see them: half-open ranges of values in a row."""
    columns = json.loads(dataset.columns)
    return {name: {"column_start": start, "column_end": end} for name, (start, end) in columns.items()}


def seal_result(runtime: Runtime, staged: Path) -> decoding.DecodeResult:
    """Make a staged table (`Blobs.staging`) durable and return its shape, so that `add_result` is quick.

    Raises:
        CorruptFile: if the staged file is no table.
    """
    shape = decoding.shape_of(Table.open(staged))
    runtime.blobs.seal(staged)
    return shape


def add_result(
    runtime: Runtime,
    *,
    uuid: str,
    name: str,
    owner_id: str,
    project_id: str,
    staged: Path,
    shape: decoding.DecodeResult,
) -> Dataset:
    """Add a dataset of a staged table, in the caller's transaction; `shape` is what `seal_result` returned."""
    owned = {"uuid": uuid, "name": name, "owner_id": owner_id, "project_id": project_id}
    dataset = Dataset.create(**owned, format=RESULT, **decode.described(runtime.blobs.adopt(staged), shape))
    decode.tell_ready(runtime, dataset)
    return dataset
