"""The receiving side of a request whose handler reads the body itself: it must arrive at no less than a certain speed.

Must not know what the body is.
"""

from __future__ import annotations

import time
from typing import Any

from hanami_server.buffered_socket import BufferedSocket

__all__ = ["Metered"]

PIECE = 1 << 16
SLOWEST_SENDER = 4096
"""Bytes a second at which the body of a streamed request must arrive at least, on average."""


class Metered:
    """The socket of a streamed request: a client that sends a byte now and then must not hold a thread for ever."""

    def __init__(self, sock: BufferedSocket, grace: float) -> None:
        """Read from `sock`; for so many seconds any speed will do."""
        self._sock = sock
        self._begin = time.monotonic()
        self._grace = grace
        self._received = 0

    def recv(self, size: int) -> bytes:
        """Return what has arrived.

        Raises:
            TimeoutError: if nothing comes, or too little.
        """
        with self._sock.waiting():
            data = self._sock.recv(max(size, PIECE))
        self._received += len(data)
        late = time.monotonic() - self._begin - self._grace
        if late > 0 and self._received < late * SLOWEST_SENDER:
            raise TimeoutError("the body arrives too slowly")
        return data

    def __getattr__(self, name: str) -> Any:
        """Be the socket in everything else."""
        return getattr(self._sock, name)
