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
from hanami_core.http import Call, Empty, Listing, Route, RouteGroup, Stream
from hanami_core.http.labels import WantedRows, detailed, labels_of, labels_route
from hanami_core.http.leases import Lease, LeasedLabels, lease_of, lease_route
from hanami_core.http.sharing import OwnedAnswer, OwnedRow, owned_answer, visibility_route
from hanami_core.ids import EXAMPLE_UUID, AnyName, AnyProject, AnyUser, Name, Uuid
from hanami_core.plugin_host import Contribution, location
from hanami_core.runtime import Runtime
from hanami_plugins.datasets import arrivals, downloads, service, tables
from hanami_plugins.datasets.leases import renew_lease
from hanami_plugins.datasets.models import DECODING, REFUSED, Dataset
from hanami_plugins.datasets.service import LARGE_ANSWERS, MISSING

PREFIX = "/dataset"
GROUP = RouteGroup("datasets", "Upload tables of numbers, read them, and compare answers with the correct ones.", 200)
VERSION = "v1.0alpha"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")
MAX_EXCERPT = 10_000
SMALL_ANSWER = 20_000
"""Values of an answer that is made at once, however many others are."""
_WORD = re.compile(r"[a-z][a-z0-9_]*")


class DatasetByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset.

    Attributes:
        uuid: UUID of the dataset.
    """

    uuid: Uuid


ColumnName = Annotated[str, Meta(max_length=254, examples=["label"])]
ShownColumn = Annotated[str, Meta(examples=["label"])]
Received = Annotated[dict[str, int], Meta(examples=[{EXAMPLE_UUID: 4_194_304}])]
State = Annotated[str | msgspec.UnsetType, Meta(examples=[DECODING])]
Percentage = Annotated[float | msgspec.UnsetType, Meta(examples=[42.5])]
Failure = Annotated[str | msgspec.UnsetType, Meta(examples=["input, line 3, column 2 ('b'): 'x' is not a number"])]
Unique = Annotated[bool, Meta(description="Whether to refuse a name that another of your datasets has.")]
NewLease = Annotated[
    Lease | None,
    Meta(description="Seconds without use after which the dataset is deleted; null, the default, to keep it."),
]
Shares = Annotated[list[float | None] | msgspec.UnsetType, Meta(examples=[[0.98, 0.94]])]


class WantedDataset(DatasetByUuid, forbid_unknown_fields=True):
    """A dataset.

    Attributes:
        details: whether the answer also has labels and the lease.
    """

    details: bool = False


class CheckDataset(msgspec.Struct, forbid_unknown_fields=True):
    """Answers, and the dataset with the correct ones.

    Attributes:
        uuid: UUID of the dataset with the answers of a request.
        reference_uuid: UUID of the dataset with the correct answers.
        report: whether the answer has a report.
        column_name: column with the answers; optional if only one pair of columns fits; only with `report`.
        reference_column_name: column with the correct answers; likewise.
        equal_rows: whether to refuse datasets with different numbers of rows; by default, surplus rows are left out.
    """

    uuid: Uuid
    reference_uuid: Uuid
    report: bool = False
    column_name: ColumnName = ""
    reference_column_name: ColumnName = ""
    equal_rows: bool = False


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """Some rows of one column.

    Attributes:
        uuid: UUID of the dataset.
        column_name: name of the column.
        row_offset: number of the first row, from 0; 0 by default.
        number_of_rows: number of rows, all of which must exist; 1 by default.
    """

    uuid: Uuid
    column_name: Annotated[str, Meta(min_length=1, max_length=254, examples=["label"])]
    row_offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    number_of_rows: Annotated[int, Meta(ge=1, le=MAX_EXCERPT, examples=[10])] = 1


class FileOfDataset(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset as a file.

    Attributes:
        uuid: UUID of the dataset.
        format: format of the file, one of those that are installed; `csv` by default.
        offset: number of bytes to leave out, to resume a download; 0 by default.
    """

    uuid: Uuid
    format: Annotated[str, Meta(min_length=1, max_length=32)] = "csv"
    offset: Annotated[int, Meta(ge=0, le=1 << 50)] = 0


