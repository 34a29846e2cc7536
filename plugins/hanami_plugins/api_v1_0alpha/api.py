"""The Api object of the native API.

The order of its checks is part of the wire: path, method, query, body, login, permission, and only then whether there
is such a route, and its fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import falcon
import msgspec

from hanami_core.clock import Moment, stamp
from hanami_core.errors import BadRequest, ClientError, Unauthorized, VisibleError
from hanami_core.http import NATIVE, Api, ApiDescription, Call, Route, SocketOpening
from hanami_core.http.fields import body_of
from hanami_plugins.api_v1_0alpha.fields import decode_body, merge, parse_query
from hanami_plugins.api_v1_0alpha.sentences import SENTENCES
from hanami_plugins.api_v1_0alpha.validation import field_types, validate

__all__ = ["NativeApi"]

PREFIX = "/v1.0alpha"
SERVER = "Hanami"
SCHEME = "token"
TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - a name
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
WITH_BODY = ("POST", "PUT")
SHORTEST_PATH = 6
NO_MOMENT = "-"
_SLASHES = re.compile(r"/{2,}")

# Released clients know no other statuses than 400, 401, 404, 409, 500 and 503.
_STATUSES = {402: 401, 403: 401, 405: 400, 412: 409, 413: 400, 415: 400, 422: 400, 429: 401, 507: 500}

# What is full contradicts what is there: 401 would end the login of a client, 500 be taken for a defect.
_STATUSES_OF_CODES = {
    "folder_quota_exhausted": 409,
    "folder_storage_full": 503,
    "quota_exhausted": 409,
    "quota_space_exhausted": 409,
    "storage_reserved": 503,
}


class FirstMessage(msgspec.Struct, forbid_unknown_fields=True):
    """What a websocket's client says first: who it is and what it wants."""

    token: str
    target: str
    uuid: str


class NativeApi(Api):
    """The native API."""

    sentences = SENTENCES

    def __init__(
        self, prefix: str = PREFIX, *, name: str = NATIVE, server: str = SERVER, fallback: bool = True
    ) -> None:
        super().__init__(name, prefix, (SCHEME,), server=server, fallback=fallback, hides_unknown=True)

    # -- requests -----------------------------------------------------------------------------------------------------

    def admit(self, request: falcon.Request) -> str:
        """Return the path without repeated slashes."""
        raw = str(request.env.get("RAW_URI", "")).partition("?")[0]
        path = str(request.env.get("PATH_INFO", ""))
        if not path.startswith("/") or ".." in path or ".." in raw:
            raise BadRequest("path_invalid")
        if request.method not in METHODS:
            raise BadRequest("method_unsupported", method=request.method, known=", ".join(METHODS))
        return _SLASHES.sub("/", str(request.path))

    def begin(self, request: falcon.Request, route: Route | None, limit: int) -> None:
        """Decode query and body, whoever the caller is."""
        if route is None and len(request.path) < SHORTEST_PATH:
            raise BadRequest("path_too_short", path=request.path)
        request.context.query = parse_query(request.query_string)
        request.context.body = {}
        if request.method in WITH_BODY and (route is None or route.body_has_fields(request)):
            request.context.body = decode_body(body_of(request, limit))
        request.context.fields = {**request.context.body, **request.context.query}

    def read(self, call: Call, route: Route, limit: int) -> msgspec.Struct:
        """Return the fields of body, query and path, the last ones winning."""
        struct = route.struct_of(call.req)
        context = call.req.context
        values: dict[str, object] = merge(context.body, context.query, field_types(struct))
        try:
            return validate(struct, values | {name: str(value) for name, value in call.params.items()})
        except RecursionError:
            raise BadRequest("nested_too_deeply") from None

    # -- answers ------------------------------------------------------------------------------------------------------

    def encode(self, value: object) -> object:
        """Write moments as this wire does."""
        if isinstance(value, Moment):
            return NO_MOMENT if value.seconds is None else stamp(value.seconds)
        return super().encode(value)

    def schema(self, kind: type) -> dict[str, object]:
        """Describe moments."""
        return {"type": "string", "examples": ["2026-03-14 09:26:53"]} if kind is Moment else super().schema(kind)

    def answer(self, call: Call, route: Route, result: object) -> None:
        """Answer 200 with JSON, whatever it is."""
        call.resp.data, call.resp.content_type = self._encoder.encode(result), falcon.MEDIA_JSON

    def refuse(
        self, request: falcon.Request, response: falcon.Response, error: VisibleError, route: Route | None = None
    ) -> None:
        """Answer with the plain text of an error."""
        response.status = _STATUSES_OF_CODES.get(error.code) or _STATUSES.get(error.status, error.status)
        response.content_type = falcon.MEDIA_TEXT
        response.data = None
        response.text = self.sentence(error, route)

    def sentence(self, error: VisibleError, route: Route | None = None) -> str:
        """Return the text of an error; an explanation stands alone."""
        text = super().sentence(error, route)
        known = error.code in self.sentences or (route is not None and error.code in route.errors)
        return text if known or "reason" not in error.parameters else str(error.parameters["reason"])

    def unknown(self, request: falcon.Request, allowed: tuple[str, ...]) -> ClientError:
        """Say which path and method there are not."""
        return BadRequest("endpoint_unknown", path=request.path.lstrip("/"), method=request.method)

    # -- websockets ---------------------------------------------------------------------------------------------------

    def open_socket(self, request: falcon.Request, message: bytes) -> SocketOpening:
        """Read the first message, which names the token, the target and the resource."""
        values: Mapping[str, Any] = decode_body(message)
        # Released clients may send more than is needed.
        first = validate(
            FirstMessage, {name: values[name] for name in FirstMessage.__struct_fields__ if name in values}
        )
        request.env[f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}"] = first.token
        return SocketOpening(first.target, first.uuid, request)

    def socket_opened(self, identity: str) -> str:
        """Tell the client that the socket is open."""
        return msgspec.json.encode({"success": True, "uuid": identity}).decode()

    def socket_refused(self, error: VisibleError) -> str:
        """Tell the client why a message is refused."""
        known_token = not isinstance(error, Unauthorized)
        text = self.sentence(error) if known_token else self.sentences["socket_token_invalid"]
        return msgspec.json.encode({"success": False, "error": text}).decode()

    # -- description --------------------------------------------------------------------------------------------------

    @property
    def description(self) -> ApiDescription:
        """What the OpenAPI document says about the API."""
        return ApiDescription(
            title="Hanami",
            about=ABOUT,
            security={SCHEME: {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}},
            errors=ERRORS,
            error_type="text/plain",
        )


ERRORS = {
    "400": ("BadRequest", "A field breaks a rule; the text names both."),
    "401": ("Unauthorized", "No valid token, or not allowed."),
    "404": ("NotFound", "Does not exist, or you cannot see it."),
    "409": ("Conflict", "Conflicts with the current state."),
    "500": ("InternalError", "A server error; the text is a number that an admin can look up in the error log."),
}
ABOUT = f"""\
Every answer other than 200 is a plain text that says what is wrong. `POST {PREFIX}/token` returns a token; send it in
the header `{TOKEN_HEADER}`. It expires, and it ends when the passphrase changes or the user leaves the project. GET and
DELETE take their fields from the query, POST and PUT from a JSON object; unknown fields are rejected. Lengths of texts
count bytes in UTF-8.
"""
