"""Native routes of datasets. The routes of uploads are made for each format that is installed."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.datasets import DatasetFormat
from hanami_core.errors import BadRequest, PluginError
from hanami_core.http import Call, Empty, Listing, Route, Stream
from hanami_core.http.labels import WantedRows, detailed, labels_of, labels_route
from hanami_core.http.leases import Lease, LeasedLabels, lease_of, lease_route
from hanami_core.http.sharing import OwnedAnswer, owned_answer, visibility_route
from hanami_core.ids import Name, Uuid
from hanami_core.plugin_host import Contribution, location
from hanami_core.runtime import Runtime
from hanami_plugins.datasets import downloads, service, tables
from hanami_plugins.datasets.leases import renew_lease
from hanami_plugins.datasets.models import DECODING, REFUSED, Dataset
from hanami_plugins.datasets.service import LARGE_ANSWERS, MISSING

PREFIX = "/dataset"
VERSION = "v1.0alpha"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")
MAX_EXCERPT = 10_000
SMALL_ANSWER = 20_000
"""Values of an answer that is made at once, however many others are."""
_WORD = re.compile(r"[a-z][a-z0-9_]*")


class ByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset by its uuid."""

    uuid: Uuid


ColumnName = Annotated[str, Meta(max_length=254)]


class WantedDataset(ByUuid, forbid_unknown_fields=True):
    """A dataset; with `details` also its tags, what it is about, and its lease."""

    details: bool = False


class Check(msgspec.Struct, forbid_unknown_fields=True):
    """A result and the dataset that holds the right answers.

    With `report`, the answer tells more than the accuracy. `column_name` and `reference_column_name` say for it which
    columns are compared. With `equal_rows`, datasets with different numbers of rows are refused; otherwise the rows
    that only one of them has are left out.
    """

    uuid: Uuid
    reference_uuid: Uuid
    report: bool = False
    column_name: ColumnName = ""
    reference_column_name: ColumnName = ""
    equal_rows: bool = False


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """Some rows of one column. Columns are named by files, so their names are not restricted."""

    uuid: Uuid
    column_name: Annotated[str, Meta(min_length=1, max_length=254)]
    row_offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    number_of_rows: Annotated[int, Meta(ge=1, le=MAX_EXCERPT)] = 1


