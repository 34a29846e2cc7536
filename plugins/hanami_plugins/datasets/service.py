"""What can be done with datasets, for routes of any Api and for other plugins. Knows no HTTP.

Rows are found through the `Access` of whoever asks; only `add_result`, `describe` and `open_table` ask nobody, for
plugins that decide themselves.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import peewee

from hanami_core import decoding
from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.datasets import Table
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.ids import new_uuid
from hanami_core.labels import set_labels as label
from hanami_core.places import Places
from hanami_core.queue import Task
from hanami_core.runtime import Runtime
from hanami_core.sharing import Visibility
from hanami_core.sharing import set_visibility as share
from hanami_core.stash import StashKey
from hanami_core.storage.database import ACTIVE, atomic, exclusive
from hanami_plugins import uploads
from hanami_plugins.datasets import comparison, decode, tables
from hanami_plugins.datasets.comparison import Comparison, Pair, pair
from hanami_plugins.datasets.models import DECODING, Dataset
from hanami_plugins.uploads import Upload

__all__ = [
    "RESULT",
    "DatasetUploadProgress",
    "Description",
    "add_result",
    "check",
    "compare",
    "content",
    "create_dataset",
    "delete_dataset",
    "describe",
    "finalise_result",
    "get_dataset",
    "list_datasets",
    "open_table",
    "remove",
    "results",
    "set_labels",
    "set_visibility",
    "upload_progress",
]

MISSING = "dataset_missing"
RESULT = "result"
"""Format of datasets that were not uploaded."""

LARGEST_MATRIX = 1_000_000
"""Entries of a confusion matrix, that of 1000 classes."""
LARGE_ANSWERS: StashKey[Places] = StashKey("datasets.large_answers")
"""Requests for so many values that only a few may be answered at the same time."""

log = logging.getLogger("hanami.datasets")


# -- from files to a table ---------------------------------------------------------------------------------------------


def create_dataset(
    runtime: Runtime,
    access: Access,
    format_name: str,
    name: str,
    sizes: Mapping[str, int],
    *,
    unique: bool = False,
    lease: int | None = None,
) -> tuple[Dataset, dict[str, Upload]]:
    """Add a dataset that waits for its files.

    The actor sends them over a websocket, or through `uploads.open_upload`, and then calls
    `arrivals.finalise_dataset`.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        format_name: kind of the files.
        name: what the actor calls the dataset.
        sizes: bytes of the file of each part.
        unique: refuse a name that a dataset has which the actor may change; of two that ask at once one is refused.
        lease: seconds after which it goes if it is not used and not renewed, see `hanami_core.leases`; None for ever.

    Returns:
        The dataset, and the upload of each part.

    Raises:
        BadRequest: if no plugin reads such files, they have other parts, or one is bigger than the operator allows.
        Conflict: if the name has to be unique and is taken, or the actor has too many uploads already.
        VisibleError: if a plugin says that the actor has too many datasets, or too much on the disk.
    """
    _check_parts(runtime, format_name, sizes)
    limit = runtime.settings["datasets.max_upload"]
    for part, size in sizes.items():
        if size > limit:
            raise BadRequest("field_too_big", field=f"{part}_data_size", limit=limit)
    actor = access.actor
    uuid = new_uuid()
    with exclusive("datasets.names") if unique else atomic():
        if unique and access.visible(Dataset, "write").where(Dataset.name == name).exists():
            raise Conflict("dataset_exists", name=name)
        files = {part: uploads.create_upload(runtime, actor, uuid, size, part) for part, size in sizes.items()}
        runtime.admit(Claim.of(actor, Dataset.resource))
        owned = {"name": name, "owner_id": actor.user_id, "project_id": actor.project_id}
        dataset = Dataset.create(uuid=uuid, format=format_name, lease=lease, **owned)
    return dataset, files


def _check_parts(runtime: Runtime, format_name: str, parts: Iterable[str]) -> None:
    known = runtime.formats.get(format_name)
    if known is None:
        raise BadRequest("format_unknown", format=format_name, known=", ".join(runtime.formats))
    if set(parts) != set(known.parts):
        raise BadRequest("format_parts", format=format_name, parts=", ".join(known.parts))


# -- datasets ----------------------------------------------------------------------------------------------------------


def get_dataset(access: Access, uuid: str) -> Dataset:
    """Return a dataset.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    return access.get(Dataset, uuid, MISSING, "read")


def list_datasets(access: Access) -> peewee.ModelSelect[Dataset]:
    """Select the datasets that the actor may see, oldest first; also those that wait for their files."""
    return access.visible(Dataset, "read")


