"""What a session says of its own accord: messages of any thread, in order, no more of them than a client reads.

Owns the queue between threads and the event loop. Must not know sessions nor the protocol.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import NamedTuple, Protocol

from hanami_core.ids import new_uuid
from hanami_core.sockets import NORMAL, SocketClosed, SocketFull, SocketRequest, check_close

__all__ = ["MOST_UNREAD", "MessageSink", "Pusher"]

MOST_UNREAD = 1 << 20
"""Bytes that may wait for a client beside what the transport holds; a single message may be larger."""


class MessageSink(Protocol):
    """Where messages go. Belongs to the event loop."""

    @property
    def writable(self) -> bool:
        """Whether the connection is open and its client reads."""

    def post(self, message: bytes | str) -> None:
        """Send a message."""

    def fail(self, code: int, reason: str = "") -> None:
        """Close the connection."""


class _Close(NamedTuple):
    code: int
    reason: str


class Pusher:
    """The `SocketConnection` of one session."""

    def __init__(self, loop: asyncio.AbstractEventLoop, request: SocketRequest) -> None:
        """Belong to a loop, in whose thread this is called; nothing is sent before `bind`."""
        self.uuid = new_uuid()
        self.request = request
        self._loop = loop
        self._thread = threading.get_ident()
        self._sink: MessageSink | None = None
        # The condition guards all below. It is never held while anything is waited for or sent, but by its own wait.
        self._changed = threading.Condition()
        self._queue: deque[bytes | str | _Close] = deque()
        self._bytes = 0
        self._closed = False
        self._called = False

    # -- any thread ---------------------------------------------------------------------------------------------------

    def send(self, message: bytes | str, timeout: float = 0.0) -> None:
        """Send a message, see `SocketConnection.send`."""
        in_loop = self._in_loop()
        size = _size(message)
        with self._changed:
            if not self._changed.wait_for(lambda: self._fits(size), 0.0 if in_loop else timeout):
                raise SocketFull("the client does not read what was sent")
            if self._closed:
                raise SocketClosed("the client is gone")
            self._bytes += size
            self._queue.append(message)
        self._wake(in_loop)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the socket, see `SocketConnection.close`."""
        check_close(code, reason)
        with self._changed:
            self._queue.append(_Close(code, reason))
        self._wake(self._in_loop())

    def _in_loop(self) -> bool:
        return threading.get_ident() == self._thread

    def _fits(self, size: int) -> bool:
        return self._closed or not self._bytes or self._bytes + size <= MOST_UNREAD

    def _wake(self, in_loop: bool) -> None:
        """Have the queue sent; the loop is called once for all messages that come before it follows the call."""
        if in_loop:
            self.flush()
            return
        with self._changed:
            if self._called or self._closed:
                return
            self._called = True
        self._loop.call_soon_threadsafe(self._flush_called)

    # -- event loop ---------------------------------------------------------------------------------------------------

    def bind(self, sink: MessageSink) -> None:
        """Send what has been waiting, and all that follows, to `sink`."""
        self._sink = sink
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the client reads."""
        sink = self._sink
        while sink is not None and sink.writable:
            with self._changed:
                if not self._queue:
                    return
                item = self._queue.popleft()
            if isinstance(item, _Close):
                sink.fail(item.code, item.reason)
                return
            sink.post(item)
            with self._changed:
                self._bytes -= _size(item)
                self._changed.notify_all()

    def _flush_called(self) -> None:
        with self._changed:
            self._called = False
        self.flush()

    def end(self) -> None:
        """Refuse all further messages; whoever waits for room is told so."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()


def _size(message: bytes | str) -> int:
    # At most four bytes a character; what matters is that it is bounded and the same before and after.
    return len(message) if isinstance(message, bytes) else 4 * len(message)
