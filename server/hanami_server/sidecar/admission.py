"""What the first message of a websocket leads to: a session, another host, or a refusal.

Everything here may block and runs in threads. Owns the checks of the first message. Must not know sockets.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec

from hanami_core.access import Access
from hanami_core.errors import BadRequest, ClientError
from hanami_core.http import Api, SocketRequest
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketSession
from hanami_server.gate import identify
from hanami_server.sidecar.handshake import choose, request_of

__all__ = ["Admission", "Elsewhere", "Opened", "Outcome", "Refused"]

MOST_HOPS = 3

log = logging.getLogger("hanami.sockets")


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
            chosen = choose(self._runtime.routes, request_of(), message)
            assert chosen is not None, "there is a message"
            api, first = chosen
        except ClientError as error:
            return Refused(_text(self._runtime.routes.api_of("/"), error))
        try:
            return self._decide(api, first, hops)
        except ClientError as error:
            return Refused(_text(api, error))
        except Exception:
            log.exception("first message failed")
            return Refused("Internal error")

    def _decide(self, api: Api, first: SocketRequest, hops: int) -> Outcome:
        actor = identify(self._runtime, api, first.request)
        target = self._runtime.targets.get(first.target)
        if target is None:
            raise BadRequest(f"Unknown target '{first.target[:64]}'")
        access = Access(actor, api.socket_action(target.action), self._runtime.plugins.access_rules)
        access.require()
        host = target.host(self._runtime, first.resource)
        if host is not None and host != self._host:
            if host not in self._runtime.hosts or hops >= MOST_HOPS:
                raise BadRequest(f"Host '{host}' is not available")
            return Elsewhere(host)
        return Opened(target.open(self._runtime, access, first.resource))


def _text(api: Api, error: ClientError) -> str:
    return str(msgspec.json.decode(api.socket_refused(error))["error"])
