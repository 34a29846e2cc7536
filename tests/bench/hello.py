"""The least that Falcon and gunicorn do for a request: what each request of ours costs is measured against it."""

from __future__ import annotations

import os
import shutil
import socket
from array import array

import falcon

from tests.bench import hop

__all__ = ["app"]

PIECE = 1 << 18


class Hello:
    """Says hello."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a JSON object."""
        resp.media = {"hello": "world"}


class Echo:
    """Reads rows of numbers as JSON and answers the first ten of each, as a network with ten outputs would."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a JSON object."""
        resp.media = {"outputs": [row[:10] for row in req.get_media()["inputs"]]}


class Bytes:
    """Reads a body of bytes and answers some of them, as many as a network with ten outputs would for its pictures."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer bytes."""
        body = req.bounded_stream.read()
        resp.data = body[: len(body) // 784 * 10]


class Hop:
    """Reads rows as `Echo` does, and lets another process answer the first one."""

    def __init__(self) -> None:
        self._kept: list[socket.socket] = []

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a JSON object."""
        row = array("f", req.get_media()["inputs"][0])
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.environ[hop.PLACE])
        connection.sendall(row.tobytes())
        answer = array("f", connection.recv(hop.ROW))
        self._kept.append(connection)
        resp.media = {"outputs": [answer.tolist()]}


class File:
    """Stores what it is sent in a file, and sends it back."""

    path = os.environ.get("HANAMI_BENCH_FILE", "")

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Write a piece to its place, and to the disk."""
        place = req.get_param_as_int("at", required=True)
        with open(self.path, "r+b" if place else "wb") as file:
            file.seek(place)
            shutil.copyfileobj(req.bounded_stream, file, PIECE)
            file.flush()
            os.fsync(file.fileno())

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the file."""
        resp.set_stream(open(self.path, "rb"), os.path.getsize(self.path))  # noqa: SIM115


app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
app.add_route("/", Hello())
app.add_route("/rows", Echo())
app.add_route("/bytes", Bytes())
app.add_route("/hop", Hop())
app.add_route("/file", File())