class FileOfDataset(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset, the format that its table is wanted in, and how many bytes of that are to be left out."""

    uuid: Uuid
    format: Annotated[str, Meta(min_length=1, max_length=32)] = "csv"
    offset: Annotated[int, Meta(ge=0, le=1 << 50)] = 0


class DatasetAnswer(LeasedLabels, kw_only=True):
    """A dataset; without columns and rows as long as its upload is not finalised."""

    created_at: Moment
    description: dict[str, dict[str, int]]
    name: str
    number_of_columns: int
    number_of_rows: int
    owner_id: str
    project_id: str
    uuid: str
    version: str
    visibility: str


class UuidAnswer(msgspec.Struct):
    """A dataset's uuid. While its files are still being decoded, `state` is ``decoding``; otherwise it is missing."""

    uuid: str
    state: str | msgspec.UnsetType = msgspec.UNSET


class Progress(msgspec.Struct):
    """Whether all files of a dataset have arrived.

    Until the dataset is ready, `received` tells for the uuid of each file how many bytes have arrived from its start
    on, up to the first gap: a client whose connection broke off goes on from there. While a finalised upload is being
    decoded, `state` is ``decoding`` and `percentage` tells how far that is; when its files were refused, `state` is
    ``refused``. `error` tells why the last decoding came to nothing. Otherwise these fields are missing.
    """

    complete: bool
    received: dict[str, int]
    uuid: str
    state: str | msgspec.UnsetType = msgspec.UNSET
    percentage: float | msgspec.UnsetType = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET


class Report(msgspec.Struct):
    """How well two columns agree in `rows` rows.

    `mse` and `mae` are the mean squared and the mean absolute error of all values, `r2` is the share of their variance
    that is explained, as a mean over the values of a row that vary, or null if none does. If the right answers are
    one-hot, the rest counts classes in the order of the values: `confusion_matrix[right][answered]` (left out above
    1000 classes), `precision` and `recall` of each class, null where there is nothing to divide by.
    """

    column_name: str
    reference_column_name: str
    rows: int
    mse: float
    mae: float
    r2: float | None
    confusion_matrix: list[list[int]] | msgspec.UnsetType = msgspec.UNSET
    precision: list[float | None] | msgspec.UnsetType = msgspec.UNSET
    recall: list[float | None] | msgspec.UnsetType = msgspec.UNSET


class Accuracy(msgspec.Struct):
    """Share of right answers in percent, and a report if that was asked for; single values have no accuracy."""

    accuracy: float | msgspec.UnsetType = msgspec.UNSET
    report: Report | msgspec.UnsetType = msgspec.UNSET


class Data(msgspec.Struct):
    """Values, one list for each row."""

    data: list[list[float]]


def routes(runtime: Runtime) -> list[Route]:
    """Return all routes."""
    found = [
        Route("GET", PREFIX, "datasets.get", WantedDataset, DatasetAnswer, get),
        Route("DELETE", PREFIX, "datasets.delete", ByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "datasets.list", WantedRows, Listing, list_all),
        Route("GET", f"{PREFIX}/progress", "datasets.progress", ByUuid, Progress, progress),
        Route("GET", f"{PREFIX}/check", "datasets.check", Check, Accuracy, check),
        Route("GET", f"{PREFIX}/content", "datasets.content", Content, Data, content),
        Route("GET", f"{PREFIX}/file", "datasets.download", FileOfDataset, Stream, download),
        visibility_route(PREFIX, "datasets", Dataset, MISSING),
        labels_route(PREFIX, "datasets", service.set_labels),
        lease_route(PREFIX, "datasets", renew_lease),
    ]
    for contribution in runtime.formats.contributions().values():
        found += _routes_of(runtime, contribution)
    return found


def _routes_of(runtime: Runtime, contribution: Contribution[DatasetFormat]) -> list[Route]:
    """Return the routes of a format; the plugin of one that can not have any is refused, and the others stay."""
    try:
        return upload_routes(contribution.item, runtime.settings["datasets.max_upload"])
    except BaseException as error:
        runtime.plugins.refuse(contribution.plugin, error)
        return []


def _are_words(name: object, *parts: object) -> bool:
    words = [word for word in (name, *parts) if isinstance(word, str) and _WORD.fullmatch(word)]
    return len(words) == 1 + len(parts) > 1 and len(set(parts)) == len(parts)


def upload_routes(dataset_format: DatasetFormat, max_size: int) -> list[Route]:
    """Return the two routes of a format: announce an upload, and finalise it.

    Args:
        dataset_format: what the files are.
        max_size: biggest file in bytes.

    Raises:
        PluginError: if the names of the format or its parts are of no use as names of fields.
    """
    name, parts = dataset_format.name, tuple(dataset_format.parts)
    if isinstance(dataset_format.parts, str) or not _are_words(name, *parts):
        rule = "its name must be a word in lower case, and its parts a tuple of different ones"
        raise PluginError(f"format {name!r}: {rule}, not {dataset_format.parts!r}", where=location(dataset_format))
    size = Annotated[int, Meta(ge=1, le=max_size)]
    title, path = name.title().replace("_", ""), f"{PREFIX}/upload/{name}"
    sizes_of_parts = [(f"{part}_data_size", size) for part in parts]
    more = [("unique", bool, False), ("lease", Lease | None, None)]
    announced = _request(f"Announce{title}", [("name", Name), *sizes_of_parts, *more])
    finished = _request(f"Finish{title}", [("uuid", Uuid), *((f"uuid_{part}_file", Uuid) for part in parts)])
    uuids = [(f"uuid_{part}_file", str) for part in parts]
    owned = [(field.name, field.type) for field in msgspec.structs.fields(OwnedAnswer)]
    answered = msgspec.defstruct(f"{title}Upload", [*owned, *uuids])

    def announce(call: Call, request: Any) -> dict[str, Any]:
        """Announce the upload of a dataset; its files are then sent over websockets.

        With `unique`, a name is refused that another dataset has which the user may change. With a `lease` the dataset
        goes when it is unused for so many seconds.
        """
        sizes = {part: getattr(request, f"{part}_data_size") for part in parts}
        named = name, request.name, sizes
        how = {"unique": request.unique, "lease": request.lease}
        dataset, files = service.create_dataset(call.runtime, call.access, *named, **how)
        return owned_answer(dataset) | {f"uuid_{part}_file": files[part].uuid for part in parts}

    def finish(call: Call, request: Any) -> dict[str, Any]:
        """Finalise an upload: the files become the dataset's table."""
        files = {part: getattr(request, f"uuid_{part}_file") for part in parts}
        dataset = service.finalise_dataset(call.runtime, call.access, name, request.uuid, files)
        return {"uuid": dataset.uuid} | ({"state": DECODING} if dataset.state == DECODING else {})

    return [
        Route("POST", path, "datasets.create", announced, answered, announce, keyed=True),
        Route("PUT", path, "datasets.finalise", finished, UuidAnswer, finish),
    ]


def _request(name: str, fields: list[Any]) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, module=__name__)


