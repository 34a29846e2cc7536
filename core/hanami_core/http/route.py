"""REST routes as plugins declare them. The server binds them to HTTP; a route cannot exist without an action."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

import msgspec

from hanami_core.access import Verb
from hanami_core.errors import PluginError
from hanami_core.http.call import Call, Download, Events, File, Page, Stream
from hanami_core.http.content import ContentBody
from hanami_core.http.groups import RouteGroup
from hanami_core.http.paths import is_template
from hanami_core.keys import Sealer

__all__ = ["METHODS", "NATIVE", "SAFE_METHODS", "Handler", "Route"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""
NATIVE = "native"
"""Name of the Api that a route belongs to if it names none."""

_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")

if TYPE_CHECKING:
    from typing import Any

    import falcon
    from typing_extensions import TypeVar

    # What a handler is called with: the struct of a route, or Falcon's request. Whoever takes routes of all kinds
    # says `Route` alone.
    Request = TypeVar("Request", bound=msgspec.Struct, default=Any)
else:
    from typing import TypeVar

    Request = TypeVar("Request")

Handler = Callable[[Call, Request], object]


@dataclass(frozen=True)
class Route(Generic[Request]):
    """One method of one path.

    Args:
        method: one of `METHODS`.
        path: path below the prefix of the Api, such as ``/cluster`` or ``/note/{uuid:uuid}/image``; parameters are
            Falcon's (``hanami_core.http.paths``) and become fields of the request and entries of ``call.params``. Empty
            means the prefix itself.
        action: ``noun.verb``; what rules refer to.
        request: struct of the fields; None for a handler that reads Falcon's request directly.
        response: struct or other type of the answer, for documentation and checks, or a union if there are several
            kinds of answers; `Page`, `File`, `Download`, `Stream` or `Events` for answers that no Api renders; None for
            an answer without content.
        handler: called as ``handler(call, request)``; returns a struct, a mapping or an instance of `response`. The
            first line of its docstring is the summary of the route.
        roles: roles that may use the route if there is no policy file.
        anonymous: the route needs no login; there is no actor, and ``call.access`` must not be used.
        api: name of the Api that the route belongs to.
        max_body: largest body in bytes, if it differs from that of the server's settings. A body that is larger than
            those settings allow is not read before the handler runs; the handler reads ``call.body``.
        root: whether the path belongs to the whole site, without a prefix.
        errors: texts for error codes that the Api does not know, with ``{name}`` for a parameter.
        covers: further actions that a call can stand for, depending on its fields: whoever may call the route may do
            each of them, for example in messages of a websocket.
        keyed: whether a call with the header ``Idempotency-Key`` is executed only once, however often it is sent
            (`hanami_core.http.keyed`); for calls that create something. If the answers contain a secret, it needs a
            `sealer`.
        sealer: encrypts the answers that are kept of a keyed route.
        reads: whether a call changes nothing although its method could; it is then not recorded in the audit log.
        group: chapter of the documents that the route belongs to; by default, the noun of the action.
        example: optional fields that the worked example of a request contains besides the required ones; their values
            are the examples of the fields.
        described: struct that documents describe the fields by if `request` is None.
        raw_body: whether the body is content of any kind, which the handler reads from ``call.body``; all fields then
            stand in the path and the query.
        content: bodies of a kind that a call may have instead of fields; the handler then gets the struct of those.
        status: status of the answer, such as 201; a handler with several statuses sets ``call.resp.status``. The
            default is 200, or 204 if there is no content.
    """

    method: str
    path: str
    action: str
    request: type[Request] | None
    response: object
    handler: Handler[Request]
    roles: tuple[str, ...] = ("admin", "member")
    anonymous: bool = False
    api: str = NATIVE
    max_body: int | None = None
    root: bool = False
    errors: Mapping[str, str] = field(default_factory=dict, hash=False)
    status: int | None = None
    covers: tuple[str, ...] = ()
    keyed: bool = False
    reads: bool = False
    group: RouteGroup | None = None
    example: tuple[str, ...] = ()
    described: type[msgspec.Struct] | None = None
    sealer: Sealer | None = field(default=None, compare=False)
    raw_body: bool = False
    content: ContentBody | None = None

    def __post_init__(self) -> None:
        """Refuse a route that breaks the rules."""
        rules = (
            (self.method in METHODS, f"method must be one of {', '.join(METHODS)}"),
            (
                is_template(self.path),
                "path must begin with / and be made of letters, digits, _ . - : ~ and {parameters}",
            ),
            (all(map(_ACTION.fullmatch, (self.action, *self.covers))), "actions must look like noun.verb"),
            (self._strict(), "request must be None or a struct that forbids unknown fields"),
            (callable(self.handler), "handler must be callable"),
            (self.max_body is None or self.max_body >= 0, "max_body must not be negative"),
            (
                not self.keyed or self._can_be_keyed(),
                "a keyed route needs a login, a request struct and a plain answer",
            ),
            (self.sealer is None or self.keyed, "only the answers of a keyed route are kept, and can be sealed"),
            (set(self.example) <= self._field_names(), "example must name fields of the request"),
            (
                not (self.raw_body and self.request is None),
                "a route with a raw body needs a request struct for its query",
            ),
            (
                self.content is None or (self.request is not None and not self.raw_body and not self.keyed),
                "content can take the place of fields only, and no key is kept for it",
            ),
            (self.status is None or 200 <= self.status < 400, "status must be that of an answer, not of an error"),
        )
        for holds, message in rules:
            if not holds:
                raise PluginError(f"route {self.method} {self.path}: {message}")

    def _strict(self) -> bool:
        if self.request is None:
            return True
        is_struct = isinstance(self.request, type) and issubclass(self.request, msgspec.Struct)
        return is_struct and bool(self.request.__struct_config__.forbid_unknown_fields)

    def _field_names(self) -> set[str]:
        return set(getattr(self.fields, "__struct_encode_fields__", ()))

    def _can_be_keyed(self) -> bool:
        plain = self.response not in (Page, File, Download, Stream, Events)
        return self.method not in SAFE_METHODS and not self.anonymous and self.request is not None and plain

    @property
    def fields(self) -> type[msgspec.Struct] | None:
        """Struct that describes the fields of a request, whoever reads them; None if nothing does."""
        return self.described if self.request is None else self.request

    def content_of(self, request: falcon.Request) -> ContentBody | None:
        """Return what the body of a request is, if it is content instead of fields."""
        return self.content if self.content is not None and self.content.is_sent(request) else None

    def body_has_fields(self, request: falcon.Request) -> bool:
        """Tell whether the body of a request, if it has one, consists of fields."""
        return self.request is not None and not self.raw_body and self.content_of(request) is None

    def struct_of(self, request: falcon.Request) -> type[msgspec.Struct]:
        """Return the struct of the fields of a request, wherever they are."""
        content = self.content_of(request)
        struct: type[msgspec.Struct] | None = self.request if content is None else content.request
        assert struct is not None, "the handler reads the request itself"
        return struct

    @property
    def largest_body(self) -> int | None:
        """Most bytes that a body may have, whatever it is; None for what the server's settings allow."""
        limits = [self.max_body, None if self.content is None else self.content.max_body]
        return max((limit for limit in limits if limit is not None), default=None)

    @property
    def success(self) -> int:
        """The documented status of an answer; a handler may set another one."""
        return self.status or (204 if self.response is None else 200)

    @property
    def verb(self) -> Verb:
        """Whether the route may change anything."""
        return "read" if self.reads or self.method in SAFE_METHODS else "write"
