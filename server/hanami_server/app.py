"""The WSGI application: routes of plugins bound to Falcon, and the one place where errors become answers.

What an answer looks like is up to the Api that a path belongs to. An error that nobody raised on purpose is logged
under a random identifier, and the client gets that identifier and never a traceback.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import falcon
import peewee

from hanami_core.access import acting
from hanami_core.disclosure import without_paths
from hanami_core.errors import BY_STATUS, BadRequest, InternalError, Unavailable, VisibleError, contained
from hanami_core.events import CallFailed
from hanami_core.http import METHODS, Api, BoundRoute, Call, Route
from hanami_core.http.keyed import acknowledge, once
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.storage.database import reset
from hanami_core.storage.disk import require_room
from hanami_core.storage.failures import storage_failure
from hanami_server import process_metrics
from hanami_server.answers import ResponseRenderer
from hanami_server.authorization import Authorizer
from hanami_server.client_address import ClientAddressResolver
from hanami_server.foreign_pages import foreign_pages
from hanami_server.health import LIVE_PATH, READY_PATH, LivenessResource, ReadinessResource
from hanami_server.logs import hide_secrets, without_secrets
from hanami_server.permits import Permits
from hanami_server.request_counts import RequestTimer

__all__ = ["AccessLog", "Dispatcher", "Endpoint", "create_app"]

App = falcon.App[falcon.Request, falcon.Response]
Responder = Callable[..., None]

STORAGE_PAUSE = 30.0
"""Seconds between two reports about storage that goes on failing: a full disk must not fill the log."""

log = logging.getLogger("hanami.http")


def create_app(runtime: Runtime) -> App:
    """Return the application that serves the routes of all plugins of a runtime."""
    server = Dispatcher(runtime)
    app: App = falcon.App()
    for middleware in foreign_pages(runtime.settings["http.origins"]):
        app.add_middleware(middleware)
    app.add_middleware(RequestTimer(runtime))
    app.add_middleware(AccessLog())
    app.add_middleware(server)
    app.add_error_handler(Exception, server.fail)
    app.add_error_handler(falcon.HTTPError, server.refuse_http)
    app.add_error_handler(VisibleError, server.refuse)
    for path in dict.fromkeys(bound.path for bound in runtime.routes):
        app.add_route(path, Endpoint(server, (bound for bound in runtime.routes if bound.path == path)))
    app.add_route(LIVE_PATH, LivenessResource())
    app.add_route(READY_PATH, ReadinessResource(runtime))
    app.add_sink(server.unknown, "/")
    process_metrics.contribute(runtime)
    return app


class AccessLog:
    """Falcon middleware that logs every request, if the level is debug."""

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _done: bool) -> None:
        """Log who asked for what, and what came of it."""
        if log.isEnabledFor(logging.DEBUG):
            fields = {"method": req.method, "path": req.path, "status": resp.status_code, "user": _user(req)}
            log.debug("request", extra=fields)


def _user(req: falcon.Request) -> str:
    call: Call | None = getattr(req.context, "call", None)
    return "" if call is None or call.granted is None else call.granted.actor.user_id


class Endpoint:
    """One path: a responder ``on_get``, ``on_post`` ... for each of its `routes`.

    Where there is a GET, there is a HEAD that answers the same without its content.
    """

    def __init__(self, server: Dispatcher, routes: Iterable[BoundRoute]) -> None:
        """Bind the routes of one path."""
        self.routes = {bound.route.method: bound for bound in routes}
        if "GET" in self.routes:
            self.routes.setdefault("HEAD", self.routes["GET"])
        for method, bound in self.routes.items():
            setattr(self, f"on_{method.lower()}", server.responder(bound))


class Dispatcher:
    """Takes every request from Falcon to its handler and back."""

    def __init__(self, runtime: Runtime) -> None:
        """Serve the routes of a runtime."""
        self._runtime = runtime
        self._authorizer = Authorizer(runtime)
        self._answers = ResponseRenderer(runtime.settings["http.streams"], Permits(runtime))
        self._limit: int = runtime.settings["http.max_body"]
        self._client_addresses = ClientAddressResolver(runtime.settings["http.proxies"])
        self._silent_until = 0.0

    # -- requests -----------------------------------------------------------------------------------------------------

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Find the Api of a request before its route is looked for."""
        req.context.api = api = self._runtime.routes.api_of(req.path)
        resp.set_header("Server", api.server)
        acknowledge(req, resp)
        path = api.admit(req)
        req.path = path.rstrip("/") if len(path) > 1 else path

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: Any, _params: dict[str, Any]
    ) -> None:
        """Let Falcon tell which methods a path has only to those who may know that it exists."""
        hidden = req.context.api.hides_unknown and isinstance(resource, Endpoint)
        if not hidden or req.method != "OPTIONS" or "OPTIONS" in resource.routes:
            return
        if "GET" not in resource.routes:
            raise self._unknown(req, tuple(resource.routes))
        self._authorizer.authorize(req, resource.routes["GET"])

    def responder(self, bound: BoundRoute) -> Responder:
        """Return Falcon's responder for a route."""
        api, route = bound.api, bound.route
        most = self._limit if route.max_body is None else route.max_body

        def respond(req: falcon.Request, resp: falcon.Response, /, **params: object) -> None:
            content = route.content_of(req)
            limit = most if content is None else content.max_body
            req.context.api, req.context.bound = api, bound
            resp.set_header("Server", api.server)
            if route.status is not None:
                resp.status = route.status
            api.begin(req, route, limit)
            access = self._authorizer.authorize(req, bound)
            call = Call(self._runtime, access, req, resp, self._client_addresses.resolve(req.env), params, limit)
            req.context.call = call
            request: Any = req if route.request is None else api.read(call, route, limit)

            def work() -> None:
                if route.keyed:  # it creates something
                    require_room(self._runtime.settings.data_dir, self._runtime.reserve.size)
                try:
                    with self._room_to_delete(route), acting(None if access is None else access.actor):
                        result = route.handler(call, request)
                except Exception:
                    raise
                except BaseException as error:  # which Falcon would let through
                    raise contained(error) from error
                self._answers.render(call, bound, result, lambda error: self._report(req, error))

            if route.keyed:
                once(call, bound, request, work)
            else:
                work()

        return respond

    @contextlib.contextmanager
    def _room_to_delete(self, route: Route) -> Iterator[None]:
        """Let deletions work on a disk that is full, and keep room for the next ones as soon as there is some."""
        if route.method != "DELETE":
            yield
            return
        self._runtime.reserve.give_way()
        yield
        self._runtime.reserve.restore()

    def unknown(self, req: falcon.Request, resp: falcon.Response, **_: object) -> None:
        """Refuse a path without a route."""
        raise self._unknown(req, ())

    def _unknown(self, req: falcon.Request, allowed: tuple[str, ...]) -> VisibleError:
        api: Api = req.context.api
        try:
            api.begin(req, None, self._limit)
            if req.path not in (LIVE_PATH, READY_PATH):
                self._authorizer.hide(req, api)
        except VisibleError as error:
            return error
        return api.unknown(req, allowed)

    # -- errors -------------------------------------------------------------------------------------------------------

    def refuse(self, req: falcon.Request, resp: falcon.Response, error: VisibleError, _params: dict[str, Any]) -> None:
        """Answer an error that was raised on purpose."""
        bound: BoundRoute | None = getattr(req.context, "bound", None)
        api: Api = req.context.api
        api.refuse(req, resp, error, None if bound is None else bound.route)

    def refuse_http(
        self, req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]
    ) -> None:
        """Answer what Falcon itself refuses."""
        if isinstance(error, falcon.HTTPMethodNotAllowed):
            allowed = tuple(name for name in METHODS if name in (error.headers or {}).get("Allow", ""))  # type: ignore[union-attr]
            self.refuse(req, resp, self._unknown(req, allowed), params)
            return
        kind = BY_STATUS.get(error.status_code, BadRequest if error.status_code < 500 else Unavailable)
        self.refuse(req, resp, kind(error.description or error.title or ""), params)

    def fail(self, req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
        """Answer an error that nobody raised on purpose; storage that misbehaves is not a defect."""
        failure = storage_failure(error)
        if failure is not None:
            self._note_storage(req, error)
            self.refuse(req, resp, failure, params)
            return
        self.refuse(req, resp, InternalError("internal_error", identity=self._report(req, error)), params)

    def _note_storage(self, req: falcon.Request, error: Exception) -> None:
        """Log why the storage failed, but not for each request; nothing is told to plugins, which would write it."""
        reset(self._runtime.database)
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + STORAGE_PAUSE
            log.error("storage failed", exc_info=error, extra={"method": req.method, "path": req.path})

    def _report(self, req: falcon.Request, error: Exception) -> str:
        """Log a defect, tell it to the plugins, and return the number that the client may know."""
        if isinstance(error, peewee.PeeweeException):
            reset(self._runtime.database)
        identity = new_uuid()
        log.error("request failed", exc_info=error, extra={"id": identity, "method": req.method, "path": req.path})
        self._runtime.plugins.event(
            self._runtime,
            _failed(req, f"internal error {identity}: {type(error).__name__}: {without_paths(str(error))}"),
        )
        return identity


def _failed(req: falcon.Request, message: str) -> CallFailed:
    call: Call | None = getattr(req.context, "call", None)
    granted = None if call is None else call.granted
    bound: BoundRoute | None = getattr(req.context, "bound", None)
    fields: dict[str, object] = getattr(req.context, "fields", {})
    return CallFailed(
        actor=None if granted is None else granted.actor,
        component="" if bound is None else bound.route.action,
        context=f"{req.method} {req.path.lstrip('/')}",
        input_values=without_secrets(fields),
        message=hide_secrets(message),
    )
