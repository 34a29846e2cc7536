"""Takes over connections from the api and from other sidecars, and brings them together with sessions.

Owns the channels of a sidecar: how many there are, who decides about them, what becomes of them at the end. Must not
know what sessions do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
from websockets.frames import CloseCode

from hanami_core import localsocket
from hanami_core.errors import BadRequest, VisibleError
from hanami_core.http import Api
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketRequest, SocketSession
from hanami_server import process_control
from hanami_server.handoff import TAKEN, Handoff, receive_handoff, send_handoff
from hanami_server.paths import handoff_path
from hanami_server.permits import Permits
from hanami_server.sidecar import api_choice
from hanami_server.sidecar.channel import Channel, ChannelLimits
from hanami_server.sidecar.conversation import Conversation, Services
from hanami_server.sidecar.handshake import Handshake, Opened, Outcome, Redirect, Refused
from hanami_server.sidecar.threads import WatchedThreads
from hanami_server.sidecar.turns import RoundRobin

__all__ = ["ConnectionManager"]

# Pools of their own, so that whoever waits in one of them keeps nobody waiting in another: sessions that are opened,
# connections that change their owner, messages of sessions that block, and sessions that are released.
HANDSHAKES, HANDOFFS, SESSIONS, RELEASES = 8, 4, 16, 4
BACKLOG = 256
HANDOFF_TIMEOUT = 2.0
FULL = b"-"

log = logging.getLogger("hanami.sockets")


class ConnectionManager:
    """The websocket side of a sidecar. Belongs to the event loop."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """Serve sockets for `host`; called in the loop."""
        self._runtime = runtime
        self._host = host
        self._handshake = Handshake(runtime, host)
        self._limits = ChannelLimits(first=runtime.settings["sockets.timeout"])
        self._limit: int = runtime.settings["sockets.limit"]
        self._handshakes = WatchedThreads(HANDSHAKES, "handshake")
        self._handoffs = WatchedThreads(HANDOFFS, "handoff")
        self._sessions = WatchedThreads(SESSIONS, "session")
        self._releases = WatchedThreads(RELEASES, "release")
        self._turns = RoundRobin(asyncio.get_running_loop())
        self._permits = Permits(runtime)
        self._channels: dict[Channel, None] = {}
        self._open_sessions = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._listener: socket.socket | None = None

    @property
    def count(self) -> int:
        """Number of open sockets."""
        return len(self._channels)

    @property
    def _most(self) -> int:
        """How many sockets there may be."""
        return process_control.most_connections(self._limit, HANDSHAKES + HANDOFFS + RELEASES)

    def hung(self) -> str:
        """Say which threads all hang, so that there is none left for others; called in any thread."""
        limit = self._runtime.settings["http.handler_timeout"]
        pools = self._handshakes, self._handoffs, self._sessions, self._releases
        return next((f"all threads of the pool '{pool.name}' hang" for pool in pools if pool.hangs(limit)), "")

    def start(self) -> None:
        """Begin to take over connections."""
        path = handoff_path(self._runtime.settings.data_dir, self._host)
        self._listener = localsocket.bind(socket.SOCK_STREAM, path)
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)
        self._permits.start()

    async def stop(self, grace: float) -> None:
        """Send all clients away, cut off those that have not gone after `grace` seconds, and release their sessions."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        self._permits.stop()
        for channel in list(self._channels):
            channel.fail(CloseCode.GOING_AWAY, "the server stops")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._until(lambda: not self._channels)
        for channel in list(self._channels):
            channel.detach()
        await self._until(lambda: not (self._channels or self._open_sessions))
        await asyncio.gather(*self._tasks)
        await asyncio.to_thread(self._releases.shutdown)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            stream, _ = listener.accept()
            stream.settimeout(HANDOFF_TIMEOUT)
            self._spawn(self._take_over(stream))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(error)

    async def _take_over(self, stream: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            with stream:
                descriptor, handoff = await loop.run_in_executor(self._handoffs, receive_handoff, stream)
                connection = socket.socket(fileno=descriptor)
                self._reply(stream, connection)
            connection.setblocking(False)
            await loop.connect_accepted_socket(partial(self._channel, handoff), connection)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("connection was not taken over", extra={"reason": str(error)})

    def _reply(self, stream: socket.socket, connection: socket.socket) -> None:
        """Tell the sender whether this sidecar takes the connection; only from then on it is the sidecar's."""
        try:
            stream.sendall(TAKEN if self._make_room() else FULL)
        except OSError:
            connection.close()
            raise
        if self.count >= self._most:
            connection.close()
            raise ConnectionRefusedError("too many sockets")

    def _make_room(self) -> bool:
        """Tell whether one more socket fits, after sending the oldest one away that has no session if it must be."""
        if self.count >= self._most:
            idle = next((channel for channel in self._channels if not channel.busy), None)
            if idle is not None:
                idle.detach()
                self.on_close(idle)
        return self.count < self._most

    def _channel(self, handoff: Handoff) -> Channel:
        channel = Channel(handoff, self, self._limits, self._turns)
        self._channels[channel] = None
        return channel

    # -- what channels ask for ----------------------------------------------------------------------------------------

    def on_request(self, channel: Channel, request: SocketRequest) -> bool:
        """Tell whether the path of a request chooses a target, and begin to decide about it then."""
        found = self._handshake.target(request)
        if found is None:
            return False
        target, request = found
        connection = channel.connection(request)
        decide = partial(self._handshake.by_path, target, connection, channel.hops)
        self._spawn(self._begin(channel, decide, partial(_reject, channel)))
        return True

    def on_first_message(self, channel: Channel, message: bytes) -> None:
        """Begin to decide about a first message."""
        decide = partial(self._handshake.by_message, message, channel.connection(), channel.hops)
        self._spawn(self._begin(channel, decide, partial(_refuse, channel)))

    def on_close(self, channel: Channel) -> None:
        """Forget a channel."""
        self._channels.pop(channel, None)
        self._changed.set()

    async def _begin(
        self, channel: Channel, decide: Callable[[], Outcome], refuse: Callable[[VisibleError, Api], None]
    ) -> None:
        outcome = await asyncio.get_running_loop().run_in_executor(self._handshakes, decide)
        if isinstance(outcome, Opened):
            self._open_session(channel, outcome)
        elif isinstance(outcome, Refused):
            refuse(outcome.error, outcome.api)
        elif await self._redirect(channel, outcome):
            channel.detach()
        else:
            refuse(BadRequest("host_unavailable", host=outcome.host), outcome.api)

    def _open_session(self, channel: Channel, opened: Opened) -> None:
        self._open_sessions += 1
        services = Services(self._sessions, partial(self._release, opened), self._report)
        conversation = Conversation(opened.session, opened.blocking, channel, opened.api, services)
        if channel.open(conversation, opened.share):
            close = partial(channel.fail, CloseCode.POLICY_VIOLATION)
            self._permits.add(opened.permit, partial(asyncio.get_running_loop().call_soon_threadsafe, close))
        else:
            conversation.end()

    async def _redirect(self, channel: Channel, outcome: Redirect) -> bool:
        """Offer a connection to another sidecar and tell whether it was taken."""
        path = handoff_path(self._runtime.settings.data_dir, outcome.host)
        # A duplicate, because the channel's own descriptor may be closed, and its number reused, at any moment.
        descriptor = os.dup(channel.descriptor)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._handoffs, send_handoff, path, descriptor, channel.handoff(), HANDOFF_TIMEOUT
            )
        finally:
            os.close(descriptor)

    # -- what conversations ask for -----------------------------------------------------------------------------------

    def _release(self, opened: Opened, session: SocketSession) -> None:
        self._permits.discard(opened.permit)
        self._open_sessions -= 1
        opened.share.leave()
        self._changed.set()
        self._releases.submit(_close, session)

    def _report(self, error: BaseException) -> None:
        # Not in the loop: a traceback is made of source files.
        self._releases.submit(log.error, "session failed", exc_info=error)


def _refuse(channel: Channel, error: VisibleError, api: Api) -> None:
    channel.refuse(api.socket_refused(error))


def _reject(channel: Channel, error: VisibleError, api: Api) -> None:
    channel.reject(*api_choice.rejected(api, error))


def _close(session: SocketSession) -> None:
    try:
        session.close()
    except BaseException:
        log.exception("session did not close")
