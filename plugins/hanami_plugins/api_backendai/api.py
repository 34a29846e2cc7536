"""The Api object of Backend.AI: its prefixes, how it reads fields, and how it renders answers and problems.

Must not know what any route does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import falcon
import msgspec

from hanami_core.errors import VisibleError
from hanami_core.http import Api, ApiDescription, Call, Handler, Route
from hanami_core.http.fields import body_fields, convert, query_fields
from hanami_core.runtime import Runtime
from hanami_plugins.api_backendai.problems import BASE, Problem, problem_of
from hanami_plugins.api_backendai.schemes import (
    COOKIE,
    COOKIE_SCHEME,
    READING,
    SIGNATURE,
    expect_valid_form,
    note_used,
)
from hanami_plugins.api_backendai.sentences import SENTENCES

__all__ = ["NAME", "PREFIX", "BackendApi", "BackendRoute", "CookiePrefix", "route"]

NAME = "backendai"
R = TypeVar("R", bound=msgspec.Struct)
PREFIX, COOKIE_PREFIX = "/backendai", "/backendai/func"
PROBLEM_TYPE = "application/problem+json"

Gate = Callable[[Route], object]
Refusal = Callable[[falcon.Request, falcon.Response, str], object]


@dataclass(frozen=True)
class BackendRoute(Route[R]):
    """A route of this API.

    Args:
        problems: kinds of problems for codes of errors, as far as this route's are others than those of the API.
        refused: called with request, answer and text after an error was rendered; changes what released clients of
            this route cannot bear.
    """

    problems: Mapping[str, Problem] = field(default_factory=dict, hash=False)
    refused: Refusal | None = field(default=None, compare=False)


class BackendApi(Api):
    """The API of Backend.AI 22.03, for its released clients."""

    sentences = SENTENCES

    def __init__(self, runtime: Runtime, gate: Gate) -> None:
        """Serve a runtime; `gate` raises if a route may not be called now, whoever calls it."""
        super().__init__(NAME, PREFIX, (SIGNATURE, COOKIE_SCHEME))
        self._clock, self._gate = runtime.clock, gate

    def begin(self, request: falcon.Request, route: Route | None, limit: int) -> None:
        """Refuse a signature that has no valid form, and what may not be called now.

        Raises:
            BadRequest: naming the header and the rule that it breaks.
            Unavailable: if the server is frozen.
        """
        if route is None or not route.anonymous:
            expect_valid_form(request, self._clock.now())
        if route is not None:
            self._gate(route)

    def read(self, call: Call, route: Route, limit: int) -> msgspec.Struct:
        """Return the fields of a request, which are in its body, whatever the method, or else in its query."""
        struct = route.struct_of(call.req)
        values: dict[str, object] = query_fields(call.req.query_string, struct)
        if route.body_has_fields(call.req):
            values |= body_fields(call.req, limit)
        call.req.context.fields = values
        return convert(struct, values | {name: str(value) for name, value in call.params.items()})

    def answer(self, call: Call, route: Route, result: object) -> None:
        """Render the result of a route; a signature that could have changed something is not accepted again.

        It does not cover the body: whoever has listened to a question could send a change with its signature.
        """
        if call.req.method not in READING:
            note_used(call.req, self._clock.now())
        super().answer(call, route, result)

    def refuse(
        self, request: falcon.Request, response: falcon.Response, error: VisibleError, route: Route | None = None
    ) -> None:
        """Render an error as a problem, which always has a type and a title."""
        own = route if isinstance(route, BackendRoute) else None
        problem, text = problem_of(error, {} if own is None else own.problems), self.sentence(error, route)
        body: dict[str, Any] = {"type": BASE + problem.slug, "title": problem.title, "msg": text}
        if problem.field:
            body["data"] = {problem.field: text}
        response.status = problem.status
        response.content_type = PROBLEM_TYPE
        response.text = None
        response.data = msgspec.json.encode(body)
        self.advise(response, error)
        if own is not None and own.refused is not None:
            own.refused(request, response, text)

    @property
    def description(self) -> ApiDescription:
        """What the OpenAPI document says about the API."""
        about = "The interface of Backend.AI 22.03, for its released clients; see the page *Backend.AI clients*.\n"
        security = {
            SIGNATURE: {"type": "apiKey", "in": "header", "name": "Authorization"},
            COOKIE_SCHEME: {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        return ApiDescription("Backend.AI", about, security, error_type=PROBLEM_TYPE)


class CookiePrefix(Api):
    """Leads calls below ``/func``, where the cookie of a login counts, to the same routes."""

    sentences = SENTENCES

    def __init__(self, api: BackendApi) -> None:
        super().__init__(f"{NAME}_func", COOKIE_PREFIX)
        self._api = api

    def admit(self, request: falcon.Request) -> str:
        """Return the path of the same call below the other prefix."""
        path = super().admit(request)
        request.context.api, request.context.by_cookie = self._api, True
        return PREFIX + path.removeprefix(COOKIE_PREFIX)


def route(
    method: str,
    path: str,
    action: str,
    request: type[R],
    response: object,
    handler: Handler[R],
    roles: tuple[str, ...] = ("admin", "member"),
    **more: Any,
) -> Route[R]:
    """Return a route of this API."""
    return BackendRoute(method, path, action, request, response, handler, roles, api=NAME, **more)
