"""A server that speaks HTTP and websocket on one port, records what comes in and answers what a test tells it.

HTTP is that of the standard library, the websocket side is the protocol without sockets of `websockets`: none of it is
code of the SDK.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Opening
from websockets.server import ServerProtocol

API = "/v1.0alpha"
ACK = bytes.fromhex("0801")
TRAIN_ACK = bytes.fromhex("18012801320400000000")
TRAIN_DONE = bytes.fromhex("100118012801320400000000")
C, D, P, U = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "cdef")
"""UUIDs of a cluster, a dataset, a checkpoint and whatever there is."""


@dataclass
class Request:
    method: str
    path: str
    raw_query: str
    headers: dict[str, str]
    body: Any

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def token(self) -> str | None:
        return self.headers.get("x-auth-token")


@dataclass
class Answer:
    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Peer:
    """The server's end of one websocket."""

    def __init__(self, connection: socket.socket, head: bytes) -> None:
        self.socket = connection
        self.protocol = ServerProtocol()
        self.events: list[Any] = []
        self.protocol.receive_data(head)
        opening = self.protocol.events_received()[0]
        assert isinstance(opening, Opening)
        self.path, self.headers = opening.path, opening.headers
        self.protocol.send_response(self.protocol.accept(opening))
        self.flush()

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.socket.sendall(data)

    def event(self) -> Frame | None:
        """Return the next frame, None at the end of the connection."""
        while not self.events:
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self.protocol.receive_data(data)
            self.flush()
            self.events += self.protocol.events_received()
        frame = self.events.pop(0)
        assert isinstance(frame, Frame)
        return frame

    def receive(self) -> bytes | None:
        """Return the next message, None at the end of the connection."""
        while frame := self.event():
            if frame.opcode is Opcode.CLOSE:
                return None
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                return bytes(frame.data)
        return None

    def send(self, message: bytes | str) -> None:
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self.flush()

    def ping(self) -> None:
        self.protocol.send_ping(b"there?")
        self.flush()

    def close(self, code: int, reason: str) -> None:
        self.protocol.send_close(code, reason)
        self.flush()


class FakeServer:
    """Records requests and frames; answers are set by tests.

    Attributes:
        requests: HTTP requests without logins, in order.
        logins: requests to the token endpoint.
        openings: first messages of the websockets.
        peers: paths and headers of the websockets.
        frames: later messages of the websockets.
        answer_frame: gives the answer to a message; text, bytes, or None for none.
        talk: takes over a websocket after its opening, instead of `answer_frame`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, prefix: str = API) -> None:
        self.prefix = prefix
        self.answers: dict[tuple[str, str], Callable[[Request], Answer]] = {}
        self.requests: list[Request] = []
        self.logins: list[Request] = []
        self.openings: list[dict[str, str]] = []
        self.peers: list[Peer] = []
        self.frames: list[bytes] = []
        self.connections = 0
        self.opening_answer: bytes | str = b'{"success":true,"uuid":"c0ffee"}'
        self.answer_frame: Callable[[bytes], bytes | str | None] = lambda message: ACK
        self.talk: Callable[[Peer], None] = self._exchange
        self.released = threading.Event()
        self.websocket_ended = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.block_on_close = False
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.address = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_address[1]}"
        self.on("POST", "/token", self._login)

    def on(self, method: str, path: str, answer: Any = None, status: int = 200) -> None:
        """Set an answer: a JSON value, text, bytes, or a function of the request."""
        body = {} if answer is None else answer
        self.answers[method, self.prefix + path] = body if callable(body) else lambda request: Answer(status, body)

    def _login(self, request: Request) -> Answer:
        return Answer(body={"id": "asdf", "is_admin": True, "name": "asdf", "token": f"token-{len(self.logins)}"})

    def hold(self, request: Request) -> Answer:
        """Answer when the test is over."""
        self.released.wait(10)
        return Answer()

    def answer(self, request: Request) -> Answer:
        (self.logins if request.path == f"{self.prefix}/token" else self.requests).append(request)
        answer = self.answers.get((request.method, request.path))
        return answer(request) if answer else Answer(404, f"no {request.method} {request.path}")

    def serve_websocket(self, peer: Peer) -> None:
        self.peers.append(peer)
        opening = peer.receive()
        if opening is None:
            return
        self.openings.append(json.loads(opening))
        peer.send(self.opening_answer)
        self.talk(peer)
        self.websocket_ended.set()

    def _exchange(self, peer: Peer) -> None:
        while (message := peer.receive()) is not None:
            self.frames.append(message)
            answer = self.answer_frame(message)
            if answer is not None:
                peer.send(answer)

    @contextmanager
    def running(self) -> Iterator[FakeServer]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._http.shutdown()
            thread.join()
            self._http.server_close()


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def do(self) -> None:
            if self.headers.get("Upgrade", "").lower() == "websocket":
                self.close_connection = True
                server.serve_websocket(Peer(self.connection, self.head()))
                return
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            self.reply(server.answer(Request(self.command, url.path, url.query, headers, body)))

        do_GET = do_POST = do_PUT = do_DELETE = do

        def head(self) -> bytes:
            return (
                f"{self.requestline}\r\n{self.headers.as_string()}".replace("\n", "\r\n")
                .replace("\r\r\n", "\r\n")
                .encode()
            )

        def reply(self, answer: Answer) -> None:
            content = _encoded(answer.body)
            self.send_response(answer.status)
            headers = {"Content-Length": str(len(content)), **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            if headers["Content-Length"] != str(len(content)):  # the connection breaks off
                self.close_connection = True

        def handle(self) -> None:
            # A client that goes away is part of the tests and no error of the server.
            try:
                super().handle()
            except (ConnectionError, ssl.SSLError):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
