"""Which Api a websocket speaks: that of its path, then the one for all other paths, then the rest.

What the first message says, and how an answer to it looks, is the Api's. Must not know what a target does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

import falcon

from hanami_core.errors import BadRequest, VisibleError
from hanami_core.http import Api, RouteTable, SocketOpening
from hanami_core.sockets import SocketRequest

__all__ = ["Rejection", "as_falcon", "choose", "rejected"]


class Rejection(NamedTuple):
    """The HTTP answer to a websocket whose path chose a target that refused it."""

    status: int
    text: str


def as_falcon(request: SocketRequest) -> falcon.Request:
    """Return the request of a handshake as authenticators see all requests."""
    environ: dict[str, object] = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return falcon.Request(environ)


def choose(routes: RouteTable, request: falcon.Request, message: bytes) -> tuple[Api, SocketOpening]:
    """Return the Api that understands a first message, and what it understands.

    Raises:
        VisibleError: if an Api understands it and something is wrong with it, or none does.
    """
    for api in _candidates(routes, request.path):
        opening = api.open_socket(request, message)
        if opening is not None:
            return api, opening
    raise BadRequest("first_message_unknown")


def _candidates(routes: RouteTable, path: str) -> Iterator[Api]:
    own = routes.api_of(path)
    yield own
    if routes.fallback is not None and routes.fallback is not own:
        yield routes.fallback
    yield from (api for api in routes.apis.values() if api not in (own, routes.fallback))


def rejected(api: Api, error: VisibleError) -> Rejection:
    """Return the answer to a request whose path chose a target that refused it."""
    response = falcon.Response()
    api.refuse(as_falcon(SocketRequest()), response, error)
    return Rejection(response.status_code, response.text or (response.data or b"").decode())
