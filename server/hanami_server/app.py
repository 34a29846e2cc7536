"""The WSGI application: routes of plugins bound to Falcon, and the one place where errors become answers.

Success is always 200, with JSON unless a route answers a `Page`. A `ClientError` is its own text with its own status.
Anything else is logged under a random identifier, and the client gets that identifier and never a traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import falcon
import msgspec
import peewee

from hanami_core.errors import BadRequest, ClientError
from hanami_core.events import CallFailed
from hanami_core.http.routes import Page, Route
from hanami_core.http.validation import field_types, validate
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.storage.database import reset
from hanami_server.fields import merge
from hanami_server.gate import Gate, Passed
from hanami_server.health import LIVE_PATH, READY_PATH, Live, Ready
from hanami_server.logs import hide_secrets, without_secrets

__all__ = ["Endpoint", "Journal", "create_app"]

Responder = Callable[[falcon.Request, falcon.Response], None]

log = logging.getLogger("hanami.http")


def create_app(runtime: Runtime) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the application that serves the routes of all plugins of a runtime."""
    routes = runtime.routes
    open_resources = {LIVE_PATH: Live(), READY_PATH: Ready(runtime)}
    app = falcon.App()
    app.add_middleware(Journal())
    app.add_middleware(Gate(runtime, routes, frozenset(open_resources)))
    app.add_error_handler(Exception, partial(_answer_failure, runtime))
    app.add_error_handler(falcon.HTTPError, _answer_http_error)
    app.add_error_handler(ClientError, _answer_client_error)
    for path in dict.fromkeys(path for _, path in routes):
        app.add_route(path, Endpoint(route for route in routes.values() if route.path == path))
    for path, resource in open_resources.items():
        app.add_route(path, resource)
    return app


class Journal:
    """Falcon middleware that logs every request, if the level is debug."""

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _done: bool) -> None:
        """Log who asked for what, and what came of it."""
        if log.isEnabledFor(logging.DEBUG):
            passed: Passed | None = getattr(req.context, "passed", None)
            user = passed.call.actor.user_id if passed is not None else ""
            fields = {"method": req.method, "path": req.path, "status": resp.status_code, "user": user}
            log.debug("request", extra=fields)


class Endpoint:
    """One path: a responder ``on_get``, ``on_post`` ... for each of its routes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Bind the routes of one path."""
        for route in routes:
            setattr(self, f"on_{route.method.lower()}", _responder(route))


def _responder(route: Route) -> Responder:
    types = field_types(route.request)

    def respond(req: falcon.Request, resp: falcon.Response) -> None:
        passed: Passed = req.context.passed
        request = _request(route, merge(passed.body, passed.query, types))
        answer = route.handler(passed.call, request)
        if isinstance(answer, Page):
            resp.data, resp.content_type = answer.body, answer.content_type
        else:
            resp.data, resp.content_type = msgspec.json.encode(answer), falcon.MEDIA_JSON

    return respond


def _request(route: Route, values: dict[str, Any]) -> msgspec.Struct:
    try:
        return validate(route.request, values)
    except RecursionError:
        raise BadRequest("Value-validation failed: nested too deeply") from None


def _answer(resp: falcon.Response, status: int, text: str) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_TEXT
    resp.data = None
    resp.text = text


def _answer_client_error(
    _req: falcon.Request, resp: falcon.Response, error: ClientError, _params: dict[str, Any]
) -> None:
    _answer(resp, error.status, str(error))


def _answer_http_error(
    _req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: dict[str, Any]
) -> None:
    # Released clients know no other status for something that the framework itself refuses.
    _answer(resp, 400, error.description or error.title or "")


def _answer_failure(
    runtime: Runtime, req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]
) -> None:
    if isinstance(error, peewee.PeeweeException):
        reset(runtime.database)
    identity = new_uuid()
    log.error("request failed", exc_info=error, extra={"id": identity, "method": req.method, "path": req.path})
    runtime.plugins.event(runtime, _failed(req, f"internal error {identity}: {type(error).__name__}: {error}"))
    _answer(resp, 500, f"internal error {identity}")


def _failed(req: falcon.Request, message: str) -> CallFailed:
    passed: Passed | None = getattr(req.context, "passed", None)
    return CallFailed(
        actor=None if passed is None else passed.call.actor,
        component="" if passed is None else passed.call.access.action.name,
        context=f"{req.method} {req.path.lstrip('/')}",
        input_values={} if passed is None else without_secrets({**passed.body, **passed.query}),
        message=hide_secrets(message),
    )
