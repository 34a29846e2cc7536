"""Tells when the bytes of an HTTP/1.1 request are all there, without any input or output of its own.

The api's workers wait for slow clients in their poller, where waiting costs no thread; a thread gets a request only
when it is whole. Owns the framing rules that this needs. Must not interpret a request otherwise: gunicorn's parser does
that afterwards, and what looks odd here counts as whole, so that the parser refuses it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

__all__ = ["LARGEST_HEAD", "FramingState", "RequestBuffer"]

LARGEST_HEAD = 1 << 15
_LONGEST_CHUNK_LINE = 1 << 10
_CRLF = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*([^\r\n]*?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_CODING = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)
_UPGRADE = re.compile(rb"^upgrade:", re.IGNORECASE | re.MULTILINE)
_FORWARDED = re.compile(rb"^x-forwarded-for:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_EXPECT = re.compile(rb"^expect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE | re.MULTILINE)


def _nothing(_line: bytes) -> bool:
    return False


class FramingState(enum.Enum):
    """How far a request has arrived. Of a streamed one the head is there, and its body is read by its handler."""

    PARTIAL = "partial"
    WHOLE = "whole"
    STREAMED = "streamed"
    REFUSED = "refused"


class RequestBuffer:
    """The bytes of one connection since the last request.

    `reason` says why a request is refused. `expects` is set while the client waits for ``100 Continue``, `upgrades`
    if it wants to speak something else than HTTP afterwards.
    """

    def __init__(self, largest_body: int, streamed: Callable[[bytes], bool] = _nothing) -> None:
        """Start with nothing.

        Args:
            largest_body: bytes of a body that is collected here.
            streamed: tells by the first line of a request whether its handler reads the body itself, if it is larger
                than that or nobody knows how large it is.
        """
        self.data = bytearray()
        self.state = FramingState.PARTIAL
        self.reason = ""
        self.expects = False
        self.upgrades = False
        self._limit = largest_body
        self._streamed = streamed
        self._searched = 0
        self._body = 0
        self._end: int | None = None
        self._chunk = 0
        self._decoded = 0

    def feed(self, data: bytes) -> FramingState:
        """Add bytes that arrived and return the state that they lead to."""
        self.data += data
        if self.state is FramingState.PARTIAL:
            if not self._body:
                self._find_head()
            if self._body and self.state is FramingState.PARTIAL:
                self._find_end()
        return self.state

    @property
    def missing(self) -> int:
        """How many bytes are to come at least, as far as that is known."""
        return 0 if self._end is None else max(0, self._end - len(self.data))

    @property
    def parts(self) -> tuple[bytes, memoryview]:
        """The head, and what stands behind it; all is head as long as its end was not found."""
        begin = self._body or len(self.data)
        return bytes(self.data[:begin]), memoryview(self.data)[begin:]

    def addresses(self, address: str) -> dict[str, str]:
        """Return what tells where the request comes from, by the names of WSGI, if its connection has an address."""
        fields = _FORWARDED.findall(bytes(self.data[: self._body]))
        forwarded = {"HTTP_X_FORWARDED_FOR": b",".join(fields).decode("latin-1")} if fields else {}
        return {"REMOTE_ADDR": address, **forwarded}

    def continued(self) -> None:
        """Take note that ``100 Continue`` was sent; gunicorn must not send it once more."""
        self.expects = False
        head = _EXPECT.sub(b"", bytes(self.data[: self._body]))
        shift = self._body - len(head)
        self.data[: self._body] = head
        self._body -= shift
        self._chunk -= shift
        if self._end is not None:
            self._end -= shift

    def _refuse(self, reason: str) -> None:
        self.state, self.reason = FramingState.REFUSED, reason

    def _find_head(self) -> None:
        end = self.data.find(_HEAD_END, max(0, self._searched - 3))
        if end > LARGEST_HEAD or (end < 0 and len(self.data) > LARGEST_HEAD):
            self._refuse(f"Head of the request is larger than {LARGEST_HEAD} bytes")
        elif end < 0 and _BARE_LF.search(self.data, max(0, self._searched - 1)):
            self.state = FramingState.WHOLE
        elif end < 0:
            self._searched = len(self.data)
        else:
            self._body = end + len(_HEAD_END)
            self._read_head(bytes(self.data[: self._body]))

    def _read_head(self, head: bytes) -> None:
        lengths, coded = _LENGTH.findall(head), _CODING.search(head)
        known = len(lengths) == 1 and not coded and lengths[0].isdigit()
        if known and len(lengths[0]) <= len(str(self._limit)) and int(lengths[0]) <= self._limit:
            self._end = self._body + int(lengths[0])
        elif (coded or lengths) and self._streamed(head.partition(_CRLF)[0]):
            self.state = FramingState.STREAMED
        elif coded and not lengths:
            self._chunk = self._body
        elif known:
            self._refuse(f"Body is larger than {self._limit} bytes")
        else:
            self.state = FramingState.WHOLE
        self.upgrades = bool(_UPGRADE.search(head))
        self.expects = self.state is FramingState.PARTIAL and bool(_EXPECT.search(head))

    def _find_end(self) -> None:
        if self._end is None:
            self._walk_chunks()
        elif len(self.data) >= self._end:
            self.state = FramingState.WHOLE

    def _walk_chunks(self) -> None:
        while self.state is FramingState.PARTIAL and self._chunk < len(self.data):
            end = self.data.find(_CRLF, self._chunk, self._chunk + _LONGEST_CHUNK_LINE)
            if end < 0:
                if len(self.data) - self._chunk >= _LONGEST_CHUNK_LINE:
                    self._refuse("Line of a chunk is too long")
                return
            self._step_over(end)
            if self._chunk <= end:
                return

    def _step_over(self, end: int) -> None:
        """Move past the chunk whose size line ends at `end`, or stop there if it is the last one."""
        digits = bytes(self.data[self._chunk : end]).partition(b";")[0].strip(b" \t")
        try:
            size = int(digits, 16) if digits.isalnum() else -1
        except ValueError:
            size = -1
        if size < 0:
            self.state = FramingState.WHOLE
        elif size == 0:
            self._find_trailers(end)
        elif self._decoded + size > self._limit:
            self._refuse(f"Body is larger than {self._limit} bytes")
        else:
            self._decoded += size
            self._chunk = end + len(_CRLF) + size + len(_CRLF)

    def _find_trailers(self, end: int) -> None:
        if self.data.find(_HEAD_END, end) >= 0:
            self.state = FramingState.WHOLE
        elif len(self.data) - end > LARGEST_HEAD:
            self._refuse("Trailers are too long")
