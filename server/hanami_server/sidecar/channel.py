"""One websocket: handshake, first message, and then one answer for each message.

It is a `websockets` connection whose messages are answered at once in `data_received`, instead of by a task that waits
for them: that saves two rounds of the event loop for every frame. Until the session is open, bytes are fed to the
protocol frame by frame, so that the socket can move to another process without losing one. Must not know targets nor
hosts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

import msgspec
from websockets.asyncio.connection import Connection
from websockets.frames import BINARY, DATA_OPCODES, TEXT, CloseCode, Frame
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Event, State
from websockets.server import ServerProtocol

from hanami_core.errors import ClientError
from hanami_core.ids import new_uuid
from hanami_core.sockets import SocketSession
from hanami_server.parcel import Parcel
from hanami_server.sidecar.frames import frame_length

__all__ = ["Channel", "Desk", "Limits"]

FIRST_MESSAGE_LIMIT = 1 << 16
HEAD_END = b"\r\n\r\n"

log = logging.getLogger("hanami.sockets")


class Limits(msgspec.Struct, frozen=True):
    """What a client may do.

    Attributes:
        first: seconds until the first message must be there.
        stall: seconds that a client may leave its answers unread.
        message: largest message in bytes.
        ping: seconds between two pings, and until a pong must follow.
        close: seconds that a client has to go after it was told so.
    """

    first: float = 30.0
    stall: float = 30.0
    message: int = 1 << 24
    ping: float = 20.0
    close: float = 5.0


class Desk(Protocol):
    """Who decides about first messages and takes care of ended channels."""

    def introduce(self, channel: Channel, message: bytes, hops: int) -> None:
        """Begin to decide about a first message; ends in `Channel.open`, `Channel.refuse` or `Channel.detach`."""

    def left(self, channel: Channel, session: SocketSession | None) -> None:
        """Take note that a connection is gone and release its session."""


class Channel(Connection):
    """A websocket at the server's side."""

    def __init__(self, parcel: Parcel, desk: Desk, limits: Limits) -> None:
        """Prepare a connection that arrives with `parcel`; it begins when asyncio has made its transport."""
        state = OPEN if parcel.first is not None else State.CONNECTING
        protocol = ServerProtocol(state=state, max_size=limits.message)
        super().__init__(
            protocol, ping_interval=limits.ping, ping_timeout=limits.ping, close_timeout=limits.close, max_queue=None
        )
        self._server = protocol
        self._parcel = parcel
        self._desk = desk
        self._limits = limits
        self._session: SocketSession | None = None
        self._held: bytearray | None = bytearray()
        self._introducing = False
        self._ending = False
        self._pieces = bytearray()
        self._text = False
        self._backlog: deque[bytes | str] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # -- life ---------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: shake hands, or go on where another process stopped."""
        super().connection_made(transport)
        self._await_first()
        if self._parcel.first is None:
            self.data_received(self._parcel.data)
            return
        self.start_keepalive()
        assert self._held is not None
        self._held += self._parcel.data
        self._introduce(self._parcel.first)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything."""
        self._cancel_timer()
        self._cancel_stall()
        super().connection_lost(exc)
        session, self._session = self._session, None
        self._desk.left(self, session)

    def _await_first(self) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_later(self._limits.first, self.fail, CloseCode.POLICY_VIOLATION, "no message")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def fail(self, code: int, reason: str = "") -> None:
        """Close the connection for the given reason; a client that does not go is cut off."""
        if self.protocol.state is OPEN:
            self.protocol.fail(code, reason)
            self.send_data()
        self._expect_end()

    def _expect_end(self) -> None:
        if not self._ending:
            self._ending = True
            self._cancel_timer()
            self._read_on()
            self._timer = self.loop.call_later(self._limits.close, self.transport.abort)

    # -- receiving ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._held is None:
            super().data_received(data)
        else:
            self._held += data
            self._feed_frames()
        if self.protocol.close_expected():
            self._expect_end()

    def _feed_frames(self) -> None:
        """Feed what was held back up to the end of a message; what is behind may belong to another process."""
        while self._held and not self._introducing:
            length = self._next_piece(self._held)
            if length is None or length > len(self._held):
                return
            data, self._held = bytes(self._held[:length]), self._held[length:]
            super().data_received(data)

    def _next_piece(self, held: bytearray) -> int | None:
        if self.protocol.state is State.CONNECTING and not self._ending:
            return held.find(HEAD_END) + len(HEAD_END)
        if self.protocol.state is not OPEN:
            return len(held)
        length = frame_length(held)
        if length is not None and length > FIRST_MESSAGE_LIMIT:
            self.fail(CloseCode.MESSAGE_TOO_BIG, "first message is too large")
            return len(held)
        return length

    def process_event(self, event: Event) -> None:
        """Take the request of the handshake, or a frame."""
        if isinstance(event, Request):
            self._shake(event)
            return
        assert isinstance(event, Frame)
        if event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif self.protocol.state is OPEN:
            self._collect(event)

    def _shake(self, request: Request) -> None:
        self.request = request
        self.response = response = self._accept(request)
        response.headers["Server"] = "Hanami"
        self._server.send_response(response)
        self.send_data()
        if self.protocol.state is OPEN:
            self.start_keepalive()

    def _accept(self, request: Request) -> Response:
        response = self._server.accept(request)
        if response.status_code == 101:
            return response
        # Released clients know no other status for a handshake that is wrong.
        return self._server.reject(400, (response.body or b"").decode())

    def _collect(self, frame: Frame) -> None:
        if frame.opcode is TEXT or frame.opcode is BINARY:
            self._text = frame.opcode is TEXT
            if frame.fin:
                self._take(bytes(frame.data))
                return
        self._pieces += frame.data
        if self._session is None and len(self._pieces) > FIRST_MESSAGE_LIMIT:
            self.fail(CloseCode.MESSAGE_TOO_BIG, "first message is too large")
        elif frame.fin:
            whole = bytes(self._pieces)
            self._pieces.clear()
            self._take(whole)

    def _take(self, data: bytes) -> None:
        if self._session is None:
            self._introduce(data)
            return
        try:
            message = data.decode() if self._text else data
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
        else:
            self._backlog.append(message)
            self._work()

    def _work(self) -> None:
        """Answer what has arrived, as long as the client takes the answers."""
        while self._backlog and self._session is not None and not self.paused and self.protocol.state is OPEN:
            self._answer(self._session, self._backlog.popleft())

    def _answer(self, session: SocketSession, message: bytes | str) -> None:
        try:
            answer = session.receive(message)
        except ClientError as error:
            answer = _failure(str(error)).decode()
        except Exception:
            log.exception("session failed")
            self.fail(CloseCode.INTERNAL_ERROR, "internal error")
            return
        self._post(answer)

    def _post(self, message: bytes | str) -> None:
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self.send_data()

    # -- the first message --------------------------------------------------------------------------------------------

    def _introduce(self, message: bytes) -> None:
        self._introducing = True
        self._cancel_timer()
        self.transport.pause_reading()
        self._desk.introduce(self, message, self._parcel.hops)

    def open(self, session: SocketSession) -> bool:
        """Begin the session and tell the client; False means that it has gone meanwhile."""
        if self.protocol.state is not OPEN:
            return False
        self._session = session
        self._post(msgspec.json.encode({"success": True, "uuid": new_uuid()}))
        held, self._held = self._held, None
        self._introducing = False
        if held:
            super().data_received(bytes(held))
        self._read_on()
        return True

    def refuse(self, text: str) -> None:
        """Tell the client why there is no session, and wait for another first message."""
        if self.protocol.state is not OPEN:
            return
        self._post(_failure(text))
        self._introducing = False
        self._await_first()
        self._feed_frames()
        if not self._introducing:
            self._read_on()

    def parcel(self, message: bytes) -> Parcel:
        """Return what another process must know to go on with this connection."""
        return Parcel(bytes(self._held or b""), message, self._parcel.hops + 1)

    def detach(self) -> None:
        """Let go of the connection without a word."""
        self.transport.abort()

    def _read_on(self) -> None:
        if not self.paused:
            self.transport.resume_reading()

    # -- slow readers -------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read; end it if that lasts."""
        super().pause_writing()
        self.transport.pause_reading()
        self._stalled = self.loop.call_later(self._limits.stall, self.transport.abort)

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        self._cancel_stall()
        self._work()
        if not self._introducing:
            self._read_on()

    def _cancel_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    @property
    def busy(self) -> bool:
        """Tell whether there is a session, or one is about to begin."""
        return self._session is not None or self._introducing

    @property
    def descriptor(self) -> int:
        """File descriptor of the connection."""
        return int(self.transport.get_extra_info("socket").fileno())


def _failure(text: str) -> bytes:
    return msgspec.json.encode({"success": False, "error": text})
