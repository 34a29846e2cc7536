"""An Api: one wire format with its prefix, its ways to log in, and its words for everything.

An API plugin returns an instance of `Api` or of a subclass from the hook ``hanami_apis``. The defaults make a plain
modern API: fields from the path, the query and a JSON body, answers as JSON, errors as ``application/problem+json``
(RFC 9457). A subclass replaces what its wire does otherwise. Must not know any wire but that default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from hanami_core.access import Action, Actor
from hanami_core.clock import Moment
from hanami_core.errors import (
    BY_STATUS,
    ClientError,
    MethodNotAllowed,
    NotFound,
    PluginError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    VisibleError,
)
from hanami_core.http.call import Call
from hanami_core.http.fields import body_fields, convert, query_fields
from hanami_core.http.paths import without_converters
from hanami_core.http.route import Route

if TYPE_CHECKING:
    import falcon

__all__ = ["Api", "ApiDescription", "SocketOpening"]

PROBLEM = "application/problem+json"
JSON = "application/json"

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_PREFIX = re.compile(r"(/[A-Za-z0-9_.~-]+)*")

PROBLEMS = {str(status): (kind.__name__, (kind.__doc__ or "").splitlines()[0]) for status, kind in BY_STATUS.items()}


@dataclass(frozen=True)
class ApiDescription:
    """What an OpenAPI document says about an Api in addition to its routes.

    `security` maps names of schemes to OpenAPI's security schemes; `errors` maps statuses to a name and an explanation,
    and `error_type` is their media type.
    """

    title: str
    about: str = ""
    security: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Mapping[str, tuple[str, str]] = field(default_factory=lambda: PROBLEMS)
    error_type: str = PROBLEM


@dataclass(frozen=True)
class SocketOpening:
    """What a websocket is to be opened for. `request` has the credential where the Api's schemes look for it."""

    target: str
    resource: str
    request: falcon.Request


