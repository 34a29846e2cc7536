"""Native routes that take checkpoints to other servers and programs. Those of an upload look like those of datasets."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Download, Route
from hanami_core.http.sharing import OwnedAnswer, owned_answer
from hanami_core.ids import EXAMPLE_UUID, Name, Uuid
from hanami_plugins.checkpoints import arrivals, downloads, exporting
from hanami_plugins.checkpoints.models import IMPORTING, REFUSED
from hanami_plugins.checkpoints.portable import ENDING, MEDIA_TYPE

PREFIX = "/checkpoint"
DECODING = "decoding"
"""What a client is told while a file is looked at; the word that it knows from datasets."""
State = Annotated[str | msgspec.UnsetType, Meta(examples=[DECODING])]


class FileOf(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint.

    Attributes:
        uuid: UUID of the checkpoint.
    """

    uuid: Uuid


class ExportOf(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint in a format of other programs.

    Attributes:
        uuid: UUID of the checkpoint.
        format: format of the file, one of those that are installed.
    """

    uuid: Uuid
    format: Annotated[str, Meta(min_length=1, max_length=32, examples=["onnx"])]


class AnnounceCheckpoint(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint that will be uploaded.

    Attributes:
        name: name of the checkpoint.
        input_data_size: size of its file in bytes.
    """

    name: Annotated[Name, Meta(examples=["before training"])]
    input_data_size: Annotated[int, Meta(ge=1, examples=[546_044])]


class CheckpointUpload(OwnedAnswer):
    """A checkpoint that waits for its file.

    Attributes:
        uuid_input_file: UUID of the file, for its websocket.
    """

    uuid_input_file: Uuid


class FinishCheckpoint(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint whose file has been sent.

    Attributes:
        uuid: UUID of the checkpoint.
        uuid_input_file: UUID of its file.
    """

    uuid: Uuid
    uuid_input_file: Uuid


class FinishedCheckpoint(msgspec.Struct):
    """A checkpoint whose upload is finalised.

    Attributes:
        uuid: UUID of the checkpoint.
        state: ``decoding`` while its file is being checked; missing once it is.
    """

    uuid: Uuid
    state: State = msgspec.UNSET


class UploadProgress(msgspec.Struct):
    """The progress of an upload; the fields are those of datasets.

    Attributes:
        complete: whether the file has arrived.
        received: bytes that have arrived, by the UUID of the file, counted from its start up to the first gap; an
            interrupted upload continues from there.
        uuid: UUID of the checkpoint.
        state: ``decoding`` while the file is being checked, ``refused`` if it was refused; missing otherwise.
        percentage: progress of the check, from 0 to 100; missing otherwise.
        error: why the file was refused; missing otherwise.
    """

    complete: bool
    received: Annotated[dict[str, int], Meta(examples=[{EXAMPLE_UUID: 4_194_304}])]
    uuid: Uuid
    state: State = msgspec.UNSET
    percentage: Annotated[float | msgspec.UnsetType, Meta(examples=[42.5])] = msgspec.UNSET
    error: Annotated[str | msgspec.UnsetType, Meta(examples=["the file ends too early"])] = msgspec.UNSET


def routes() -> list[Route]:
    """Return all routes."""
    upload = f"{PREFIX}/upload"
    return [
        Route("GET", f"{PREFIX}/file", "checkpoints.download", FileOf, Download, download),
        Route("GET", f"{PREFIX}/export", "checkpoints.export", ExportOf, Download, export),
        Route("POST", upload, "checkpoints.create", AnnounceCheckpoint, CheckpointUpload, announce, keyed=True),
        Route("PUT", upload, "checkpoints.finalise", FinishCheckpoint, FinishedCheckpoint, finish),
        Route("GET", f"{PREFIX}/progress", "checkpoints.progress", FileOf, UploadProgress, progress),
    ]


def download(call: Call, request: FileOf) -> Download:
    """Return a checkpoint as a file that other servers take.

    A client whose connection broke off asks for the rest with `Range` and `If-Range`: `ETag` names the content.
    """
    file = downloads.open_file(call.runtime, call.access, request.uuid)
    return Download(file.length, file.tag, file.read, MEDIA_TYPE, file.name + ENDING, file.close)


def export(call: Call, request: ExportOf) -> Download:
    """Return the network of a checkpoint as a file that other programs run.

    Which formats there are depends on the plugins of the server. As with a download, the rest can be asked for.
    """
    file = exporting.export(call.runtime, call.access, request.uuid, request.format)
    name = file.name + file.kind.ending
    return Download(file.length, file.tag, file.read, file.kind.media_type, name, file.close)


def announce(call: Call, request: AnnounceCheckpoint) -> dict[str, object]:
    """Announce the upload of a checkpoint; its file is then sent over a websocket."""
    arrival, upload = arrivals.create_arrival(call.runtime, call.access, request.name, request.input_data_size)
    return owned_answer(arrival) | {"uuid_input_file": upload.uuid}


def finish(call: Call, request: FinishCheckpoint) -> FinishedCheckpoint:
    """Finalise an upload: the file becomes a checkpoint, or is refused with the reason."""
    uuid, file = request.uuid.lower(), request.uuid_input_file
    state = arrivals.finalise_arrival(call.runtime, call.access, uuid, file)
    return FinishedCheckpoint(uuid, DECODING if state == IMPORTING else msgspec.UNSET)


def progress(call: Call, request: FileOf) -> UploadProgress:
    """Tell whether the file has arrived, and how far it was looked at."""
    found = arrivals.arrival_progress(call.runtime, call.access, request.uuid)
    answer = UploadProgress(found.complete, found.received, request.uuid.lower())
    if found.state == IMPORTING:
        answer.state, answer.percentage = DECODING, found.percentage
        return answer
    if found.state == REFUSED:
        answer.state = REFUSED
    answer.error = found.error or msgspec.UNSET
    return answer
