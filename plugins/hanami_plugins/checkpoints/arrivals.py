"""What can be done with checkpoints that come as files, for routes of any Api and for other plugins. Knows no HTTP.

A file arrives like one of a dataset (the plugin `uploads`) and is then looked at by a task. Until it is known to be
sound there is no checkpoint, only an `Arrival` with the uuid that the checkpoint is to have.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from hanami_core.access import Access
from hanami_core.admission import Claim
from hanami_core.errors import BadRequest, HanamiError, InvalidFile, NotFound
from hanami_core.ids import new_uuid
from hanami_core.queue import Task
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import atomic
from hanami_plugins import uploads
from hanami_plugins.checkpoints import importing
from hanami_plugins.checkpoints.models import IMPORTING, REFUSED, UPLOADING, Arrival, Checkpoint
from hanami_plugins.clusters import SETTLE_SECONDS
from hanami_plugins.uploads import Upload

__all__ = [
    "ArrivalProgress",
    "ImportFailed",
    "arrival_progress",
    "create_arrival",
    "finalise_arrival",
    "forget_dropped",
    "give_up",
]

MISSING = "checkpoint_missing"
PART = "input"
"""Name of the only file of an upload, as it is of datasets."""

WAITING: StashKey[threading.Semaphore] = StashKey("checkpoints.waiting")
"""Requests that may wait for a file to be looked at, at the same time."""


class ImportFailed(HanamiError):
    """A file could not be looked at for a reason that lies not in it."""


def create_arrival(runtime: Runtime, access: Access, name: str, size: int) -> tuple[Arrival, Upload]:
    """Announce a checkpoint file of so many bytes.

    The actor sends it over a websocket, or through `uploads.open_upload`, and then calls `finalise_arrival`.

    Raises:
        BadRequest: if the file is bigger than the operator allows.
        Conflict: if the actor has too many uploads already.
        VisibleError: if a plugin says that the actor has too many checkpoints, or too much on the disk.
    """
    limit = runtime.settings["checkpoints.max_upload"]
    if size > limit:
        raise BadRequest("field_too_big", field=f"{PART}_data_size", limit=limit)
    actor, uuid = access.actor, new_uuid()
    with atomic():
        upload = uploads.create_upload(runtime, actor, uuid, size, PART)
        runtime.admit(Claim.of(actor, Checkpoint.resource))
        arrival = Arrival.create(uuid=uuid, name=name, owner_id=actor.user_id, project_id=actor.project_id)
    return arrival, upload


def finalise_arrival(runtime: Runtime, access: Access, uuid: str, file: str) -> str:
    """Have an uploaded file become a checkpoint, and return the state: ready, or importing if that takes long.

    Whoever calls again meanwhile waits for the same.

    Raises:
        NotFound: if there is no such upload, or not any more.
        BadRequest: if the file is not complete; it stays as it is.
        InvalidFile: if it is not a checkpoint that this server can have; the same holds.
        ImportFailed: if something failed that lies not in the file, which stays as it is.
    """
    arrival, upload = _source(access, uuid, file)
    if arrival.state != IMPORTING:
        _require_complete(runtime, upload)
    with atomic():
        # Meanwhile it may have been given up, or finalised by another request.
        arrival, upload = _source(access, uuid, file)
        task = arrival.importing
        if arrival.state != IMPORTING:
            task = importing.enqueue(runtime, access, arrival, upload)
            uploads.touch(arrival.uuid)
    _wait(runtime, str(task))
    return _state_after(access, uuid)


def _source(access: Access, uuid: str, file: str) -> tuple[Arrival, Upload]:
    arrival = access.get(Arrival, uuid, MISSING, "write")
    upload = uploads.upload_for(arrival.uuid, PART, file)
    if upload is None:
        raise NotFound("file_missing", part=PART.capitalize(), uuid=file)
    return arrival, upload


def _require_complete(runtime: Runtime, upload: Upload) -> None:
    missing = uploads.missing(runtime, upload)
    if missing:
        named = {"part": PART.capitalize(), "uuid": upload.uuid}
        raise BadRequest("file_incomplete", **named, missing=missing, size=upload.size)


def _wait(runtime: Runtime, task: str) -> None:
    """Wait for a task, but not with all threads that answer requests."""
    waiting = runtime.stash[WAITING]
    if waiting.acquire(blocking=False):
        try:
            runtime.queue.wait(task, SETTLE_SECONDS)
        finally:
            waiting.release()


def _state_after(access: Access, uuid: str) -> str:
    arrival = _find(access, uuid)
    if isinstance(arrival, Checkpoint):
        return importing.READY
    if arrival.state == REFUSED:
        raise InvalidFile(arrival.error)
    if arrival.state == UPLOADING:
        raise ImportFailed(arrival.error)
    return str(arrival.state)


def _find(access: Access, uuid: str) -> Arrival | Checkpoint:
    """Return what has a uuid: the checkpoint, or what is about to become it."""
    try:
        return access.get(Arrival, uuid, MISSING, "read")
    except NotFound:
        # In this order: the checkpoint is there as soon as the other is not.
        return access.get(Checkpoint, uuid, MISSING, "read")


class ArrivalProgress(NamedTuple):
    """How far an upload is.

    `complete` tells whether the file has arrived, `received` how many bytes from its start on, by its uuid. `state` is
    that of the arrival, or ready; `percentage` how far the import is, `error` why the last one came to nothing.
    """

    complete: bool
    received: dict[str, int]
    state: str
    percentage: float
    error: str


def arrival_progress(runtime: Runtime, access: Access, uuid: str) -> ArrivalProgress:
    """Tell how far the upload of a checkpoint is.

    Raises:
        NotFound: if there is neither a checkpoint nor an upload of this uuid.
    """
    # The row is read last: if it becomes a checkpoint between the two queries, it is not taken for lost.
    files = uploads.progress(runtime, uuid.lower())
    found = _find(access, uuid)
    if isinstance(found, Checkpoint):
        return ArrivalProgress(True, {}, importing.READY, 100.0, "")
    if not files:
        raise NotFound(MISSING, uuid=uuid)
    complete, received = not any(file.missing for file in files), {file.uuid: file.leading for file in files}
    return ArrivalProgress(complete, received, found.state, _percentage(found), found.error)


def _percentage(arrival: Arrival) -> float:
    task = Task.get_or_none(Task.uuid == arrival.importing) if arrival.state == IMPORTING else None
    return 0.0 if task is None else 100.0 * task.fraction


def give_up(runtime: Runtime, access: Access, uuid: str, missing: str) -> None:
    """Give an upload up: its file goes, and so does what looks at it.

    Raises:
        NotFound: with the code `missing`, if there is none that the actor may give up.
    """
    with atomic():
        arrival = access.get(Arrival, uuid, missing, "write")
        if arrival.importing is not None:
            # Before the row is written, because the task, when it ends, takes its queue first as well.
            runtime.queue.abort(importing.partition_of(arrival), [arrival.importing])
        if not arrival.mark_deleted():
            raise NotFound(missing, uuid=uuid)
        uploads.discard(runtime, arrival.uuid)


def forget_dropped(runtime: Runtime) -> None:
    """Delete arrivals whose files are gone because nobody went on sending them."""
    waiting = Arrival.active().where(Arrival.state != IMPORTING)
    known = Upload.active(Upload.related_uuid)
    for arrival in waiting.where(Arrival.uuid.not_in(known)):
        with atomic():
            if not uploads.uploads_of(arrival.uuid):
                arrival.mark_deleted()
