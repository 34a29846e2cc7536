"""Hands websocket connections from a worker of the api to a sidecar.

A WSGI middleware: it sees the request for an upgrade, writes its head down again, sends the connected socket to a
sidecar and puts a dummy on the worker's descriptor, so that gunicorn closes that one. Must not know websocket itself.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_server.handoff import Handoff, send_handoff
from hanami_server.paths import handoff_path
from hanami_server.request_buffer import LARGEST_HEAD

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["HandoffMiddleware", "request_head"]

PATIENCE = 0.1
"""Seconds that a thread waits for others to be taken, of which each takes a sidecar a millisecond."""


class HandoffMiddleware:
    """WSGI middleware around the application."""

    def __init__(self, application: WSGIApplication, data_dir: Path, hosts: Iterable[str], threads: int) -> None:
        """Serve `application`; websockets go to the sidecars of `hosts`, which take turns.

        While a sidecar hangs, half of the `threads` that answer requests are left to those who want something else.
        """
        self._application = application
        self._data_dir = data_dir
        self._hosts = tuple(hosts)
        self._turn = itertools.count()
        self._waiting = threading.Semaphore(max(1, threads // 2))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if not _wants_websocket(environ):
            return self._application(environ, start_response)
        connection: socket.socket | None = environ.get("gunicorn.socket")
        if connection is None:
            return _unavailable(start_response)
        head = request_head(environ)
        if len(head) > LARGEST_HEAD:
            return _plain(start_response, "400 Bad Request", b"Head of the request is too large")
        handoff = Handoff(head + _read_ahead(environ))
        if not self._hand_over(connection, handoff):
            return _unavailable(start_response)
        start_response("200 OK", [("Content-Length", "0")])
        return _Dummy(connection)

    def _hand_over(self, connection: socket.socket, handoff: Handoff) -> bool:
        """Tell whether a sidecar has taken a connection."""
        if not self._waiting.acquire(timeout=PATIENCE):
            return False
        try:
            return any(send_handoff(path, connection.fileno(), handoff) for path in self._paths())
        finally:
            self._waiting.release()

    def _paths(self) -> Iterator[Path]:
        first = next(self._turn)
        count = len(self._hosts)
        return (handoff_path(self._data_dir, self._hosts[(first + i) % count]) for i in range(count))


class _Dummy:
    """Empty response that goes to a dummy instead of the connection, which belongs to somebody else now."""

    def __init__(self, connection: socket.socket) -> None:
        dummy, self._peer = socket.socketpair()
        with dummy:
            os.dup2(dummy.fileno(), connection.fileno(), inheritable=False)

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        """End the dummy; called by the WSGI server after the response."""
        self._peer.close()


def _wants_websocket(environ: WSGIEnvironment) -> bool:
    return "websocket" in environ.get("HTTP_UPGRADE", "").lower()


def request_head(environ: Mapping[str, object]) -> bytes:
    """Return the head of a request the way it stood on the wire, as far as WSGI keeps it."""
    lines = [f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            lines.append(f"{name[5:].replace('_', '-').title()}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _read_ahead(environ: Mapping[str, object]) -> bytes:
    """Return what the client sent right behind the head; gunicorn has read it already."""
    reader = getattr(environ["wsgi.input"], "reader", None)
    unreader = getattr(reader, "unreader", None)
    return bytes(unreader.take_buffered()) if unreader is not None else b""


def _unavailable(start_response: StartResponse) -> Iterable[bytes]:
    return _plain(start_response, "503 Service Unavailable", b"no compute host is ready")


def _plain(start_response: StartResponse, status: str, text: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))])
    return [text]
