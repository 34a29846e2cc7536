"""What the beginning of a websocket leads to: a session, another host, or a refusal.

Sockets pass what routes pass: identity, then the target's action, then whatever the target asks of its row. Everything
here but `Handshake.target` may block and runs in threads. Must not know sockets, nor how a client speaks; that is in
`hanami_server.sidecar.dialect`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from hanami_core.access import Access, Actor
from hanami_core.errors import BadRequest, ClientError
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketConnection, SocketRequest, SocketSession, SocketTarget
from hanami_server.sidecar import dialect
from hanami_server.sidecar.target_paths import TargetPaths

__all__ = ["Handshake", "Opened", "Outcome", "Redirect", "Refused"]

MOST_HOPS = 3

log = logging.getLogger("hanami.sockets")


@dataclass(frozen=True)
class Opened:
    """The session is open; `blocking` tells whether it gets its messages in threads."""

    session: SocketSession
    blocking: bool


@dataclass(frozen=True)
class Redirect:
    """The sidecar of another host must serve it."""

    host: str


@dataclass(frozen=True)
class Refused:
    """The client is told why; after a first message it may try again."""

    error: ClientError


Outcome = Opened | Redirect | Refused


class InternalError(ClientError):
    """Something broke that the client need not know more about."""

    status = 500


class Handshake:
    """Decides about the beginnings of websockets on behalf of one host."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """Decide for `host`."""
        self._runtime = runtime
        self._host = host
        self._paths = TargetPaths(runtime.targets.values())

    def target(self, request: SocketRequest) -> tuple[SocketTarget, SocketRequest] | None:
        """Return the target that the path of a request chooses and the request with its parameters, or None."""
        found = self._paths.find(request.path)
        return None if found is None else (found.target, replace(request, parameters=found.parameters))

    def by_message(self, message: bytes, connection: SocketConnection, hops: int) -> Outcome:
        """Return what a first message leads to; `hops` tells how often the socket has moved already."""

        def decide() -> Outcome:
            first = dialect.read(message)
            actor = dialect.identify(self._runtime, first)
            target = self._runtime.targets.get(first.target)
            if target is None or target.path:
                raise BadRequest(f"Unknown target '{first.target[:64]}'")
            return self._open(target, actor, first.uuid, connection, hops)

        return _guarded(decide)

    def by_path(self, target: SocketTarget, connection: SocketConnection, hops: int) -> Outcome:
        """Return what a request leads to whose path has chosen a target."""

        def decide() -> Outcome:
            actor = dialect.identify_request(self._runtime, connection.request)
            return self._open(target, actor, connection.request.parameters.get("uuid", ""), connection, hops)

        return _guarded(decide)

    def _open(
        self, target: SocketTarget, actor: Actor, uuid: str, connection: SocketConnection, hops: int
    ) -> Opened | Redirect:
        access = Access(actor, target.action, self._runtime.plugins.rules)
        access.require()
        host = target.host(self._runtime, uuid)
        if host is not None and host != self._host:
            if host not in self._runtime.hosts or hops >= MOST_HOPS:
                raise BadRequest(f"Host '{host}' is not available")
            return Redirect(host)
        return Opened(target.open(self._runtime, access, uuid, connection), target.blocking)


def _guarded(decide: Callable[[], Outcome]) -> Outcome:
    try:
        return decide()
    except ClientError as error:
        return Refused(error)
    except Exception:
        log.exception("websocket was not opened")
        return Refused(InternalError("Internal error"))
