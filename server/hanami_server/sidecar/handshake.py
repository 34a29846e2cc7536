"""What the beginning of a websocket leads to: a session, another host, or a refusal.

Sockets pass what routes pass: identity, then the target's action, then whatever the target asks of its row. Everything
here but `Handshake.target` may block and runs in threads. Must not know sockets, nor how a client speaks; that is in
`hanami_server.sidecar.api_choice`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import falcon

from hanami_core.access import Access, Actor
from hanami_core.admission import SOCKETS, Claim
from hanami_core.errors import BadRequest, InternalError, VisibleError
from hanami_core.http import Api
from hanami_core.runtime import Runtime
from hanami_core.sockets import OpenSession, SocketConnection, SocketRequest, SocketSession, SocketTarget
from hanami_core.storage.failures import storage_failure
from hanami_server.authorization import identify
from hanami_server.permits import Permit
from hanami_server.sidecar import api_choice
from hanami_server.sidecar.shares import Share, Shares
from hanami_server.sidecar.target_paths import TargetPaths

__all__ = ["Handshake", "Opened", "Outcome", "Redirect", "Refused"]

MOST_HOPS = 3

log = logging.getLogger("hanami.sockets")


class SocketCaller(NamedTuple):
    """Who asks, by which request, which Api they speak, and which one gives the names that policies are asked by."""

    api: Api
    request: falcon.Request
    actor: Actor
    named_by: Api


@dataclass(frozen=True)
class Opened:
    """The session is open; `blocking` tells whether it gets its messages in threads, `share` is what it takes."""

    session: SocketSession
    blocking: bool
    api: Api
    permit: Permit
    share: Share


@dataclass(frozen=True)
class Redirect:
    """The sidecar of another host must serve it."""

    host: str
    api: Api


@dataclass(frozen=True)
class Refused:
    """The client is told why; after a first message it may try again."""

    error: VisibleError
    api: Api


Outcome = Opened | Redirect | Refused


class Handshake:
    """Decides about the beginnings of websockets on behalf of one host."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """Decide for `host`."""
        self._runtime = runtime
        self._host = host
        self._shares = Shares(runtime.settings["sockets.user_memory"], runtime.settings["sockets.memory"])
        self._paths = TargetPaths(runtime.targets.values())

    def target(self, request: SocketRequest) -> tuple[SocketTarget, SocketRequest] | None:
        """Return the target that the path of a request chooses and the request with its parameters, or None."""
        found = self._paths.find(request.path)
        return None if found is None else (found.target, replace(request, parameters=found.parameters))

    def by_message(self, message: bytes, connection: SocketConnection, hops: int) -> Outcome:
        """Return what a first message leads to; `hops` tells how often the socket has moved already."""
        request = api_choice.as_falcon(connection.request)
        chosen = self._runtime.routes.api_of(request.path)

        def decide() -> Outcome:
            nonlocal chosen
            chosen, opening = api_choice.choose(self._runtime.routes, request, message)
            actor = identify(self._runtime, chosen, opening.request)
            target = self._runtime.targets.get(opening.target)
            if target is None or target.path:
                raise BadRequest("target_unknown", target=opening.target[:64])
            names = self._runtime.routes.api_of_socket(actor, chosen)
            caller = SocketCaller(chosen, opening.request, actor, names)
            return self._open(target, caller, opening.resource, connection, hops)

        return _guarded(decide, lambda: chosen)

    def by_path(self, target: SocketTarget, connection: SocketConnection, hops: int) -> Outcome:
        """Return what a request leads to whose path has chosen a target."""
        request = api_choice.as_falcon(connection.request)
        api = self._runtime.routes.api_of(request.path)

        def decide() -> Outcome:
            caller = SocketCaller(api, request, identify(self._runtime, api, request), api)
            return self._open(target, caller, connection.request.parameters.get("uuid", ""), connection, hops)

        return _guarded(decide, lambda: api)

    def _open(
        self, target: SocketTarget, caller: SocketCaller, uuid: str, connection: SocketConnection, hops: int
    ) -> Opened | Redirect:
        action = caller.named_by.socket_action(target.action)
        access = Access(caller.actor, action, self._runtime.plugins.access_rules)
        access.require()
        host = target.host(self._runtime, uuid)
        if host is not None and host != self._host:
            if host not in self._runtime.hosts or hops >= MOST_HOPS:
                raise BadRequest("host_unavailable", host=host)
            return Redirect(host, caller.api)
        share = self._shares.enter(caller.actor)
        with _left_on_failure(share):
            claim = Claim(caller.actor.user_id, caller.actor.project_id, SOCKETS, has=share.before)
            self._runtime.admit(claim)
            session = target.open(self._runtime, access, uuid, connection)
            permit = Permit(caller.api, caller.request, caller.actor, action, target, OpenSession(uuid, session))
            return Opened(session, target.blocking, caller.api, permit, share)


@contextmanager
def _left_on_failure(share: Share) -> Iterator[None]:
    try:
        yield
    except BaseException:
        share.leave()
        raise


def _guarded(decide: Callable[[], Outcome], api: Callable[[], Api]) -> Outcome:
    try:
        return decide()
    except VisibleError as error:
        return Refused(error, api())
    except BaseException as error:
        log.exception("websocket was not opened")
        return Refused(storage_failure(error) or InternalError("socket_failed"), api())