class DatasetAnswer(LeasedLabels, kw_only=True):
    """A dataset; it has no columns and rows until its upload is finalised.

    Attributes:
        created_at: when it was created, in UTC.
        description: values of a row that each column consists of: those from `column_start` up to, but not including,
            `column_end`.
        name: name that its owner gave it.
        number_of_columns: number of values in a row.
        number_of_rows: number of rows.
        owner_id: id of the user who created it.
        project_id: id of the project that it belongs to.
        uuid: UUID of the dataset.
        version: version of this description.
        visibility: who can see it: `private`, `shared` or `public`.
    """

    created_at: Moment
    description: Annotated[dict[str, dict[str, int]], Meta(examples=[{"label": {"column_start": 0, "column_end": 10}}])]
    name: AnyName
    number_of_columns: Annotated[int, Meta(examples=[10])]
    number_of_rows: Annotated[int, Meta(examples=[5000])]
    owner_id: AnyUser
    project_id: AnyProject
    uuid: Uuid
    version: Annotated[str, Meta(examples=[VERSION])]
    visibility: Annotated[str, Meta(examples=["private"])]


class UuidAnswer(msgspec.Struct):
    """A dataset whose upload is finalised.

    Attributes:
        uuid: UUID of the dataset.
        state: ``decoding`` while its files are being decoded; missing once they are.
    """

    uuid: Uuid
    state: State = msgspec.UNSET


class Progress(msgspec.Struct):
    """The progress of an upload.

    Attributes:
        complete: whether all files have arrived.
        received: bytes that have arrived of each file, by the UUID of the file, counted from its start up to the first
            gap; an interrupted upload continues from there.
        uuid: UUID of the dataset.
        state: ``decoding`` while a finalised upload is decoded, ``refused`` if its files were refused; missing
            otherwise.
        percentage: progress of the decoding, from 0 to 100; missing otherwise.
        error: why the last decoding failed; missing if it did not.
    """

    complete: bool
    received: Received
    uuid: Uuid
    state: State = msgspec.UNSET
    percentage: Percentage = msgspec.UNSET
    error: Failure = msgspec.UNSET


class Report(msgspec.Struct):
    """How well two columns agree.

    Attributes:
        column_name: column with the answers.
        reference_column_name: column with the correct answers.
        rows: number of rows that were compared.
        mse: mean squared error of all values.
        mae: mean absolute error of all values.
        r2: share of the variance that the answers explain, as a mean over the values of a row; null if nothing varies.
        confusion_matrix: number of rows for each correct class, and in it for each answered class; missing above 1000
            classes and for values that are not classes.
        precision: share of the answers of each class that are correct, null for a class that was never answered;
            missing for values that are not classes.
        recall: share of the rows of each class that were recognised, null for a class without rows; missing for values
            that are not classes.
    """

    column_name: ShownColumn
    reference_column_name: ShownColumn
    rows: Annotated[int, Meta(examples=[1000])]
    mse: Annotated[float, Meta(examples=[0.012])]
    mae: Annotated[float, Meta(examples=[0.034])]
    r2: Annotated[float | None, Meta(examples=[0.87])]
    confusion_matrix: Annotated[list[list[int]] | msgspec.UnsetType, Meta(examples=[[[490, 10], [30, 470]]])] = (
        msgspec.UNSET
    )
    precision: Shares = msgspec.UNSET
    recall: Shares = msgspec.UNSET


class Accuracy(msgspec.Struct):
    """How well answers agree with the correct ones.

    Attributes:
        accuracy: share of correct answers in percent; missing for single values, which have no classes.
        report: more about the errors; only with `report`.
    """

    accuracy: Annotated[float | msgspec.UnsetType, Meta(examples=[97.2])] = msgspec.UNSET
    report: Report | msgspec.UnsetType = msgspec.UNSET


class Data(msgspec.Struct):
    """Values of a column.

    Attributes:
        data: one list of values for each row.
    """

    data: Annotated[list[list[float]], Meta(examples=[[[0.0, 1.0], [1.0, 0.0]]])]


