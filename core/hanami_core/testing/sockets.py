"""A client's end of a websocket for tests of sessions, without a server."""

from __future__ import annotations

from hanami_core.ids import new_uuid
from hanami_core.sockets import NORMAL, SocketClosed, SocketRequest, check_close


class RecordedConnection:
    """A `SocketConnection` that records what a session does.

    Attributes:
        sent: messages that were sent, oldest first.
        closed: code and reason of the first close, None while the socket is open.
    """

    def __init__(self, request: SocketRequest | None = None) -> None:
        """Be the connection of a request."""
        self.uuid = new_uuid()
        self.request = request or SocketRequest()
        self.sent: list[bytes | str] = []
        self.closed: tuple[int, str] | None = None

    def send(self, message: bytes | str, timeout: float = 0.0) -> None:
        """Record a message."""
        if self.closed is not None:
            raise SocketClosed("the client is gone")
        self.sent.append(message)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Record code and reason."""
        check_close(code, reason)
        self.closed = self.closed or (code, reason)
