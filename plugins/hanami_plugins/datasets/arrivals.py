"""From the files of a dataset to its table: whoever has brought them has them decoded, and waits. Knows no HTTP."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from hanami_core.access import Access
from hanami_core.errors import BadRequest, HanamiError, InvalidFile, NotFound
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import atomic
from hanami_plugins import uploads
from hanami_plugins.datasets import decode
from hanami_plugins.datasets.models import DECODING, REFUSED, UPLOADING, Dataset
from hanami_plugins.datasets.service import MISSING
from hanami_plugins.uploads import Upload

__all__ = ["WAITING", "DecodingFailed", "finalise_dataset", "queue_decoding", "wait_for_table", "wait_for_task"]

WAITING: StashKey[threading.Semaphore] = StashKey("datasets.waiting")
"""Requests that may wait for a table at the same time."""


class DecodingFailed(HanamiError):
    """A table could not be made for a reason that lies not in the files."""


def finalise_dataset(
    runtime: Runtime, access: Access, format_name: str, uuid: str, files: Mapping[str, str]
) -> Dataset:
    """Have the uploaded files of a dataset turned into its table; `files` holds the uuid of each part's file.

    Returns when the dataset is ready, or is still being decoded after `datasets.wait`: its state says which, and
    `upload_progress` then tells how far it is. Whoever calls again meanwhile waits for the same.

    Raises:
        NotFound: if the dataset or one of its files does not exist, or not any more.
        BadRequest: if a file is not complete; dataset and files stay as they are.
        InvalidFile: if a file breaks a rule of the format; the same holds.
        DecodingFailed: if something failed that lies not in the files, which stay as they are.
    """
    dataset, found = _sources(access, format_name, uuid, files)
    if dataset.state != DECODING:
        for part, upload in found.items():
            _require_complete(runtime, part, upload)
    with atomic():
        # Meanwhile the dataset may have been deleted, or finalised by another request.
        dataset, found = _sources(access, format_name, uuid, files)
        if dataset.state != DECODING:
            queue_decoding(runtime, access, dataset, found)
    return wait_for_table(runtime, access, uuid)


def queue_decoding(runtime: Runtime, access: Access, dataset: Dataset, files: Mapping[str, Upload]) -> None:
    """Queue the decoding of a dataset, in the caller's transaction.

    Its files must be complete when that begins: tasks that bring them are queued before, in `partition_of` the dataset.
    If one of them fails, it aborts the decoding.

    Raises:
        Conflict: if somebody else has just done so.
        VisibleError: if a plugin says that the actor has too many open tasks.
    """
    dataset.decoding = decode.enqueue(runtime, access, dataset, files)
    uploads.touch(dataset.uuid)


def wait_for_table(runtime: Runtime, access: Access, uuid: str) -> Dataset:
    """Return a dataset when its decoding has ended, or after `datasets.wait` seconds.

    Raises:
        NotFound: if the dataset does not exist any more.
        InvalidFile: if a file breaks a rule of the format.
        DecodingFailed: if something failed that lies not in the files.
    """
    dataset = access.get(Dataset, uuid, MISSING, "write")
    wait_for_task(runtime, str(dataset.decoding))
    dataset = access.get(Dataset, uuid, MISSING, "write")
    if dataset.state == REFUSED:
        raise InvalidFile(dataset.error)
    if dataset.state == UPLOADING:
        raise DecodingFailed(dataset.error)
    return dataset


def wait_for_task(runtime: Runtime, task: str) -> None:
    """Wait for a task at most `datasets.wait` seconds, but not with all threads that answer requests."""
    waiting = runtime.stash[WAITING]
    if waiting.acquire(blocking=False):
        try:
            runtime.queue.wait(task, runtime.settings["datasets.wait"])
        finally:
            waiting.release()


def _sources(
    access: Access, format_name: str, uuid: str, files: Mapping[str, str]
) -> tuple[Dataset, dict[str, Upload]]:
    dataset = access.get(Dataset, uuid, MISSING, "write")
    if dataset.format != format_name:
        raise BadRequest("dataset_of_other_format", uuid=uuid, format=dataset.format)
    found = {}
    for part, file in files.items():
        upload = uploads.upload_for(dataset.uuid, part, file)
        if upload is None:
            raise NotFound("file_missing", part=part.capitalize(), uuid=file)
        found[part] = upload
    return dataset, found


def _require_complete(runtime: Runtime, part: str, upload: Upload) -> None:
    missing = uploads.missing(runtime, upload)
    if missing:
        named = {"part": part.capitalize(), "uuid": upload.uuid}
        raise BadRequest("file_incomplete", **named, missing=missing, size=upload.size)
