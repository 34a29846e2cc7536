"""What every REST request passes before its handler: path, method, body, login, permission, in this order.

The order decides which of several errors a client sees, so it is part of the interface. Owns that order. Whatever got
so far and may change something is an event, even if its fields turn out to be wrong. Must not know any route in
particular, nor how an error is rendered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import falcon

from hanami_core.access import Access, Action, Actor, Rule
from hanami_core.errors import BadRequest, Unauthorized
from hanami_core.events import CallMade
from hanami_core.http.routes import METHODS, Call, RouteTable, permission
from hanami_core.runtime import Runtime
from hanami_server.fields import decode_body, parse_query, read_body
from hanami_server.origin import Origin

__all__ = ["Gate", "Passed"]

SHORTEST_PATH = 6
_SLASHES = re.compile(r"/{2,}")


@dataclass(frozen=True)
class Passed:
    """What the gate found out about a request."""

    call: Call
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


class Gate:
    """Falcon middleware that lets a request through to its route, or raises what is wrong with it."""

    def __init__(self, runtime: Runtime, routes: RouteTable, open_paths: frozenset[str]) -> None:
        """Guard `routes`; `open_paths` are resources of the server itself that anybody may read."""
        self._runtime = runtime
        self._routes = routes
        self._paths = open_paths | {path for _, path in routes}
        self._open = open_paths
        self._limit: int = runtime.settings["http.max_body"]
        self._origin = Origin(runtime.settings["http.proxies"])

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Check one request and leave a `Passed` in its context.

        Raises:
            ClientError: for the first thing that is wrong.
        """
        req.path = self._path(req)
        if req.method not in METHODS:
            raise BadRequest(f"Method '{req.method}' is not supported, only {', '.join(METHODS)} are")
        if len(req.path) < SHORTEST_PATH and req.path not in self._paths:
            raise BadRequest(f"Failed to pasre uri: {req.path}")
        query = parse_query(req.query_string)
        body = self._body(req)
        if req.path in self._open:
            if req.method != "GET":
                raise _no_endpoint(req)
            return
        call = Call(self._runtime, self._access(req), self._origin.address(req.env))
        req.context.passed = Passed(call, body, query)

    @staticmethod
    def _path(req: falcon.Request) -> str:
        raw = str(req.env.get("RAW_URI", "")).partition("?")[0]
        path = str(req.env.get("PATH_INFO", ""))
        if not path.startswith("/") or ".." in path or ".." in raw:
            raise BadRequest("")
        return _SLASHES.sub("/", req.path)

    def _body(self, req: falcon.Request) -> dict[str, Any]:
        if req.method not in ("POST", "PUT"):
            return {}
        chunked = "HTTP_TRANSFER_ENCODING" in req.env
        return decode_body(read_body(req.env["wsgi.input"], req.content_length, chunked, self._limit))

    def _access(self, req: falcon.Request) -> Access:
        route = self._routes.get((req.method, req.path))
        if route is not None and route.anonymous:
            return Access(_NOBODY, route.permission, _no_rules)
        token = req.get_header("X-Auth-Token")
        if not token:
            raise Unauthorized("Failed to validate JWT-Token with error: invalid token supplied")
        actor = self._runtime.plugins.authenticate(self._runtime, token)
        # An unknown path is refused like a forbidden one, so that nobody learns which paths exist.
        action = permission(self._routes, req.method, req.path.lstrip("/"))
        access = Access(actor, action, self._runtime.plugins.rules)
        access.require()
        if req.method != "GET":
            event = CallMade(actor=actor, endpoint=action.endpoint, method=req.method)
            self._runtime.plugins.event(self._runtime, event)
        if route is None:
            raise _no_endpoint(req)
        return access


def _no_endpoint(req: falcon.Request) -> BadRequest:
    return BadRequest(f"No endpoint found for path '{req.path.lstrip('/')}' and type {req.method}")


_NOBODY = Actor(user_id="", name="", project_id="", role="")


def _no_rules(_actor: Actor, _action: Action) -> list[Rule]:
    return []
