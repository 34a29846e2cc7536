"""A channel over a socket pair, whose session is that of a test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

from hanami_plugins.api_v1_0alpha import NativeApi
from hanami_server.handoff import Handoff
from hanami_server.sidecar.channel import Channel, ChannelLimits
from hanami_server.sidecar.conversation import Conversation, Services
from hanami_server.sidecar.turns import RoundRobin
from tests.server.test_sockets import frame, head, read_head


class Listener:
    """Opens a session for the message `open`."""

    def __init__(self, session=None, blocking=False, share=None) -> None:
        self.share = share
        self.turns = RoundRobin(asyncio.get_running_loop())
        self.messages: list[bytes] = []
        self.gone = asyncio.Event()
        self.session, self.blocking = session or Session(), blocking
        self.released = asyncio.Event()
        self.reported: list[BaseException] = []
        self.threads = ThreadPoolExecutor(2)

    def on_request(self, channel, request):
        return False

    def on_first_message(self, channel, message):
        self.messages.append(message)
        if message == b"open":
            self.connection = channel.connection()
            services = Services(self.threads, lambda session: self.released.set(), self.reported.append)
            channel.open(Conversation(self.session, self.blocking, channel, NativeApi(), services), self.share)

    def on_close(self, channel):
        self.gone.set()


class Session:
    def receive(self, message):
        return b"x" * (1 << 20)

    def close(self):
        pass


async def connect(listener, handoff, **limits):
    """Return a channel and the client's end of its socket."""
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    _, channel = await loop.connect_accepted_socket(
        lambda: Channel(handoff, listener, ChannelLimits(close=0.1, **limits), listener.turns), ours
    )
    return channel, theirs


class Client:
    """A client whose session is open."""

    def __init__(self, channel, raw: socket.socket) -> None:
        self.channel, self.raw = channel, raw

    def send(self, *messages: bytes) -> None:
        """Send messages in one piece."""
        self.raw.sendall(b"".join(map(frame, messages)))

    async def read(self) -> bytes:
        """Return the content of the next frame; that of a close frame begins with its code."""
        return await asyncio.wait_for(asyncio.to_thread(self._read), 60)

    def _read(self) -> bytes:
        size = self.raw.recv(2, socket.MSG_WAITALL)[1]
        if size > 125:
            size = int.from_bytes(self.raw.recv(2 if size == 126 else 8, socket.MSG_WAITALL), "big")
        content = b""
        while len(content) < size:
            content += self.raw.recv(size - len(content))
        return content

    async def answers(self, count: int) -> list[bytes]:
        """Return the next answers."""
        return [await self.read() for _ in range(count)]

    async def close_code(self) -> int:
        """Return the code with which the server closes."""
        return int.from_bytes((await self.read())[:2], "big")


@contextlib.asynccontextmanager
async def talking(listener, **limits):
    """Open a session; at the end everything must be released."""
    channel, raw = await connect(listener, Handoff(head("/some/path?x=y", X_Token="t")), **limits)
    client = Client(channel, raw)
    await asyncio.to_thread(read_head, raw)
    client.send(b"open")
    assert b'"success":true' in await client.read()
    try:
        yield client
    finally:
        channel.detach()
        raw.close()
        await asyncio.wait_for(listener.gone.wait(), 60)
        await asyncio.wait_for(listener.released.wait(), 60)
        listener.threads.shutdown()
