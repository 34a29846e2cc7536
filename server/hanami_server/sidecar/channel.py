"""One websocket: request, first message, and then the conversation of its session.

It is a `websockets` connection whose messages are answered at once in `data_received`, instead of by a task that waits
for them: that saves two rounds of the event loop for every frame. Bytes are fed to the protocol frame by frame: until
the session is open, so that the socket can move to another process without losing one; and afterwards, so that one
client's frames take turns with those of others. Must not know targets nor hosts.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
from websockets.asyncio.connection import Connection
from websockets.frames import BINARY, DATA_OPCODES, TEXT, CloseCode, Frame
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Event, State
from websockets.server import ServerProtocol

from hanami_core.sockets import SocketRequest
from hanami_server.handoff import Handoff
from hanami_server.sidecar.conversation import Conversation
from hanami_server.sidecar.frames import frame_length
from hanami_server.sidecar.pusher import Pusher
from hanami_server.sidecar.request import parse_head
from hanami_server.sidecar.shares import Share
from hanami_server.sidecar.turns import RoundRobin

__all__ = ["Channel", "ChannelLimits", "Listener"]

FIRST_MESSAGE_LIMIT = 1 << 16
INPUT_LIMIT = 1 << 16
"""Bytes that wait for their turn; beyond it the socket is not read."""
HEAD_END = b"\r\n\r\n"


class ChannelLimits(msgspec.Struct, frozen=True):
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


class Listener(Protocol):
    """Who decides what channels lead to, and takes care of ended ones."""

    def on_request(self, channel: Channel, request: SocketRequest) -> bool:
        """Tell whether the path of a request chooses a target, and begin to decide about it then.

        That ends in `Channel.open`, `Channel.reject` or `Channel.detach`.
        """

    def on_first_message(self, channel: Channel, message: bytes) -> None:
        """Begin to decide about a first message; ends in `Channel.open`, `Channel.refuse` or `Channel.detach`."""

    def on_close(self, channel: Channel) -> None:
        """Take note that a connection is gone."""


class Channel(Connection):
    """A websocket at the server's side."""

    waiting = False

    def __init__(self, handoff: Handoff, listener: Listener, limits: ChannelLimits, turns: RoundRobin) -> None:
        """Prepare a connection that arrives with `handoff`; it begins when asyncio has made its transport."""
        state = OPEN if handoff.first is not None else State.CONNECTING
        protocol = ServerProtocol(state=state, max_size=limits.message)
        super().__init__(
            protocol, ping_interval=limits.ping, ping_timeout=limits.ping, close_timeout=limits.close, max_queue=None
        )
        self._server = protocol
        self._arrived = handoff
        self._head, self._first = handoff.head, handoff.first
        self._listener = listener
        self._limits = limits
        self._turns = turns
        self._accepted: Response | None = None
        self._pusher: Pusher | None = None
        self._conversation: Conversation | None = None
        self._input = bytearray()
        self._frame = self._rest = 0  # length of the frame that is being read, and how much of it is to come
        self._share: Share | None = None
        self._deciding = False
        self._ending = False
        self._ended = False
        self._reading = True
        self._pieces = bytearray()
        self._text = False
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # -- life ---------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: shake hands, or go on where another process stopped."""
        super().connection_made(transport)
        self._await_first()
        self._input += self._arrived.data
        if self._first is None:
            self.go_on()
        else:
            self.start_keepalive()
            self._decide(self._first)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything."""
        self._cancel_timer()
        self._cancel_stall()
        super().connection_lost(exc)
        if self._share is not None:
            self._share.hold(0)
        if self._pusher is not None:
            self._pusher.end()
        if self._conversation is not None:
            self._conversation.end()
        self._listener.on_close(self)

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
        if self._conversation is not None:
            self._conversation.break_off()
        self._expect_end()

    def _expect_end(self) -> None:
        if not self._ending:
            self._ending = True
            self._cancel_timer()
            self._adjust_reading()
            self._timer = self.loop.call_later(self._limits.close, self.transport.abort)

    def detach(self) -> None:
        """Let go of the connection without a word."""
        if not self.connection_lost_waiter.done():
            self.transport.abort()

    # -- receiving ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        talk = self._conversation
        if talk is None or talk.full or self._input:
            self._input += data
            self.go_on()
        elif not self._rest and frame_length(data) == len(data):
            # The usual case: nothing waits, and this is one frame.
            self._feed(data)
            if self._pieces or talk.waiting:
                self._hold()
        elif self._piece(data) == len(data):
            self._rest -= len(data)
            self._feed(data)
            self._hold()
        else:
            self._input += data
            self.go_on()

    def go_on(self) -> None:
        """Do one piece of what is to be done, the rest in turn with other sockets."""
        if self.step():
            self._turns.add(self)
        self._adjust_reading()

    def step(self) -> bool:
        """Answer a message that waits, or read one frame; tell whether there may be more to do."""
        if self._deciding or self.paused:
            return False
        talk = self._conversation if self.protocol.state is OPEN else None
        if talk is not None:
            if talk.next():
                return True
            if talk.full:
                return False
        size = self._piece(self._input) if self._input else 0
        if size:
            data = bytes(self._input[:size])
            if self.protocol.state is State.CONNECTING:
                self._head = data
            del self._input[:size]
            self._rest = max(0, self._rest - size)
            self._feed(data)
            self._hold()
        else:
            self._adjust_reading()
            if self._ended and (talk is None or talk.idle):
                self._end_of_input()
        return bool(size)

    def _piece(self, data: bytes | bytearray) -> int:
        """Return how much of `data` may be fed: to the end of a frame, and before there is a session only whole ones.

        What is behind may belong to another process, or must wait for the turns of others.
        """
        if self.protocol.state is State.CONNECTING and not self._ending:
            return data.find(HEAD_END) + len(HEAD_END) if HEAD_END in data else 0
        if self.protocol.state is not OPEN:
            return len(data)
        if not self._rest:
            self._frame = self._rest = frame_length(data) or 0
        if self._conversation is not None:
            return min(self._rest, len(data))
        if self._rest > FIRST_MESSAGE_LIMIT:
            self.fail(CloseCode.MESSAGE_TOO_BIG, "first message is too large")
            return len(data)
        return self._rest if self._rest <= len(data) else 0

    def _feed(self, data: bytes) -> None:
        super().data_received(data)
        if self.protocol.state is not OPEN and self.protocol.close_expected():
            self._expect_end()

    def _hold(self) -> None:
        """Account for what is kept until the client sends the rest, and part with a client that lets too much wait."""
        talk = self._conversation
        if self._share is None or talk is None:
            return
        begun = self._frame - self._rest if self._rest else 0
        if not self._share.hold(len(self._pieces) + begun + talk.waiting) and self.protocol.state is OPEN:
            self.fail(CloseCode.MESSAGE_TOO_BIG, "too many unfinished messages on the websockets of this user or host")

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for it, websockets needs none
        """End when all that the client has sent before is answered; True keeps the connection until then."""
        self._ended = True
        self.go_on()
        return self._ended

    def _end_of_input(self) -> None:
        self._ended = False
        super().eof_received()
        self.transport.close()

    def _adjust_reading(self) -> None:
        """Read from the client, or not, as fits to what is going on."""
        busy = self._deciding or len(self._input) > INPUT_LIMIT
        wanted = not self.paused and (self._ending or not busy)
        if wanted is not self._reading:
            self._reading = wanted
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

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

    def _collect(self, frame: Frame) -> None:
        if frame.opcode is TEXT or frame.opcode is BINARY:
            self._text = frame.opcode is TEXT
            if frame.fin:
                self._take(bytes(frame.data))
                return
        self._pieces += frame.data
        if self._conversation is None and len(self._pieces) > FIRST_MESSAGE_LIMIT:
            self.fail(CloseCode.MESSAGE_TOO_BIG, "first message is too large")
        elif frame.fin:
            whole = bytes(self._pieces)
            self._pieces.clear()
            self._take(whole)

    def _take(self, data: bytes) -> None:
        if self._conversation is None:
            self._decide(data)
            return
        try:
            message = data.decode() if self._text else data
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
        else:
            self._conversation.take(message)

    # -- sending ------------------------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether the connection is open and its client reads."""
        return self.protocol.state is OPEN and not self.paused

    def post(self, message: bytes | str) -> None:
        """Send a message, unless the connection is closed."""
        if self.protocol.state is not OPEN:
            return
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self.send_data()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read; end it if that lasts."""
        super().pause_writing()
        self._adjust_reading()
        self._stalled = self.loop.call_later(self._limits.stall, self.transport.abort)

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        self._cancel_stall()
        if self._pusher is not None:
            self._pusher.flush()
        self.go_on()

    def _cancel_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # -- how a session begins -----------------------------------------------------------------------------------------

    def _shake(self, request: Request) -> None:
        self.request = request
        self._accepted = response = self._accept(request)
        response.headers["Server"] = "Hanami"
        if response.status_code == 101 and self._listener.on_request(self, parse_head(self._head)):
            self._deciding = True
            self._cancel_timer()
        else:
            self._respond(response)

    def _accept(self, request: Request) -> Response:
        response = self._server.accept(request)
        if response.status_code == 101:
            return response
        # Released clients know no other status for a handshake that is wrong.
        return self._server.reject(400, (response.body or b"").decode())

    def _respond(self, response: Response) -> None:
        self.response = response
        self._server.send_response(response)
        self.send_data()
        if self.protocol.state is OPEN:
            self.start_keepalive()

    def _decide(self, message: bytes) -> None:
        self._first = message
        self._deciding = True
        self._cancel_timer()
        self._adjust_reading()
        self._listener.on_first_message(self, message)

    def connection(self, request: SocketRequest | None = None) -> Pusher:
        """Return what the session that is being opened may speak on."""
        self._pusher = Pusher(self.loop, request or parse_head(self._head))
        return self._pusher

    def open(self, conversation: Conversation, share: Share | None = None) -> bool:
        """Begin a session and tell the client; False means that the client has gone meanwhile.

        Args:
            conversation: what answers the messages.
            share: where the memory of unfinished messages is accounted for; without one it is not.
        """
        if self.transport.is_closing() or self._pusher is None:
            return False
        if self.protocol.state is State.CONNECTING and self._accepted is not None:
            self._respond(self._accepted)
        elif self.protocol.state is OPEN:
            self._welcome(conversation, self._pusher.uuid)
        else:
            return False
        self._conversation, self._share = conversation, share
        self._deciding = False
        self._pusher.bind(self)
        self.go_on()
        return True

    def _welcome(self, conversation: Conversation, uuid: str) -> None:
        message = conversation.api.socket_opened(uuid)
        if message is not None:
            self.post(message)

    def refuse(self, message: bytes | str) -> None:
        """Tell the client why its first message led to nothing, and wait for another one."""
        if self.protocol.state is not OPEN:
            return
        self.post(message)
        self._deciding = False
        self._await_first()
        self.go_on()

    def reject(self, status: int, text: str) -> None:
        """Answer the request with an error and close the connection."""
        if self.protocol.state is State.CONNECTING and not self.transport.is_closing():
            self._deciding = False
            response = self._server.reject(status, text)
            response.headers["Server"] = "Hanami"
            self._respond(response)
            self._expect_end()

    # -- how it moves -------------------------------------------------------------------------------------------------

    def handoff(self) -> Handoff:
        """Return what another process must know to go on with this connection."""
        if self.protocol.state is State.CONNECTING:
            return Handoff(self._head + self._input, hops=self.hops + 1)
        return Handoff(bytes(self._input), self._first, self.hops + 1, self._head)

    @property
    def hops(self) -> int:
        """How often the connection has moved."""
        return self._arrived.hops

    @property
    def busy(self) -> bool:
        """Tell whether there is a session, or one is about to begin."""
        return self._conversation is not None or self._deciding

    @property
    def descriptor(self) -> int:
        """File descriptor of the connection."""
        return int(self.transport.get_extra_info("socket").fileno())
