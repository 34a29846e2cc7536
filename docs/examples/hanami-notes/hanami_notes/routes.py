"""Routes of notes: making, changing, following them, and files of any size beside them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hanami_core.clock import Moment
from hanami_core.errors import NotFound
from hanami_core.http import Call, Events, File, Listing, Paging, Route, ServerEvent, listing
from hanami_core.storage.database import DELETED
from hanami_notes.hooks import panels
from hanami_notes.models import Note, changing

if TYPE_CHECKING:
    import falcon

HEADER = ("uuid", "name", "revision")
MISSING = "note_missing"
PAUSE = 0.25
ALIVE = 60
"""Pauses after which a silent stream shows that it is there."""
LONGEST = 2400
"""Pauses after which a stream ends. Its client comes again, and says anew who it is."""

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=100_000)]


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """A note."""

    name: Name
    text: Text = ""


class OneNote(msgspec.Struct, forbid_unknown_fields=True):
    """Which note."""

    uuid: str


class Change(OneNote, forbid_unknown_fields=True):
    """What is to be another one."""

    name: Name | UnsetType = UNSET
    text: Text | UnsetType = UNSET


class Since(msgspec.Struct, forbid_unknown_fields=True):
    """The last change that is known. A client that comes again says it in the header Last-Event-ID."""

    revision: Annotated[int, Meta(ge=0)] = 0


class Shown(msgspec.Struct):
    """A note, and what other plugins show beside it."""

    uuid: str
    name: str
    text: str
    created_at: Moment
    revision: int
    has_file: bool
    panels: list[str]


def routes(largest_file: int) -> list[Route]:
    """Return all routes."""
    route = partial(Route, api="notes")
    return [
        route("GET", "", "notes.list", Paging, Listing, show_all),
        route("POST", "", "notes.create", NewNote, Shown, create, status=201, keyed=True),
        route("GET", "/events", "notes.follow", Since, Events, follow),
        route("GET", "/{uuid:uuid}", "notes.get", OneNote, Shown, show),
        route("PATCH", "/{uuid:uuid}", "notes.change", Change, Shown, change),
        route("DELETE", "/{uuid:uuid}", "notes.delete", OneNote, None, delete),
        route("PUT", "/{uuid:uuid}/file", "notes.attach", None, Shown, attach, max_body=largest_file),
        route("GET", "/{uuid:uuid}/file", "notes.download", OneNote, File, download),
    ]


def show_all(call: Call, request: Paging) -> Listing:
    """List all notes."""
    return listing(HEADER, call.access.visible(Note), request)


def show(call: Call, request: OneNote) -> Shown:
    """Show a note."""
    return _shown(call, call.get(Note, request.uuid, MISSING))


def create(call: Call, request: NewNote) -> Shown:
    """Make a note."""
    actor = call.actor
    with changing() as revision:
        note = Note.create(
            name=request.name, text=request.text, owner_id=actor.user_id, project_id=actor.project_id, revision=revision
        )
    call.resp.location = f"/notes/{note.uuid}"
    return _shown(call, note)


def change(call: Call, request: Change) -> Shown:
    """Change a note; what is not given stays as it is."""
    with changing() as revision:
        note = call.get(Note, request.uuid, MISSING)
        note.revision = revision
        note.name = note.name if request.name is UNSET else request.name
        note.text = note.text if request.text is UNSET else request.text
        note.save()
    return _shown(call, note)


def delete(call: Call, request: OneNote) -> None:
    """Delete a note and its file."""
    with changing() as revision:
        note = call.get(Note, request.uuid, MISSING)
        note.mark_deleted()
        call.runtime.blobs.decref(note.blob)
        note.blob, note.revision = None, revision
        note.save()


def attach(call: Call, request: falcon.Request) -> Shown:
    """Attach the body to a note, in place of what is there.

    It goes into a file piece by piece, and the file becomes a blob in the transaction that names it.
    """
    uuid, blobs = str(call.params["uuid"]), call.runtime.blobs
    call.get(Note, uuid, MISSING)
    with blobs.staging() as path:
        with path.open("wb") as file:
            file.writelines(call.body)
        blobs.finalise(path)
        with changing() as revision:
            note = call.get(Note, uuid, MISSING)
            blobs.decref(note.blob)
            note.blob, note.revision = blobs.link(path), revision
            note.save()
    return _shown(call, note)


def download(call: Call, request: OneNote) -> File:
    """Send what is attached to a note; never as something that a browser would show."""
    note = call.get(Note, request.uuid, MISSING)
    if note.blob is None:
        raise NotFound("file_missing", uuid=request.uuid)
    lease = call.runtime.blobs.open(note.blob)
    return File(lease.path, name=note.name, done=lease.release)


def follow(call: Call, request: Since) -> Events:
    """Tell all notes, or those that have changed since, and then each change."""
    known = call.req.get_header_as_int("Last-Event-ID")
    return Events(_changes(call, request.revision if known is None else known))


def _changes(call: Call, revision: int) -> Iterator[ServerEvent | None]:
    # Notes are changed by other processes, too, so the database is asked.
    for turn in range(LONGEST):
        rows = call.access.visible(Note, deleted=revision > 0)
        for note in rows.where(Note.revision > revision).order_by(Note.revision):
            revision = note.revision
            event = "deleted" if note.status == DELETED else "changed"
            yield ServerEvent(_shown(call, note), event, str(revision))
        if turn % ALIVE == 0:
            yield None
        time.sleep(PAUSE)


def _shown(call: Call, note: Note) -> Shown:
    beside = panels(call.runtime, note)
    return Shown(note.uuid, note.name, note.text, Moment(note.created_at), note.revision, bool(note.blob), beside)
