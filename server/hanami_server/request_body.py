"""The bodies of requests as gunicorn's parser sees them, copied as seldom as possible on their way to a handler.

Owns what differs from gunicorn's own classes: its parser moves a body through several buffers, most of them more than
once. Must not know what a body is.
"""

from __future__ import annotations

from typing import Any

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.message import Request

__all__ = ["BufferedRequest", "Collected", "StreamedRequest"]


class _LengthBody(Body):  # type: ignore[misc]
    """A body of a known length."""

    def read(self, size: int | None = None) -> bytes:
        """Return up to `size` bytes, less only at the end of the body."""
        if self.buf.tell():  # what was read ahead to find the end of a line
            return bytes(super().read(size))
        try:
            return self._read(min(self.getsize(size), self.reader.length))
        except Exception:
            self.failed = True
            raise

    def _read(self, left: int) -> bytes:
        unreader, pieces = self.reader.unreader, []
        while left > 0 and (piece := unreader.read(None, read_ahead=left)):
            if len(piece) > left:
                unreader.unread(piece[left:])
                piece = piece[:left]
            pieces.append(piece)
            left -= len(piece)
            self.reader.length -= len(piece)
        return b"".join(pieces)


class BufferedRequest(Request):  # type: ignore[misc]
    """A request whose body was collected before."""

    body: Body

    def set_body_reader(self) -> None:
        """Prepare to read the body."""
        super().set_body_reader()
        if isinstance(self.body.reader, LengthReader):
            self.body = _LengthBody(self.body.reader)


class StreamedRequest(BufferedRequest):
    """A request after which the connection stays only if its body was read before the answer began.

    The rest of it is not worth reading.
    """

    def should_close(self) -> bool:
        """Tell whether the connection ends with the answer."""
        reader = self.body.reader
        # One of a known length counts the bytes that are left, one of chunks drops its parser after the last of them.
        if reader.length if hasattr(reader, "length") else reader.parser:
            self.force_close()  # gunicorn says so in the head of the answer, and asks again after the answer
        return bool(super().should_close())


class Collected:
    """A socket from which some bytes have been received already: the body of a request, and what stands behind it."""

    def __init__(self, sock: Any, data: memoryview) -> None:
        """Begin with `data`, which nobody changes any more."""
        self._sock, self.rest = sock, data

    def recv(self, size: int) -> bytes:
        """Return what has been received, and after that what comes."""
        if not self.rest:
            return bytes(self._sock.recv(size))
        data, self.rest = bytes(self.rest[:size]), self.rest[size:]
        return data

    def __getattr__(self, name: str) -> Any:
        """Be the socket in everything else."""
        return getattr(self._sock, name)
