"""Native routes between datasets and folders."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Route, RouteGroup
from hanami_core.http.leases import Lease
from hanami_core.http.sharing import OwnedAnswer, owned_answer
from hanami_core.ids import EXAMPLE_UUID, Name, Uuid
from hanami_core.queue import FINISHED
from hanami_plugins.datasets import DECODING
from hanami_plugins.datasets_folders import exporting, importing
from hanami_plugins.datasets_folders.exporting import FolderExport

GROUP = RouteGroup("datasets_folders", "Make datasets of files in folders, and write tables to folders.", 760)
IMPORT, EXPORT = "/dataset/import", "/dataset/export"
MOST_PARTS = 16

InFolder = Annotated[str, Meta(min_length=1, max_length=4096, examples=["irises/train.csv"])]
Format = Annotated[str, Meta(min_length=1, max_length=32, examples=["csv"])]


class ImportDataset(msgspec.Struct, forbid_unknown_fields=True):
    """A new dataset, whose files lie in a folder.

    Attributes:
        name: name of the dataset.
        format: format of the files, one of those in which datasets can be uploaded.
        folder_uuid: UUID of the folder.
        files: path in the folder of the file of each part of the format, such as `input`.
        unique: whether to refuse a name that another of your datasets has.
        lease: seconds without use after which the dataset is deleted; null, the default, to keep it.
    """

    name: Name
    format: Format
    folder_uuid: Uuid
    files: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=32)], InFolder],
        Meta(min_length=1, max_length=MOST_PARTS, examples=[{"input": "irises/train.csv"}]),
    ]
    unique: bool = False
    lease: Lease | None = None


class ImportedDataset(OwnedAnswer, kw_only=True):
    """A dataset that is made of files in a folder.

    Attributes:
        state: `decoding` while it is being made, see `GET dataset/progress`; missing once it is ready.
    """

    state: Annotated[str | msgspec.UnsetType, Meta(examples=[DECODING])] = msgspec.UNSET


class ExportDataset(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dataset, and the file that it becomes.

    Attributes:
        uuid: UUID of the dataset.
        folder_uuid: UUID of the folder.
        path: path of the file in the folder; a file of that path is replaced.
        format: format of the file, one of those that are installed; `csv` by default.
    """

    uuid: Uuid
    folder_uuid: Uuid
    path: InFolder
    format: Format = "csv"


class ExportByTask(msgspec.Struct, forbid_unknown_fields=True):
    """An export that was begun.

    Attributes:
        task_uuid: UUID of the task that writes the file.
    """

    task_uuid: Uuid


class ExportAnswer(msgspec.Struct, kw_only=True):
    """A file that is written to a folder.

    Attributes:
        uuid: UUID of the dataset.
        folder_uuid: UUID of the folder.
        path: path of the file in the folder.
        format: format of the file.
        task_uuid: UUID of the task that writes the file.
        state: state of the task: `queued`, `active`, `finished`, `failed` or `aborted`; the file is in the folder when
            it is `finished`.
        error: why it was not written; missing otherwise.
    """

    uuid: Uuid
    folder_uuid: Uuid
    path: Annotated[str, Meta(examples=["irises/train.csv"])]
    format: Annotated[str, Meta(examples=["csv"])]
    task_uuid: Annotated[str, Meta(examples=[EXAMPLE_UUID])]
    state: Annotated[str, Meta(examples=[FINISHED])]
    error: Annotated[str | msgspec.UnsetType, Meta(examples=["The folder has 1.00 MB of 1.00 MB"])] = msgspec.UNSET


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("POST", IMPORT, "datasets.import", ImportDataset, ImportedDataset, import_dataset, keyed=True),
        Route("POST", EXPORT, "datasets.export", ExportDataset, ExportAnswer, export_table, keyed=True),
        Route("GET", EXPORT, "datasets.export_progress", ExportByTask, ExportAnswer, get_export),
    )


def import_dataset(call: Call, request: ImportDataset) -> dict[str, object]:
    """Create a dataset from files in a folder."""
    named = request.format, request.name, request.folder_uuid, request.files
    how = {"unique": request.unique, "lease": request.lease}
    dataset = importing.import_dataset(call.runtime, call.access, *named, **how)  # type: ignore[arg-type]
    return owned_answer(dataset) | ({"state": DECODING} if dataset.state == DECODING else {})


def export_table(call: Call, request: ExportDataset) -> dict[str, object]:
    """Write the table of a dataset or result to a file in a folder.

    Which formats there are depends on the plugins of the server. The file appears in the folder when it is complete.
    """
    named = request.uuid, request.format, request.folder_uuid, request.path
    return _answer(exporting.export_table(call.runtime, call.access, *named))


def get_export(call: Call, request: ExportByTask) -> dict[str, object]:
    """Tell what has become of a file that you have had written to a folder."""
    return _answer(exporting.get_export(call.access, request.task_uuid))


def _answer(found: FolderExport) -> dict[str, object]:
    named: dict[str, object] = {
        "uuid": found.dataset,
        "folder_uuid": found.folder,
        "path": found.path,
        "format": found.format,
    }
    more: dict[str, object] = {} if found.error is None else {"error": found.error}
    return named | {"task_uuid": found.task, "state": found.state} | more
