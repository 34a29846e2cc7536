"""Datasets and their uploads, as v0.4 shows them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import Conflict, InvalidFile
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing, rows_like
from hanami_core.ids import EXAMPLE_UUID, Name, Uuid
from hanami_plugins import datasets
from hanami_plugins.api_control_v1.api import route
from hanami_plugins.api_control_v1.shapes import OWNED_HEADER, ControlByUuid, OnlyUuid, Owned, owned
from hanami_plugins.datasets import DECODING, REFUSED, RESULT, Dataset

PARTS = {"mnist": ("input", "label"), "csv": ("input",)}
"""Files of the formats that this generation knows."""
LARGEST_FILE = 10_000_000_000
INPUTS, OUTPUTS = "picture", "label"
"""Columns of a MNIST dataset."""

FileSize = Annotated[int, Meta(description="Size of the file in bytes.", ge=1, le=LARGEST_FILE, examples=[9_912_422])]
File = Annotated[Uuid, Meta(description="UUID of the file, for its websocket.")]
State = Annotated[str | msgspec.UnsetType, Meta(examples=[DECODING])]
Count = Annotated[int, Meta(examples=[5000])]


class AnnounceMnist(msgspec.Struct, forbid_unknown_fields=True):
    """A new dataset of pictures.

    Attributes:
        name: name of the dataset.
    """

    name: Name
    input_data_size: FileSize
    label_data_size: FileSize


class AnnounceCsv(msgspec.Struct, forbid_unknown_fields=True):
    """A new table.

    Attributes:
        name: name of the dataset.
    """

    name: Name
    input_data_size: FileSize


class Announced(Owned):
    """A dataset that waits for its files.

    Attributes:
        type: format of the files.
        uuid_label_file: UUID of the file with the labels, for its websocket; only of pictures.
    """

    type: Annotated[str, Meta(examples=["mnist"])]
    uuid_input_file: File
    uuid_label_file: File | msgspec.UnsetType = msgspec.UNSET


class FinishMnist(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset whose files have been sent.

    Attributes:
        uuid: UUID of the dataset.
    """

    uuid: Uuid
    uuid_input_file: File
    uuid_label_file: File


