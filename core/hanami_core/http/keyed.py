"""Calls that are done once, however often they are sent: those with the header ``Idempotency-Key``.

A client that gets no answer cannot know whether its call was carried out. It sends the call again with the same key,
and gets the answer that it missed. Key and answer are stored in the transaction of what the call does, so that no end
of a process comes in between. If the answer waits for a task, it is stored first, and whoever asks for it waits for the
same task. Owns the table of keys and answers. Must not know what any call does.

Neither the key nor the fields of a call can be read from the table: both are there as digests, that of the fields mixed
with the key, so that nobody can try out passphrases. Answers with a secret are encrypted (`Route.sealer`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import peewee

from hanami_core.errors import BadRequest, Conflict, VisibleError
from hanami_core.http.call import Call
from hanami_core.process_control import birth
from hanami_core.queue.models import OPEN
from hanami_core.schedules import Schedule
from hanami_core.storage.database import BaseModel, Unit

if TYPE_CHECKING:
    import falcon

    from hanami_core.http.routing import BoundRoute
    from hanami_core.runtime import Runtime

__all__ = ["CLEAN_UP", "HEADER", "LONGEST", "REPLAYED", "KeyedCall", "acknowledge", "forget", "once"]

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""Header of the answer to whatever comes with a key: ``true`` if it was stored before. So clients learn of keys."""
BUSY_SECONDS = 1
LONGEST = 255
CLEAN_UP_SECONDS = 60.0


_VARIABLE = "HTTP_IDEMPOTENCY_KEY"


class KeyedCall(BaseModel):
    """A call and its answer; `status` is NULL while what it did is durable and its answer is not.

    `process` tells who makes that answer. One that is there `awaits` a task, for `patience` seconds: if the task fails,
    the answer is another one. It is empty as soon as the task has ended.
    """

    key = peewee.CharField(64, primary_key=True)
    fingerprint = peewee.CharField(64)
    created_at = peewee.DoubleField(index=True)
    status = peewee.IntegerField(null=True)
    headers = peewee.TextField(default="{}")
    body = peewee.BlobField(null=True)
    awaits = peewee.CharField(36, default="")
    patience = peewee.DoubleField(default=0.0)
    process = peewee.CharField(96, default="")


class _BegunElsewhere(Exception):
    """Somebody else has begun the same call in the meantime."""


def acknowledge(request: falcon.Request, response: falcon.Response) -> None:
    """Let a client that sends a key know that keys are understood here."""
    if request.env.get(_VARIABLE) is not None:
        response.set_header(REPLAYED, "false")


def once(call: Call, bound: BoundRoute, request: msgspec.Struct, work: Callable[[], None]) -> None:
    """Do a call, or give the answer that it had.

    Args:
        call: the call.
        bound: its route.
        request: its fields.
        work: does the call and renders its answer into ``call.resp``; called at most once.

    Raises:
        BadRequest: if the key is none.
        Conflict: if the key belongs to another call, or to one that was not answered yet.
    """
    given = call.req.get_header(HEADER)
    if given is None:
        work()
        return
    if not (0 < len(given) <= LONGEST and given.isascii() and given.isprintable()):
        raise BadRequest("idempotency_key_invalid", limit=LONGEST)
    keyed = _Keyed(call, bound, request, given)
    if keyed.replay():
        return
    try:
        keyed.do(work)
    except _BegunElsewhere:
        # Who was first has committed, or its key would not be in the way.
        if not keyed.replay():
            raise keyed.busy() from None