def results(access: Access) -> peewee.ModelSelect[Dataset]:
    """Select the datasets that requests have written, as far as the actor may see them, oldest first."""
    return list_datasets(access).where(Dataset.format == RESULT)


def set_labels(
    access: Access,
    uuid: str,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
) -> Dataset:
    """Change the name of a dataset, what it is about, or all of its tags; what is None stays as it is.

    Raises:
        NotFound: if there is none that the actor may change.
        BadRequest: if nothing is to be changed, or a tag or the text breaks a rule.
    """
    return label(access, Dataset, uuid, MISSING, name=name, about=about, tags=tags)


def set_visibility(access: Access, uuid: str, visibility: Visibility) -> Dataset:
    """Say who may read a dataset besides its owner.

    Raises:
        NotFound: if there is none that the actor may change.
    """
    return share(access, Dataset, uuid, visibility, MISSING)


def delete_dataset(runtime: Runtime, access: Access, uuid: str) -> None:
    """Delete a dataset, or give up its upload. Tasks that are to read it keep its table.

    Raises:
        NotFound: if there is none that the actor may delete, or not any more.
    """
    with atomic():
        dataset = access.get(Dataset, uuid, MISSING, "write")
        if dataset.decoding is not None:
            # Before the dataset is written, because the task, when it ends, takes its queue first as well.
            runtime.queue.abort(decode.partition_of(dataset), [dataset.decoding])
        remove(runtime, dataset)


def remove(runtime: Runtime, dataset: Dataset) -> None:
    """Delete a dataset, in the caller's transaction, or raise NotFound."""
    if not dataset.mark_deleted():
        raise NotFound(MISSING, uuid=dataset.uuid)
    uploads.discard(runtime, dataset.uuid)
    runtime.blobs.decref(dataset.blob)


class DatasetUploadProgress(NamedTuple):
    """How far an upload is.

    `complete` tells whether all files have arrived, `received` of each how many bytes from its start on. `state` is
    that of the dataset, `percentage` how far a decoding is, `error` why the last one came to nothing.
    """

    complete: bool
    received: dict[str, int]
    state: str
    percentage: float
    error: str


def upload_progress(runtime: Runtime, access: Access, uuid: str) -> DatasetUploadProgress:
    """Tell how far the upload of a dataset is.

    Raises:
        NotFound: if the dataset does not exist, or its upload was dropped.
    """
    # The dataset is read last: if it is finalised between the two queries, it is not taken for lost.
    files = uploads.progress(runtime, uuid.lower())
    dataset = get_dataset(access, uuid)
    if dataset.complete:  # its files may have gone since they were listed
        return DatasetUploadProgress(True, {}, dataset.state, 0.0, dataset.error)
    if not files:
        raise NotFound("upload_dropped", uuid=uuid)
    complete, received = not any(file.missing for file in files), {file.uuid: file.leading for file in files}
    return DatasetUploadProgress(complete, received, dataset.state, _percentage(dataset), dataset.error)


def _percentage(dataset: Dataset) -> float:
    task = Task.get_or_none(Task.uuid == dataset.decoding) if dataset.state == DECODING else None
    return 0.0 if task is None else 100.0 * task.fraction


# -- tables ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_table(runtime: Runtime, dataset: Dataset) -> Iterator[Table]:
    """Lend the table of a dataset, whose content was compared with its hash; it must not be used afterwards.

    Raises:
        Conflict: if its upload was not finalised, or is being decoded.
        CorruptFile: if the table is not what was stored.
    """
    if dataset.state == DECODING:
        raise Conflict("dataset_decoding", uuid=dataset.uuid)
    if dataset.blob is None:
        raise Conflict("dataset_incomplete", uuid=dataset.uuid)
    with runtime.blobs.open(dataset.blob) as path:
        yield Table.open(path)


class Description(NamedTuple):
    """Shape of a dataset's table, without columns and rows as long as there is none.

    `columns` maps names to half-open ranges of values in a row, `width` is the number of these values.
    """

    rows: int
    width: int
    dtype: str
    columns: Mapping[str, tuple[int, int]]


def describe(dataset: Dataset) -> Description:
    """Return the shape of a dataset's table without opening it."""
    columns = {name: (start, end) for name, (start, end) in json.loads(dataset.columns).items()}
    width = max((end for _, end in columns.values()), default=0)
    return Description(dataset.rows, width, dataset.dtype, columns)


