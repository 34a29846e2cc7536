"""Calls of users: a route makes a row and a task, the task asks the process, another route tells the answer."""

from __future__ import annotations

from typing import Annotated

import msgspec
import peewee
from msgspec import Meta

from hanami_core.http import Call, Route
from hanami_core.queue import Job
from hanami_core.storage.database import OwnedRecord, atomic
from hanami_echo import process

WAIT = 5.0
"""Seconds that whoever asks for an answer is kept waiting for it."""


class EchoCall(OwnedRecord):
    """What somebody called, and what came back. It has the uuid of its task."""

    answer = peewee.TextField(default="")


class NewCall(msgspec.Struct, forbid_unknown_fields=True):
    """A call."""

    text: Annotated[str, Meta(min_length=1, max_length=200)]


class Sought(msgspec.Struct, forbid_unknown_fields=True):
    """Which call."""

    uuid: str


class Answered(msgspec.Struct):
    """A call; the answer is empty as long as there is none."""

    uuid: str
    text: str
    answer: str


def run(job: Job) -> None:
    """Ask the process and store its answer together with the end of the task, so that it is done once or not at all."""
    call = EchoCall.get(EchoCall.uuid == job.task.uuid)
    answer = process.ask(job.runtime.settings.data_dir, msgspec.json.encode(call.name))
    with job.commit(job.task.total_cycles, final=True):
        EchoCall.update(answer=msgspec.json.decode(answer)).where(EchoCall.uuid == call.uuid).execute()


def create(call: Call, request: NewCall) -> Answered:
    """Call."""
    actor = call.actor
    with atomic():
        row = EchoCall.create(name=request.text, owner_id=actor.user_id, project_id=actor.project_id)
        # The calls of one user are answered in their order, those of several in turns.
        partition = f"echo:{actor.user_id}"
        call.runtime.queue.enqueue("echo", partition, actor, request.text, msgspec.Struct(), 1, uuid=row.uuid)
    return Answered(row.uuid, row.name, row.answer)


def show(call: Call, request: Sought) -> Answered:
    """Tell the answer, once it is there."""
    row = call.get(EchoCall, request.uuid, "echo_call_missing")
    call.runtime.queue.wait(row.uuid, WAIT)
    row = call.get(EchoCall, request.uuid, "echo_call_missing")
    return Answered(row.uuid, row.name, row.answer)


def routes() -> list[Route]:
    """Return both routes, which are part of the server's own API."""
    missing = {"echo_call_missing": "There is no call {uuid}"}
    return [
        Route("POST", "/echo/call", "echo.create", NewCall, Answered, create),
        Route("GET", "/echo/call", "echo.get", Sought, Answered, show, errors=missing),
    ]
