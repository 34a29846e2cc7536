"""What can be done with datasets, apart from HTTP."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from hanami_core import decoding
from hanami_core.access import Access
from hanami_core.datasets import Table
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import atomic
from hanami_plugins import uploads
from hanami_plugins.datasets.models import Dataset
from hanami_plugins.uploads import Upload

MISSING = "Data-set with uuid '{}' not found"
RESULT = "result"
"""Format of datasets that were not uploaded."""
WAIT_SECONDS = 30.0
"""How long a finished upload waits for its turn to be decoded."""

DECODERS: StashKey[threading.Semaphore] = StashKey("datasets.decoders")


def create(
    runtime: Runtime, access: Access, format_name: str, name: str, sizes: Mapping[str, int]
) -> tuple[Dataset, dict[str, Upload]]:
    """Add a dataset that waits for its files; `sizes` holds the bytes of each part."""
    uploads.discard_idle(runtime)
    actor = access.actor
    with atomic():
        dataset = Dataset.create(name=name, owner_id=actor.user_id, project_id=actor.project_id, format=format_name)
        files = {part: uploads.create_upload(runtime, actor, dataset.uuid, size, part) for part, size in sizes.items()}
    return dataset, files


def finalise(runtime: Runtime, access: Access, format_name: str, uuid: str, files: Mapping[str, str]) -> None:
    """Turn the uploaded files of a dataset into its table; `files` holds the uuid of each part's file.

    Raises:
        NotFound: if the dataset or one of its files does not exist.
        BadRequest: if a file is not complete or breaks a rule of the format; dataset and files stay as they are.
        Conflict: if too many others are being decoded.
    """
    _, found = _sources(access, format_name, uuid, files)
    paths = {part: _complete(runtime, part, upload) for part, upload in found.items()}
    with runtime.blobs.staging() as staged:
        with _turn(runtime):
            shape = decoding.decode(_module(runtime, format_name), format_name, paths, staged, _limits(runtime))
        runtime.blobs.seal(staged)
        with atomic():
            # Meanwhile the dataset may have been deleted, or finalised by another request.
            dataset, _ = _sources(access, format_name, uuid, files)
            _fill(dataset, runtime.blobs.adopt(staged), shape)
            dataset.save(only=["blob", "rows", "columns", "dtype"])
            uploads.discard(runtime, dataset.uuid)


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


def _complete(runtime: Runtime, part: str, upload: Upload) -> Path:
    missing = uploads.missing(runtime, upload)
    if missing:
        raise BadRequest(
            f"{part.capitalize()}-data with uuid '{upload.uuid}' is not complete: "
            f"{missing} of {upload.size} bytes are missing"
        )
    return uploads.path(runtime, upload)


@contextlib.contextmanager
def _turn(runtime: Runtime) -> Iterator[None]:
    decoders = runtime.stash[DECODERS]
    if not decoders.acquire(timeout=WAIT_SECONDS):
        raise Conflict("The server is busy with the files of other data-sets, try again later")
    try:
        yield
    finally:
        decoders.release()


def _module(runtime: Runtime, format_name: str) -> str:
    return runtime.formats.owner(format_name).module_name


def _limits(runtime: Runtime) -> decoding.Limits:
    settings = runtime.settings
    return decoding.Limits(
        settings["datasets.decode_memory"], settings["datasets.decode_time"], settings["datasets.max_table"]
    )


def _fill(dataset: Dataset, blob: str, shape: decoding.DecodeResult) -> None:
    dataset.blob, dataset.rows, dataset.dtype = blob, shape.rows, shape.dtype
    dataset.columns = json.dumps(shape.columns)


def delete(runtime: Runtime, access: Access, uuid: str) -> None:
    """Delete a dataset, or give up its upload. Tasks that are to read it keep its table.

    Raises:
        NotFound: if the dataset does not exist, or not any more.
    """
    missing = MISSING.format(uuid)
    with atomic():
        dataset = access.get(Dataset, uuid, missing)
        if not dataset.mark_deleted():
            raise NotFound(missing)
        uploads.discard(runtime, dataset.uuid)
        runtime.blobs.release(dataset.blob)


def received(runtime: Runtime, access: Access, uuid: str) -> tuple[bool, dict[str, int]]:
    """Tell whether all files of a dataset have arrived, and of each how many bytes from its start on.

    Raises:
        NotFound: if the dataset does not exist, or its upload was dropped.
    """
    # The dataset is read last: if it is finalised between the two queries, it is not taken for lost.
    files = uploads.uploads_of(uuid.lower())
    dataset = access.get(Dataset, uuid, MISSING.format(uuid))
    if not dataset.complete and not files:
        raise NotFound(f"The upload of data-set with uuid '{uuid}' was dropped")
    complete = dataset.complete or all(uploads.complete(runtime, file) for file in files)
    return complete, {file.uuid: uploads.leading(runtime, file) for file in files}


@contextlib.contextmanager
def open_table(runtime: Runtime, dataset: Dataset) -> Iterator[Table]:
    """Lend the table of a dataset, whose content was compared with its hash; it must not be used afterwards.

    Raises:
        Conflict: if its upload was not finalised.
        CorruptFile: if the table is not what was stored.
    """
    if dataset.blob is None:
        raise Conflict(f"Data-set with uuid '{dataset.uuid}' is not complete, its upload was not finalised")
    with runtime.blobs.open(dataset.blob) as path:
        yield Table.open(path)


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
    dataset = Dataset(uuid=uuid, name=name, owner_id=owner_id, project_id=project_id, format=RESULT)
    _fill(dataset, runtime.blobs.adopt(staged), shape)
    dataset.save(force_insert=True)
    return dataset
