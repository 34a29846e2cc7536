"""From the handshake and the first message of a websocket to what it is to be opened for, in the words of an Api.

Owns the choice of the Api: the one whose prefix the path has, then the one for all other paths, then the rest. Must not
know what a target does.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

import falcon

from hanami_core.errors import BadRequest
from hanami_core.http import Api, RouteTable, SocketRequest

__all__ = ["choose", "request_of"]


def request_of(target: str = "/", headers: Iterable[tuple[str, str]] = ()) -> falcon.Request:
    """Return the handshake of a websocket as one of Falcon's requests.

    Args:
        target: path and query.
        headers: pairs of name and value.
    """
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": target,
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    for name, value in headers:
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return falcon.Request(environ)


def choose(routes: RouteTable, request: falcon.Request, message: bytes | None) -> tuple[Api, SocketRequest] | None:
    """Return the Api that understands a handshake, with its first message or None, and what it understands.

    Raises:
        ClientError: if an Api understands it and something is wrong with it.
        BadRequest: if there is a message and no Api understands it.
    """
    for api in _candidates(routes, request.path):
        found = api.open_socket(request, message)
        if found is not None:
            return api, found
    if message is not None:
        raise BadRequest("first_message_unknown")
    return None


def _candidates(routes: RouteTable, path: str) -> Iterator[Api]:
    own = routes.api_of(path)
    yield own
    if routes.fallback is not None and routes.fallback is not own:
        yield routes.fallback
    yield from (api for api in routes.apis.values() if api not in (own, routes.fallback))
