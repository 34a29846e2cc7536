"""The sending side of a connection: what a client does not take at once is kept, so that no thread waits for it.

The poller sends the rest when the client reads on. Only an answer that is made piece by piece, and is far ahead of its
client, makes its thread wait; few threads may. Must not know what is sent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

__all__ = ["BufferedSocket", "WaitSlots"]

AHEAD = 1 << 20
"""Bytes of earlier pieces that wait for the client before whoever makes the next one waits, too."""

AT_ONCE = 64
"""Pieces that are given to the kernel at once."""


class WaitSlots:
    """How many threads may wait for clients at the same time."""

    def __init__(self, threads: int) -> None:
        """Let so many wait."""
        self._free = threading.Semaphore(threads)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Wait for a client inside.

        Raises:
            ConnectionAbortedError: if enough threads wait already.
        """
        if not self._free.acquire(blocking=False):
            raise ConnectionAbortedError("too many clients read their answers slowly")
        try:
            yield
        finally:
            self._free.release()


class BufferedSocket(socket.socket):
    """A connected socket that keeps what its client does not take. One thread uses it at a time."""

    def __init__(self, sock: socket.socket, slots: WaitSlots) -> None:
        """Take over `sock`, which is of no use afterwards."""
        family, kind, protocol = sock.family, sock.type, sock.proto
        super().__init__(family, kind, protocol, sock.detach())
        self._slots = slots
        self._rest: deque[memoryview] = deque()
        self._held = False
        self.unsent = 0
        self.moved = time.monotonic()
        self.waits = False

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for the client inside; `waits` tells others so, and `moved` when something was last sent or received."""
        self.waits = True
        try:
            yield
        finally:
            self.moved = time.monotonic()
            self.waits = False

    def hold(self) -> None:
        """Keep what is sent next until more follows, or until `flush`: a head goes together with its body."""
        self._held = True

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send what the client takes and keep the rest.

        Raises:
            TimeoutError: if the client does not take enough of earlier pieces in the time of the socket.
            OSError: if the connection is broken, or too many threads wait for clients already.
        """
        if self.unsent > AHEAD:
            self._wait()
        view = memoryview(data).cast("B")
        if view.nbytes:
            self._rest.append(view)
            self.unsent += view.nbytes
            if not self._held:
                self.flush()
            self._held = False

    def flush(self) -> bool:
        """Send what the client takes now and tell whether all is sent.

        Raises:
            OSError: if the connection is broken.
        """
        self._held = False
        while self._rest:
            try:
                # Not `sendmsg`, which would wait, because the socket has a timeout.
                self._sent(os.writev(self.fileno(), list(islice(self._rest, AT_ONCE))))
            except BlockingIOError:
                return False
        return True

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file, which makes the thread wait for its client."""
        self._wait()
        with self._slots.used(), self.waiting():
            return super().sendfile(file, offset, count)

    def _wait(self) -> None:
        with self._slots.used(), self.waiting():
            while self._rest:
                piece = self._rest[0]
                super().sendall(piece)
                self._sent(len(piece))

    def _sent(self, count: int) -> None:
        self.unsent -= count
        self.moved = time.monotonic()
        while self._rest and count >= len(self._rest[0]):
            count -= len(self._rest.popleft())
        if count:
            self._rest[0] = self._rest[0][count:]