def get(call: Call, request: WantedDataset) -> dict[str, Any]:
    """Return a dataset."""
    dataset = service.get_dataset(call.access, request.uuid)
    shape = service.describe(dataset)
    return owned_answer(dataset) | {
        "description": {name: {"column_start": a, "column_end": b} for name, (a, b) in shape.columns.items()},
        "number_of_columns": shape.width,
        "number_of_rows": shape.rows,
        "version": VERSION,
        **(labels_of(dataset) | lease_of(dataset) if request.details else {}),
    }


def list_all(call: Call, request: WantedRows) -> Listing:
    """List the visible datasets, also those that are still being uploaded."""
    more = {"rows": lambda dataset: dataset.rows, "format": lambda dataset: dataset.format}
    return detailed(LIST_HEADER, more, service.list_datasets(call.access), request)


def delete(call: Call, request: ByUuid) -> Empty:
    """Delete a dataset."""
    service.delete_dataset(call.runtime, call.access, request.uuid)
    return Empty()


def progress(call: Call, request: ByUuid) -> dict[str, Any]:
    """Tell whether all files have arrived, and how far decoding is."""
    found = service.upload_progress(call.runtime, call.access, request.uuid)
    answer = {"complete": found.complete, "received": found.received, "uuid": request.uuid.lower()}
    if found.state == DECODING:
        return answer | {"state": DECODING, "percentage": found.percentage}
    if found.state == REFUSED:
        answer["state"] = REFUSED
    return answer | ({"error": found.error} if found.error else {})


def check(call: Call, request: Check) -> Accuracy:
    """Compare a result with the right answers."""
    named = call.runtime, call.access, request.uuid, request.reference_uuid
    if not request.report:
        for field in ("column_name", "reference_column_name"):
            if getattr(request, field):
                raise BadRequest("check_without_report", field=field)
        return Accuracy(service.check(*named, equal_rows=request.equal_rows))
    columns, found = service.compare(
        *named,
        column=request.column_name,
        reference_column=request.reference_column_name,
        equal_rows=request.equal_rows,
    )
    classes = {
        "confusion_matrix": found.confusion,
        "precision": found.precision,
        "recall": found.recall,
    }
    report = Report(
        columns.given,
        columns.expected,
        columns.rows,
        found.mse,
        found.mae,
        found.r2,
        **{name: value for name, value in classes.items() if value is not None},  # type: ignore[arg-type]
    )
    return Accuracy(msgspec.UNSET if found.accuracy is None else found.accuracy, report)


def content(call: Call, request: Content) -> msgspec.Raw:
    """Return some rows of one column; of those who ask for many values few are answered at once."""
    wanted = request.uuid, request.column_name, request.row_offset, request.number_of_rows
    values = service.excerpt(call.runtime, call.access, *wanted)
    large = values.size > SMALL_ANSWER
    with call.runtime.stash[LARGE_ANSWERS].taken(call.access.actor.user_id) if large else nullcontext():
        return msgspec.Raw(b'{"data":' + tables.as_json(values) + b"}")


def download(call: Call, request: FileOfDataset) -> Stream:
    """Return the table of a dataset or result as a file, which is made while it is sent.

    Which formats there are depends on the plugins of the server. A client whose connection broke off asks for the rest
    with `offset`, and compares the `ETag`, which names the content.
    """
    file = downloads.open_file(call.runtime, call.access, request.uuid, request.format, request.offset)
    return Stream(file, file.kind.media_type, name=file.name + file.kind.ending, tag=file.tag)
