"""What the first message of a websocket leads to: a session, another host, or a refusal.

Everything here may block and runs in threads. Owns the checks of the first message. Must not know sockets.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec

from hanami_core.access import Access, Actor
from hanami_core.errors import BadRequest, ClientError, Unauthorized
from hanami_core.http.validation import validate
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketSession
from hanami_server.fields import decode_body

__all__ = ["Admission", "Elsewhere", "FirstMessage", "Opened", "Outcome", "Refused"]

MOST_HOPS = 3

log = logging.getLogger("hanami.sockets")


class FirstMessage(msgspec.Struct, forbid_unknown_fields=True):
    """What a client says first: who it is and what it wants."""

    token: str
    target: str
    uuid: str


@dataclass(frozen=True)
class Opened:
    """The session is open."""

    session: SocketSession


@dataclass(frozen=True)
class Elsewhere:
    """The sidecar of another host must serve it."""

    host: str


@dataclass(frozen=True)
class Refused:
    """The client gets this text and may try again."""

    text: str


Outcome = Opened | Elsewhere | Refused


class Admission:
    """Decides about first messages on behalf of one host."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """Decide for `host`."""
        self._runtime = runtime
        self._host = host

    def decide(self, message: bytes, hops: int) -> Outcome:
        """Return what a first message leads to; `hops` tells how often the socket has moved already."""
        try:
            return self._decide(self._read(message), hops)
        except ClientError as error:
            return Refused(str(error))
        except Exception:
            log.exception("first message failed")
            return Refused("Internal error")

    @staticmethod
    def _read(message: bytes) -> FirstMessage:
        values = decode_body(message)
        # Released clients may send more than is needed.
        return validate(FirstMessage, {name: values[name] for name in FirstMessage.__struct_fields__ if name in values})

    def _decide(self, first: FirstMessage, hops: int) -> Outcome:
        actor = self._actor(first.token)
        target = self._runtime.targets.get(first.target)
        if target is None:
            raise BadRequest(f"Unknown target '{first.target[:64]}'")
        access = Access(actor, target.action, self._runtime.plugins.rules)
        access.require()
        host = target.host(self._runtime, first.uuid)
        if host is not None and host != self._host:
            if host not in self._runtime.hosts or hops >= MOST_HOPS:
                raise BadRequest(f"Host '{host}' is not available")
            return Elsewhere(host)
        return Opened(target.open(self._runtime, access, first.uuid))

    def _actor(self, token: str) -> Actor:
        try:
            return self._runtime.plugins.authenticate(self._runtime, token)
        except Unauthorized:
            raise Unauthorized("Token invalid") from None