def routes(runtime: Runtime) -> list[Route]:
    """Return all routes."""
    formats = runtime.formats.contributions().values()
    return GROUP.of(
        *(route for contribution in formats for route in _routes_of(runtime, contribution)),
        Route("GET", PREFIX, "datasets.get", WantedDataset, DatasetAnswer, get),
        Route("DELETE", PREFIX, "datasets.delete", DatasetByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "datasets.list", WantedRows, OwnedRow, list_all),
        Route("GET", f"{PREFIX}/progress", "datasets.progress", DatasetByUuid, Progress, progress),
        Route("GET", f"{PREFIX}/check", "datasets.check", CheckDataset, Accuracy, check, example=("report",)),
        Route("GET", f"{PREFIX}/content", "datasets.content", Content, Data, content, example=("number_of_rows",)),
        Route("GET", f"{PREFIX}/file", "datasets.download", FileOfDataset, Stream, download),
        visibility_route(PREFIX, "datasets", Dataset, MISSING),
        labels_route(PREFIX, "datasets", service.set_labels),
        lease_route(PREFIX, "datasets", renew_lease),
    )


def _routes_of(runtime: Runtime, contribution: Contribution[DatasetFormat]) -> list[Route]:
    """Return the routes of a format; the plugin of one that cannot have any is refused, and the others stay."""
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
    size = Annotated[int, Meta(description="Size of the file in bytes.", ge=1, le=max_size, examples=[9_912_422])]
    file = Annotated[Uuid, Meta(description="UUID of the file, for its websocket.")]
    title, path = name.title().replace("_", ""), f"{PREFIX}/upload/{name}"
    sizes_of_parts = [(f"{part}_data_size", size) for part in parts]
    more = [("unique", Unique, False), ("lease", NewLease, None)]
    announced = _request(f"Announce{title}", [("name", Name), *sizes_of_parts, *more])
    finished = _request(f"Finish{title}", [("uuid", Uuid), *((f"uuid_{part}_file", file) for part in parts)])
    uuids = [(f"uuid_{part}_file", file) for part in parts]
    answered = msgspec.defstruct(f"{title}Upload", uuids, bases=(OwnedAnswer,))

    def announce(call: Call, request: Any) -> dict[str, object]:
        """Announce the upload of a dataset.

        The answer has the UUID of each file; each is sent over a websocket of its own.
        """
        sizes = {part: getattr(request, f"{part}_data_size") for part in parts}
        named = name, request.name, sizes
        how = {"unique": request.unique, "lease": request.lease}
        dataset, files = service.create_dataset(call.runtime, call.access, *named, **how)
        return owned_answer(dataset) | {f"uuid_{part}_file": files[part].uuid for part in parts}

    def finish(call: Call, request: Any) -> dict[str, Any]:
        """Finalise an upload: the files become the dataset's table."""
        files = {part: getattr(request, f"uuid_{part}_file") for part in parts}
        dataset = arrivals.finalise_dataset(call.runtime, call.access, name, request.uuid, files)
        return {"uuid": dataset.uuid} | ({"state": DECODING} if dataset.state == DECODING else {})

    return [
        Route("POST", path, "datasets.create", announced, answered, announce, keyed=True),
        Route("PUT", path, "datasets.finalise", finished, UuidAnswer, finish),
    ]


def _request(name: str, fields: list[Any]) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, module=__name__)


def get(call: Call, request: WantedDataset) -> dict[str, object]:
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


def delete(call: Call, request: DatasetByUuid) -> Empty:
    """Delete a dataset."""
    service.delete_dataset(call.runtime, call.access, request.uuid)
    return Empty()


def progress(call: Call, request: DatasetByUuid) -> dict[str, object]:
    """Tell whether all files have arrived, and how far decoding is."""
    found = service.upload_progress(call.runtime, call.access, request.uuid)
    answer = {"complete": found.complete, "received": found.received, "uuid": request.uuid.lower()}
    if found.state == DECODING:
        return answer | {"state": DECODING, "percentage": found.percentage}
    if found.state == REFUSED:
        answer["state"] = REFUSED
    return answer | ({"error": found.error} if found.error else {})


def check(call: Call, request: CheckDataset) -> Accuracy:
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