class Api:
    """One wire format.

    Args:
        name: what routes refer to.
        prefix: prefix of its paths, such as ``/notes/v1``.
        schemes: names of the authenticators whose credentials it accepts, in the order in which they are tried.
        server: value of the header ``Server``.
        fallback: whether it answers for paths that no prefix covers; only one Api of an installation may.
        hides_unknown: whether to hide from unauthorised callers which paths exist: identity and policy are checked
            before "there is no such path".

    Raises:
        PluginError: if name, prefix or schemes are invalid.
    """

    sentences: Mapping[str, str] = {}
    """Texts for codes of errors; ``{name}`` stands for a parameter."""
    attributes: Mapping[str, str] = {}
    """What `Actor.attributes` has of everybody who has logged in at this Api, and of nobody else.

    Without them nobody can be told by their credential to be a client of this Api.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        schemes: tuple[str, ...] = (),
        *,
        server: str = "Hanami",
        fallback: bool = False,
        hides_unknown: bool = False,
    ) -> None:
        rules = (
            (bool(_NAME.fullmatch(name)), "its name must be made of small letters, digits and _ . -"),
            (bool(_PREFIX.fullmatch(prefix)), f"its prefix {prefix!r} must be empty or look like /notes/v1"),
            (not isinstance(schemes, str), "its schemes must be several names, not a text"),
        )
        for holds, message in rules:
            if not holds:
                raise PluginError(f"api {name}: {message}")
        self.name = name
        self.prefix = prefix
        self.schemes = schemes
        self.server = server
        self.fallback = fallback
        self.hides_unknown = hides_unknown
        self._encoder = msgspec.json.Encoder(enc_hook=self.encode)

    # -- policy -------------------------------------------------------------------------------------------------------

    def path_of(self, route: Route) -> str:
        """Return the whole path of a route."""
        return (route.path if route.root else self.prefix + route.path) or "/"

    def endpoint(self, route: Route) -> str:
        """Return the path of a route as policy files and audit logs write it; parameters have only their names."""
        return without_converters(self.path_of(route)).lstrip("/")

    def action(self, route: Route) -> Action:
        """Return the action that a caller of a route needs."""
        return Action(route.action, route.method, self.endpoint(route), route.verb, route.roles, api=self.name)

    def socket_action(self, action: Action) -> Action:
        """Return the action that a socket of this Api needs, given that of its target, whose endpoint has no prefix."""
        endpoint = f"{self.prefix}/{action.endpoint}".lstrip("/") if action.endpoint else ""
        return replace(action, endpoint=endpoint, api=self.name)

    def knows(self, actor: Actor) -> bool:
        """Tell whether an actor has logged in at this Api, as far as the `attributes` of an Api show it."""
        return bool(self.attributes) and self.attributes.items() <= actor.attributes.items()

    # -- requests -----------------------------------------------------------------------------------------------------

    def admit(self, request: falcon.Request) -> str:
        """Return the path by which a request finds its route; called before anything else.

        Raises:
            ClientError: if method or path are invalid.
        """
        return str(request.path)

    def begin(self, request: falcon.Request, route: Route | None, limit: int) -> None:
        """Inspect a request before its caller is identified; findings can be stored in ``request.context``.

        Args:
            request: the request.
            route: its route, None if there is none.
            limit: largest body in bytes.

        Raises:
            ClientError: if the request must be rejected.
        """

    def read(self, call: Call, route: Route, limit: int) -> msgspec.Struct:
        """Return the fields of a request as the struct of its route; `limit` is the largest body in bytes.

        Raises:
            BadRequest: naming the field and the rule that it breaks.
        """
        struct = route.struct_of(call.req)
        values: dict[str, object] = query_fields(call.req.query_string, struct)
        if call.req.method in ("POST", "PUT", "PATCH") and route.body_has_fields(call.req):
            values = body_fields(call.req, limit) | values
        call.req.context.fields = values
        return convert(struct, values | {name: _plain(value) for name, value in call.params.items()})

    # -- answers ------------------------------------------------------------------------------------------------------

    def encode(self, value: object) -> object:
        """Return a value that JSON cannot represent as one that it can; called for what services return.

        A `Moment` and an error, such as that of a task, become texts.
        """
        if isinstance(value, VisibleError):
            return self.sentence(value)
        if isinstance(value, Moment):
            return None if value.seconds is None else datetime.fromtimestamp(value.seconds, UTC).isoformat()
        raise NotImplementedError(f"{type(value).__name__} cannot be sent")

    def schema(self, kind: type) -> dict[str, Any]:
        """Return the JSON schema of a type that `encode` converts."""
        if kind is Moment:
            return {"type": ["string", "null"], "format": "date-time", "examples": ["2026-03-14T09:26:53+00:00"]}
        if issubclass(kind, VisibleError):
            return {"type": "string", "examples": ["value out of range (interface out, cycle 7)"]}
        raise NotImplementedError

    def render(self, value: object) -> str:
        """Return the result of a service as text, where it is only a part of an answer: the data of an event."""
        return self._encoder.encode(value).decode()

    def answer(self, call: Call, route: Route, result: object) -> None:
        """Render what a handler returned into ``call.resp``; None is an answer without content."""
        if result is None:
            call.resp.status = call.resp.status if call.resp.status_code != HTTPStatus.OK else 204
            return
        call.resp.data, call.resp.content_type = self._encoder.encode(result), JSON

    def sentence(self, error: VisibleError, route: Route | None = None) -> str:
        """Return the text of an error: from the Api, else from the route, else from the error itself."""
        text = self.sentences.get(error.code)
        if text is None and route is not None:
            text = route.errors.get(error.code)
        try:
            return str(error) if text is None else text.format_map(error.parameters)
        except (LookupError, ValueError, AttributeError):
            # An error that cannot be told in full must not become another one.
            return str(error)

    def refuse(
        self, request: falcon.Request, response: falcon.Response, error: VisibleError, route: Route | None = None
    ) -> None:
        """Render an error."""
        shown = {name: value for name, value in error.parameters.items() if isinstance(value, str | int | float | None)}
        problem = shown | {
            "type": f"urn:hanami:{error.code}" if error.code.replace("_", "").isalnum() else "about:blank",
            "title": HTTPStatus(error.status).phrase,
            "status": error.status,
            "detail": self.sentence(error, route),
        }
        response.status = error.status
        response.content_type = PROBLEM
        response.text = None
        response.data = self._encoder.encode(problem)
        self.advise(response, error)
        if isinstance(error, Unauthorized) and self.schemes:
            response.set_header("WWW-Authenticate", ", ".join(self.schemes))

    @staticmethod
    def advise(response: falcon.Response, error: VisibleError) -> None:
        """Set the headers that tell when to try again, or by which methods; for Apis that render errors their way."""
        if isinstance(error, TooManyRequests | Unavailable) and "retry_after" in error.parameters:
            response.set_header("Retry-After", str(error.parameters["retry_after"]))
        if isinstance(error, MethodNotAllowed):
            response.set_header("Allow", str(error.parameters.get("allowed", "")))

    def unknown(self, request: falcon.Request, allowed: tuple[str, ...]) -> ClientError:
        """Return the error for a path without a route, or for one that has only the methods `allowed`."""
        if allowed:
            return MethodNotAllowed("method_not_allowed", method=request.method, allowed=", ".join(allowed))
        return NotFound("path_unknown", path=request.path)

    # -- websockets ---------------------------------------------------------------------------------------------------

    def open_socket(self, request: falcon.Request, message: bytes) -> SocketOpening | None:
        """Return what the first message asks to open a websocket for, or None if this Api does not understand it.

        Raises:
            ClientError: if the message is meant for this Api and is invalid.
        """
        return None

    def socket_opened(self, identity: str) -> bytes | str | None:
        """Return the message that tells a client that its socket is open, or None if there is none."""
        return None

    def socket_refused(self, error: VisibleError) -> bytes | str:
        """Return the answer to a first or later message that is refused."""
        return self._encoder.encode({"code": error.code, "detail": self.sentence(error)}).decode()

    # -- description --------------------------------------------------------------------------------------------------

    @property
    def description(self) -> ApiDescription:
        """What an OpenAPI document says about the Api."""
        return ApiDescription(self.name)


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float) else str(value)