class FinishCsv(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset whose file has been sent.

    Attributes:
        uuid: UUID of the dataset.
    """

    uuid: Uuid
    uuid_input_file: File


class ControlDatasetAnswer(Owned):
    """A dataset.

    Attributes:
        inputs: number of values of a picture; 0 for tables.
        lines: number of rows.
        location: always empty.
        outputs: number of classes of pictures; 0 for tables.
        type: format of the files that it was made of.
    """

    inputs: Annotated[int, Meta(examples=[784])]
    lines: Count
    location: Annotated[str, Meta(examples=[""])]
    outputs: Annotated[int, Meta(examples=[10])]
    type: Annotated[str, Meta(examples=["mnist"])]


class ControlFinished(OnlyUuid):
    """A dataset whose upload is finalised.

    Attributes:
        uuid: UUID of the dataset.
        state: ``decoding`` while its files are being decoded; missing once they are.
    """

    state: State = msgspec.UNSET


class ControlProgress(msgspec.Struct):
    """The progress of an upload; a decoding that failed is an error, which tells why.

    Attributes:
        complete: whether all files have arrived, and once the upload is finalised, whether the dataset can be used.
        received: bytes that have arrived of each file, by the UUID of the file, counted from its start.
        uuid: UUID of the dataset.
        state: ``decoding`` while the files are being decoded; missing otherwise.
        percentage: progress of the decoding, from 0 to 100; missing otherwise.
    """

    complete: bool
    received: Annotated[dict[str, int], Meta(examples=[{EXAMPLE_UUID: 4_194_304}])]
    uuid: Uuid
    state: State = msgspec.UNSET
    percentage: Annotated[float | msgspec.UnsetType, Meta(examples=[42.5])] = msgspec.UNSET


DatasetRow = rows_like(
    Listing,
    uuid=EXAMPLE_UUID,
    project_id="flower_shop",
    owner_id="katherine",
    visibility="private",
    name="digits",
    type="mnist",
)


def routes() -> list[Route]:
    """Return the routes."""
    return [
        route("POST", "/mnist/dataset", "datasets.create", AnnounceMnist, Announced, announce_mnist, keyed=True),
        route("PUT", "/mnist/dataset", "datasets.finalise", FinishMnist, ControlFinished, finish_mnist),
        route("POST", "/csv/dataset", "datasets.create", AnnounceCsv, Announced, announce_csv, keyed=True),
        route("PUT", "/csv/dataset", "datasets.finalise", FinishCsv, ControlFinished, finish_csv),
        route("GET", "/dataset", "datasets.get", ControlByUuid, ControlDatasetAnswer, get),
        route("DELETE", "/dataset", "datasets.delete", ControlByUuid, Empty, delete),
        route("GET", "/dataset/all", "datasets.list", Paging, DatasetRow, list_all),
        route("GET", "/dataset/progress", "datasets.progress", ControlByUuid, ControlProgress, progress),
    ]


def announce_mnist(call: Call, request: AnnounceMnist) -> dict[str, object]:
    """Announce pictures and labels, which are then sent over websockets."""
    return _announce(call, "mnist", request)


def announce_csv(call: Call, request: AnnounceCsv) -> dict[str, object]:
    """Announce a table, which is then sent over a websocket."""
    return _announce(call, "csv", request)


def _announce(call: Call, kind: str, request: AnnounceMnist | AnnounceCsv) -> dict[str, object]:
    sizes = {part: getattr(request, f"{part}_data_size") for part in PARTS[kind]}
    dataset, files = datasets.create_dataset(call.runtime, call.access, kind, request.name, sizes)
    return owned(dataset) | {"type": kind} | {f"uuid_{part}_file": files[part].uuid for part in PARTS[kind]}


def finish_mnist(call: Call, request: FinishMnist) -> ControlFinished:
    """Turn uploaded pictures and labels into a dataset."""
    return _finish(call, "mnist", request)


def finish_csv(call: Call, request: FinishCsv) -> ControlFinished:
    """Turn an uploaded table into a dataset."""
    return _finish(call, "csv", request)


def _finish(call: Call, kind: str, request: FinishMnist | FinishCsv) -> ControlFinished:
    files = {part: getattr(request, f"uuid_{part}_file") for part in PARTS[kind]}
    dataset = datasets.finalise_dataset(call.runtime, call.access, kind, request.uuid, files)
    return ControlFinished(dataset.uuid, dataset.state if dataset.state == DECODING else msgspec.UNSET)


def get(call: Call, request: ControlByUuid) -> dict[str, object]:
    """Return a dataset; only of pictures the numbers of inputs and outputs are known."""
    dataset = datasets.get_dataset(call.access, request.uuid)
    shape = datasets.describe(dataset)
    inputs, outputs = (_width(shape.columns.get(name, (0, 0))) for name in (INPUTS, OUTPUTS))
    known = dataset.format == "mnist"
    return owned(dataset) | {
        "inputs": inputs if known else 0,
        "lines": shape.rows,
        "location": "",
        "outputs": outputs if known else 0,
        "type": dataset.format,
    }


def _width(column: tuple[int, int]) -> int:
    return column[1] - column[0]


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible datasets; results of requests are a list of their own."""

    def row(dataset: Dataset) -> list[object]:
        return [*(getattr(dataset, name) for name in OWNED_HEADER), dataset.format]

    query = datasets.list_datasets(call.access).where(Dataset.format != RESULT)
    return listing((*OWNED_HEADER, "type"), query, request, row)


def delete(call: Call, request: ControlByUuid) -> Empty:
    """Delete a dataset."""
    datasets.delete_dataset(call.runtime, call.access, request.uuid)
    return Empty()


def progress(call: Call, request: ControlByUuid) -> ControlProgress:
    """Tell whether all files have arrived, or after that whether the dataset can be used, and why it cannot be."""
    found = datasets.upload_progress(call.runtime, call.access, request.uuid)
    uuid = request.uuid.lower()
    if found.state == REFUSED:
        raise InvalidFile(found.error)
    if found.error:
        raise Conflict("decoding_failed", uuid=uuid, reason=found.error)
    # Released clients ask until all has arrived, then finalise the upload; who asks later wants to use the dataset.
    if found.state == DECODING:
        return ControlProgress(False, found.received, uuid, DECODING, found.percentage)
    return ControlProgress(found.complete, found.received, uuid)