class _Keyed:
    """A call with its key."""

    def __init__(self, call: Call, bound: BoundRoute, request: msgspec.Struct, given: str) -> None:
        actor = call.actor
        self._call, self._bound = call, bound
        self._key = hashlib.sha256(json.dumps([actor.user_id, actor.project_id, given]).encode()).hexdigest()
        what = [call.req.method, call.req.path, msgspec.to_builtins(request)]
        text = msgspec.json.encode(what, order="deterministic")
        self._fingerprint = hmac.digest(given.encode(), text, "sha256").hex()

    def replay(self) -> bool:
        """Give the answer that the call had, and tell whether there is one."""
        row = KeyedCall.get_or_none(KeyedCall.key == self._key)
        if row is None:
            return False
        if row.fingerprint != self._fingerprint:
            raise Conflict("idempotency_key_reused")
        if row.status is None:
            raise self.busy() if self._is_alive(row.process) else Conflict("idempotency_key_orphaned")
        response = self._call.resp
        response.status = row.status
        response.set_headers(json.loads(row.headers))
        response.data = None if row.body is None else self._opened(bytes(row.body))
        if row.awaits:
            self._settle(row.awaits, row.patience)
        response.set_header(REPLAYED, "true")
        return True

    def busy(self) -> Conflict:
        """Return the error for a call that is not answered yet, which says when to ask again."""
        self._call.resp.set_header("Retry-After", str(BUSY_SECONDS))
        return Conflict("idempotency_key_busy")

    def do(self, work: Callable[[], None]) -> None:
        """Do the call, and store its answer with what it did."""
        with Unit(self._begin) as unit:
            try:
                work()
            except VisibleError as error:
                # What was not committed is taken back, and the same call may be tried again.
                if not unit.committed:
                    raise
                self._bound.api.refuse(self._call.req, self._call.resp, error, self._bound.route)
            unit.open()
            self._note(*unit.awaited or ("", 0.0))
        if unit.awaited is not None:
            self._settle(*unit.awaited)

    def _settle(self, task: str, seconds: float) -> None:
        """Wait for the task that the answer is about; if it fails, that is the answer. Whoever waits stores it."""
        try:
            state = self._call.runtime.queue.outcome(task, seconds)
        except VisibleError as error:
            self._bound.api.refuse(self._call.req, self._call.resp, error, self._bound.route)
            self._note()
        else:
            if state not in OPEN:
                KeyedCall.update(awaits="").where(KeyedCall.key == self._key).execute()

    def _process(self) -> str:
        return f"{self._call.runtime.clock.boot()}/{os.getpid()}/{birth(os.getpid())}"

    def _is_alive(self, process: str) -> bool:
        """Tell whether whoever makes an answer is still there, which nobody is after a restart of the machine."""
        boot, _, rest = process.partition("/")
        pid, _, begun = rest.partition("/")
        return pid.isdigit() and boot == self._call.runtime.clock.boot() and begun == str(birth(int(pid)))

    def _begin(self) -> None:
        """Take the key; whoever has taken it and not committed yet is waited for."""
        row = {
            "key": self._key,
            "fingerprint": self._fingerprint,
            "created_at": self._call.runtime.clock.now(),
            "process": self._process(),
        }
        if not KeyedCall.insert(row).on_conflict_ignore().as_rowcount().execute():
            raise _BegunElsewhere

    def _note(self, awaits: str = "", patience: float = 0.0) -> None:
        response = self._call.resp
        body = self._sealed(response.render_body())
        headers = dict(response.headers) | ({"content-type": response.content_type} if response.content_type else {})
        answer = {"status": response.status_code, "headers": json.dumps(headers), "body": body}
        answer |= {"awaits": awaits, "patience": patience}
        KeyedCall.update(answer).where(KeyedCall.key == self._key).execute()

    def _sealed(self, body: bytes | None) -> bytes | None:
        sealer = self._bound.route.sealer
        return body if body is None or sealer is None else sealer.seal(body, f"answer {self._key}")

    def _opened(self, body: bytes) -> bytes:
        sealer = self._bound.route.sealer
        return body if sealer is None else sealer.open(body, f"answer {self._key}")


def forget(runtime: Runtime) -> None:
    """Remove the keys that were kept long enough."""
    oldest = runtime.clock.now() - runtime.settings["http.keys"]
    KeyedCall.delete().where(KeyedCall.created_at < oldest).execute()


CLEAN_UP = Schedule("core.keyed_calls", CLEAN_UP_SECONDS, forget)
