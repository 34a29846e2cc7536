"""What a client sends in suites, before and after a credential was put into it, and what came of it.

Requests go through the whole application, or as Falcon's requests to an authenticator alone. Must not know any scheme
or any wire: how a credential is put into a request is said by the plugin under test.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote, urlencode

from hanami_core.errors import VisibleError
from hanami_core.http import Api
from hanami_core.sockets import SocketRequest, SocketSession

if TYPE_CHECKING:
    import falcon

    from hanami_core.testing.apps import App

__all__ = [
    "ClientRequest",
    "ClientResponse",
    "Credential",
    "SocketOutcome",
    "as_falcon",
    "expected",
    "header",
    "media_type",
    "no_credential",
    "open_socket",
    "places",
    "plain_request",
    "replaced",
    "send",
    "told",
]

HOST = "hanami.test"
HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


@dataclass(frozen=True)
class ClientRequest:
    """A request. `path` is sent as it is; names of `headers` are in lower case."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: {"host": HOST})
    body: bytes = b""

    def carrying(self, **headers: str) -> ClientRequest:
        """Return the request with more headers; underscores of their names stand for hyphens."""
        more = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def as_handshake(self) -> ClientRequest:
        """Return the handshake of a websocket at the same path."""
        return ClientRequest("GET", self.path, self.query, {**self.headers, **HANDSHAKE})


class ClientResponse(Protocol):
    """The answer of an application."""

    @property
    def status_code(self) -> int:
        """Status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers; case does not matter."""

    @property
    def content(self) -> bytes:
        """Body."""

    @property
    def text(self) -> str:
        """Body as a text."""


Credential = Callable[[ClientRequest], ClientRequest]
"""Puts a credential into a request: adds a header, or signs it."""


def plain_request(method: str, path: str, fields: Mapping[str, object]) -> ClientRequest:
    """Return a call with fields in a JSON body, or in the query if the method has none."""
    if method in ("POST", "PUT", "PATCH"):
        return ClientRequest(method, path, body=json.dumps(fields).encode())
    return ClientRequest(method, path, urlencode(fields, quote_via=quote))


def no_credential(request: ClientRequest) -> ClientRequest:
    """Return a request as it is."""
    return request


def header(name: str, value: str) -> Credential:
    """Return a credential that is sent as a header."""
    return lambda request: request.carrying(**{name: value})


def places(credential: Credential, request: ClientRequest) -> Iterator[tuple[str, str]]:
    """Return where a credential stands in a request, as names of headers or ``?`` for the query, and its texts."""
    signed = credential(request)
    for name, value in signed.headers.items():
        if request.headers.get(name) != value:
            yield name, value
    if signed.query != request.query:
        yield "?", signed.query


def replaced(credential: Credential, place: str, text: str) -> Credential:
    """Return a credential that has another text at one of its `places`."""

    def put(request: ClientRequest) -> ClientRequest:
        signed = credential(request)
        return replace(signed, query=text) if place == "?" else signed.carrying(**{place: text})

    return put


def as_falcon(request: ClientRequest) -> falcon.Request:
    """Return a request as authenticators see it."""
    # Whoever only makes requests for an application needs no Falcon.
    import falcon

    environ: dict[str, object] = {
        "REQUEST_METHOD": request.method,
        "RAW_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if f"HTTP_{name}" in environ:
            environ[name] = environ.pop(f"HTTP_{name}")
    if request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    return falcon.Request(environ)


def send(app: App, request: ClientRequest, announced: int | None = None) -> ClientResponse:
    """Return what an application answers.

    Args:
        app: the application.
        request: what is sent.
        announced: length of the body that the header tells, if it is not the true one.
    """
    headers = dict(request.headers)
    if request.body:
        headers.setdefault("content-type", "application/json")
    answer: ClientResponse = app.http.simulate_request(
        request.method,
        request.path,
        query_string=request.query,
        headers=headers,
        body=request.body,
        extras={} if announced is None else {"CONTENT_LENGTH": str(announced)},
    )
    return answer


def media_type(answer: ClientResponse) -> str:
    """Return the media type of an answer, without its parameters; empty if it has none."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def told(answer: ClientResponse | SocketOutcome) -> str:
    """Return what a client reads in an answer: all texts and numbers if it is JSON, else the text itself."""
    if isinstance(answer, SocketOutcome):
        text = answer.answer.decode() if isinstance(answer.answer, bytes) else answer.answer or ""
    else:
        text = answer.text
    try:
        return "\n".join(_leaves(json.loads(text)))
    except ValueError:
        return text


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield str(value)


def expected(api: Api, kind: type[VisibleError]) -> int:
    """Return the status with which an Api renders an error."""
    import falcon

    response = falcon.Response()
    api.refuse(as_falcon(ClientRequest()), response, kind())
    return response.status_code


@dataclass(frozen=True)
class SocketOutcome:
    """The outcome of opening a websocket.

    Attributes:
        session: the session, None if there is none; the caller must close it.
        error: why there is no session.
        answer: what the client received.
        status: status of the HTTP answer, if the path of the request selected a target that refused it.
    """

    session: SocketSession | None
    error: VisibleError | None = None
    answer: bytes | str | None = None
    status: int = 101


def open_socket(app: App, request: ClientRequest, message: bytes | None = None) -> SocketOutcome:
    """Return what a websocket leads to whose request is `request`, by its path or by its first message."""
    begun = request.as_handshake()
    outcome: SocketOutcome = app.http.open_socket(SocketRequest(begun.path, begun.query, begun.headers), message)
    return outcome
