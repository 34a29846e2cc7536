"""A connection of the api while a request arrives on it, and how a thread takes it over and gives it back.

Must not know who polls, nor who answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn

from hanami_server.buffered_socket import BufferedSocket
from hanami_server.metered import Metered
from hanami_server.request_body import BufferedRequest, Collected, StreamedRequest
from hanami_server.request_buffer import FramingState, RequestBuffer

__all__ = ["BufferedConnection"]

LARGE_BODY = 1 << 14
"""Bytes of a body that the parser does not get together with the head, because it would copy them several times."""


class BufferedConnection(TConn):  # type: ignore[misc]
    """A connection while the poller looks after it: the request that arrives on it, and until when that may take."""

    parser: Any
    sock: BufferedSocket

    def __init__(
        self, cfg: object, sock: BufferedSocket, client: object, server: object, new_buffer: Callable[[], RequestBuffer]
    ) -> None:
        """Wrap an accepted socket; `new_buffer` makes what collects a request."""
        super().__init__(cfg, sock, client, server)
        self.new_buffer = new_buffer
        self.buffer = new_buffer()
        self.streamed = False
        self.collected: Collected | None = None
        self.polled = False
        self.deadline = 0.0
        self.started = False
        self.newcomer_until = 0.0
        self.lingering = False
        self.drained_bytes = 0
        self.buffered_bytes = 0
        self.unsent = 0
        self.began = 0.0
        self.thread = 0
        self.request = ""
        self.client_address = ""
        self.given_up = False

    @property
    def address(self) -> str:
        """The other end, without its port; nothing on a local socket."""
        return str(self.client[0]) if isinstance(self.client, tuple) else ""

    def stands_still(self, now: float, seconds: float) -> bool:
        """Tell whether the thread that answers has neither read nor sent anything for so long, nor waits for that."""
        return not self.sock.waits and now - max(self.began, self.sock.moved) > seconds

    def hand_over(self, timeout: float, *, streamed: bool = False) -> None:
        """Prepare the socket for a thread, with all bytes that have arrived.

        If it is streamed, the thread reads the rest of the request, which must arrive at no less than a certain speed.
        """
        self.streamed = streamed
        self.sock.settimeout(timeout)
        if self.parser is None:
            self.initialized = True
            self.parser = http.get_parser(self.cfg, self.sock, self.client)
        self.parser.mesg_class = StreamedRequest if streamed else BufferedRequest
        source: BufferedSocket | Metered | Collected = Metered(self.sock, timeout) if streamed else self.sock
        head, body = self.buffer.parts
        if len(body) < LARGE_BODY or self.buffer.upgrades:
            head, body = bytes(self.buffer.data), body[:0]
        else:
            source = self.collected = Collected(source, body)
        self.parser.unreader.unread(head)
        self.parser.unreader.sock = source
        self.buffer = self.new_buffer()

    def take_back(self) -> FramingState:
        """Prepare the socket for the poller after a request was answered; a pipelined one may be there already."""
        self.sock.setblocking(False)
        self.parser.unreader.sock = self.sock
        rest = self.parser.unreader.take_buffered()
        if self.collected:
            rest += self.collected.rest
        self.streamed, self.collected = False, None
        self.started = bool(rest)
        return self.buffer.feed(rest)
