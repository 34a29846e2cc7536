"""An object store on this machine, for tests: one bucket, in memory."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class TinyBucket:
    """Runs from the begin of a block to its end. `objects` may be looked into and changed; `calls` counts them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.cut = 0
        """Bytes that are missing at the end of each object that is fetched."""
        bucket = self

        class Handler(_Handler):
            store = bucket

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/hanami"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    store: TinyBucket

    def do_PUT(self) -> None:
        self.store.objects[self._name()] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"")

    def do_GET(self) -> None:
        name, objects = self._name(), self.store.objects
        if not name:
            self._answer(200, "\n".join(list(objects)).encode())
        elif name in objects:
            self._answer(200, objects[name], self.store.cut)
        else:
            self._answer(404, b"")

    def do_DELETE(self) -> None:
        self._answer(404 if self.store.objects.pop(self._name(), None) is None else 204, b"")

    def _name(self) -> str:
        bucket, _, name = self.path[1:].partition("/")
        assert bucket == "hanami"
        self.store.calls[f"{self.command} {name}"] += 1
        return name

    def _answer(self, status: int, body: bytes, cut: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