def content(
    runtime: Runtime, access: Access, uuid: str, column: str, *, offset: int = 0, count: int = 1
) -> list[list[float]]:
    """Return `count` rows of one column from row `offset` on, see `excerpt`."""
    values: list[list[float]] = excerpt(runtime, access, uuid, column, offset, count).tolist()
    return values


def excerpt(
    runtime: Runtime, access: Access, uuid: str, column: str, offset: int, count: int
) -> npt.NDArray[np.float32]:
    """Return `count` rows of one column from row `offset` on, as an array.

    Raises:
        NotFound: if there is no such dataset that the actor may see, or it has no such column.
        Conflict: if the dataset has no table yet.
        BadRequest: if the table has fewer rows, or they are too many values for one answer.
    """
    with open_table(runtime, get_dataset(access, uuid)) as table:
        if column not in table.columns:
            raise NotFound("column_missing", column=column, uuid=uuid)
        return tables.excerpt(table, column, offset, count, runtime.settings["datasets.max_values"])


def check(runtime: Runtime, access: Access, uuid: str, reference: str, *, equal_rows: bool = False) -> float:
    """Return for how many rows a result and the dataset with the right answers agree, in percent.

    Rows that only one of them has are left out, which the log tells, or refused if `equal_rows` is wanted.

    Raises:
        NotFound: if there is no such dataset that the actor may see.
        Conflict: if one has no table yet.
        BadRequest: if they have no columns that can be compared, or should have as many rows as each other.
    """
    with _compared(runtime, access, uuid, reference, equal_rows) as (left, right):
        return tables.accuracy(left, right)


def compare(
    runtime: Runtime,
    access: Access,
    uuid: str,
    reference: str,
    *,
    column: str = "",
    reference_column: str = "",
    equal_rows: bool = False,
) -> tuple[Pair, Comparison]:
    """Return which columns of a result and of the dataset with the right answers were compared, and what came out.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        uuid: the result.
        reference: the dataset with the right answers.
        column: column of the result; if empty, see `comparison.pair`.
        reference_column: the same of the reference.
        equal_rows: as for `check`.

    Raises:
        NotFound: if there is no such dataset that the actor may see, or no such column.
        Conflict: if one has no table yet.
        BadRequest: as for `check`.
    """
    with _compared(runtime, access, uuid, reference, equal_rows) as (left, right):
        columns = pair(left, right, column, reference_column)
        most = min(LARGEST_MATRIX, runtime.settings["datasets.max_values"])
        with runtime.stash[LARGE_ANSWERS].taken(access.actor.user_id):
            return columns, comparison.compare(left, right, columns, most)


@contextlib.contextmanager
def _compared(
    runtime: Runtime, access: Access, uuid: str, reference: str, equal_rows: bool
) -> Iterator[tuple[Table, Table]]:
    given, expected = (access.get(Dataset, one, "compared_dataset_missing", "read") for one in (uuid, reference))
    with open_table(runtime, given) as left, open_table(runtime, expected) as right:
        counts = {"rows": len(left.values), "expected": len(right.values)}
        if counts["rows"] != counts["expected"]:
            if equal_rows:
                raise BadRequest("compared_rows_unequal", **counts)
            log.warning("a check leaves out rows", extra={"dataset": given.uuid, "reference": expected.uuid, **counts})
        yield left, right


def count_by_state() -> dict[str, int]:
    """Return how many datasets there are, by state."""
    query = Dataset.select(Dataset.state, peewee.fn.COUNT(Dataset.uuid)).where(Dataset.status == ACTIVE)
    return dict(query.group_by(Dataset.state).tuples().iterator())


def finalise_result(runtime: Runtime, staged: Path) -> decoding.DecodeResult:
    """Make a staged table (`Blobs.staging`) durable and return its shape, so that `add_result` is quick.

    Raises:
        CorruptFile: if the staged file is not a table.
    """
    shape = decoding.shape_of(Table.open(staged))
    runtime.blobs.finalise(staged)
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
    """Add a dataset of a staged table, in the caller's transaction; `shape` is what `finalise_result` returned.

    Raises:
        VisibleError: if a plugin says that the owner has too many datasets, or too much on the disk.
    """
    owned = {"uuid": uuid, "name": name, "owner_id": owner_id, "project_id": project_id}
    runtime.admit(Claim(owner_id, project_id, Dataset.resource))
    runtime.admit(Claim(owner_id, project_id, DISK, runtime.blobs.size_of(staged)))
    dataset = Dataset.create(**owned, format=RESULT, **decode.described(runtime.blobs.link(staged), shape))
    decode.tell_ready(runtime, dataset)
    return dataset
