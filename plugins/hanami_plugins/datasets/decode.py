"""The task that makes a table of uploaded files.

It runs in a worker process, which starts a process of its own for the format (`hanami_core.decoding`). Knows neither
HTTP nor who may finalise an upload.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from hanami_core import decoding
from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.errors import ClientError, Conflict, LeaseLost, TaskError
from hanami_core.events import DatasetReady
from hanami_core.queue import ABORTED, FAILED, Job, Task, TaskKind
from hanami_core.runtime import Runtime
from hanami_plugins import uploads
from hanami_plugins.datasets.models import DECODING, READY, REFUSED, UPLOADING, Dataset
from hanami_plugins.uploads import Upload

RETRIES = 2
"""How often decoding is tried again after it failed for a reason that lies not in the files, such as a full disk."""


class Decode(msgspec.Struct, forbid_unknown_fields=True):
    """Payload: the dataset, and the uuid of the file of each part."""

    dataset: str
    files: dict[str, str]


def partition_of(dataset: Dataset) -> str:
    """Return the queue of a dataset: that of its owner, so that those who upload take turns."""
    return f"datasets:{dataset.owner_id}"


def enqueue(runtime: Runtime, access: Access, dataset: Dataset, files: Mapping[str, Upload]) -> str:
    """Queue the decoding of a dataset whose files are complete, in the caller's transaction, and return the task.

    Raises:
        Conflict: if somebody else has just done so.
    """
    payload = Decode(dataset.uuid, {part: upload.uuid for part, upload in files.items()})
    size = sum(upload.size for upload in files.values())
    task = runtime.queue.enqueue(
        "decode", partition_of(dataset), access.actor, dataset.name, payload, size, action=access.action
    )
    waits = (Dataset.uuid == dataset.uuid) & Dataset.state.in_((UPLOADING, REFUSED))
    if not Dataset.update(state=DECODING, error="", decoding=task.uuid).where(waits).execute():
        raise Conflict("dataset_finalised_elsewhere", uuid=dataset.uuid)
    return str(task.uuid)


def run(job: Job) -> None:
    """Decode the files of a dataset."""
    runtime, work = job.runtime, job.payload(Decode)
    dataset = Dataset.get(Dataset.uuid == work.dataset)
    paths = {part: uploads.path(runtime, Upload.get(Upload.uuid == file)) for part, file in work.files.items()}
    if dataset.format not in runtime.formats:
        raise TaskError(f"no installed plugin reads files of format '{dataset.format}'")
    module = runtime.formats.owner(dataset.format).module_name
    with runtime.blobs.staging(job.task.uuid) as staged:
        try:
            shape = decoding.decode(module, dataset.format, paths, staged, _limits(runtime), job.step)
        except decoding.Stopped:
            return
        runtime.blobs.finalise(staged)
        with job.commit(job.task.total_cycles, final=True):
            # The table takes the place of the files.
            uploads.discard(runtime, dataset.uuid)
            claim = Claim(dataset.owner_id, dataset.project_id, DISK, runtime.blobs.size_of(staged))
            runtime.admit(claim)
            _become_ready(job, dataset, runtime.blobs.link(staged), shape)


def _become_ready(job: Job, dataset: Dataset, blob: str, shape: decoding.DecodeResult) -> None:
    waits = (Dataset.uuid == dataset.uuid) & (Dataset.decoding == job.task.uuid) & (Dataset.state == DECODING)
    if not Dataset.update(**described(blob, shape)).where(waits).execute():
        raise LeaseLost(f"dataset {dataset.uuid} does not wait for its table any more")
    tell_ready(job.runtime, dataset)


def tell_ready(runtime: Runtime, dataset: Dataset) -> None:
    """Tell everybody of a dataset that has its table, after the caller's transaction."""
    owned = {"uuid": dataset.uuid, "owner_id": dataset.owner_id, "project_id": dataset.project_id}
    runtime.emit(DatasetReady(actor=None, **owned))


def described(blob: str, shape: decoding.DecodeResult) -> dict[str, object]:
    """Return the columns of a row that tell of its table."""
    columns = json.dumps(shape.columns)
    return {"state": READY, "blob": blob, "rows": shape.rows, "dtype": shape.dtype, "columns": columns}


def ended(runtime: Runtime, task: Task) -> None:
    """Note in the dataset that it gets no table: its files were refused, or may be finalised again as they are."""
    if task.state in (FAILED, ABORTED):
        refused = isinstance(task.cause, ClientError)
        waits = (Dataset.decoding == task.uuid) & (Dataset.state == DECODING)
        Dataset.update(state=REFUSED if refused else UPLOADING, error=task.error).where(waits).execute()


def _limits(runtime: Runtime) -> decoding.Limits:
    settings = runtime.settings
    # A table that would fill the disk is stopped like one that is too big.
    size = max(1, min(settings["datasets.max_table"], runtime.reserve.available()))
    return decoding.Limits(settings["datasets.decode_memory"], settings["datasets.decode_time"], size)


KIND = TaskKind("decode", run, runs_on="worker", retries=RETRIES, ended=ended)
