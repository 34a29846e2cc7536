"""Takes over connections from the api and from other sidecars, and brings them together with sessions.

Owns the channels of a sidecar: how many there are, who decides about them, what becomes of them at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
from websockets.frames import CloseCode

from hanami_core import localsocket
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketSession
from hanami_server.parcel import TAKEN, Parcel, deliver, unpack
from hanami_server.paths import adoption_path
from hanami_server.sidecar.admission import Admission, Elsewhere, Opened, Refused
from hanami_server.sidecar.channel import Channel, Limits

__all__ = ["Reception"]

THREADS = 8
COURIERS = 4
BACKLOG = 256
DELIVERY_TIMEOUT = 2.0
FULL = b"-"

log = logging.getLogger("hanami.sockets")


class Reception:
    """The websocket side of a sidecar. Belongs to the event loop."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """Serve sockets for `host`."""
        self._runtime = runtime
        self._host = host
        self._admission = Admission(runtime, host)
        self._limits = Limits(first=runtime.settings["sockets.timeout"])
        self._most: int = runtime.settings["sockets.limit"]
        self._threads = ThreadPoolExecutor(THREADS, "admission")
        # Apart from the other pool, so that slow sessions do not keep connections waiting for their owner.
        self._couriers = ThreadPoolExecutor(COURIERS, "courier")
        self._channels: dict[Channel, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._listener: socket.socket | None = None

    @property
    def count(self) -> int:
        """Number of open sockets."""
        return len(self._channels)

    def start(self) -> None:
        """Begin to take over connections."""
        path = adoption_path(self._runtime.settings.data_dir, self._host)
        self._listener = localsocket.bind(socket.SOCK_STREAM, path)
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def stop(self, grace: float) -> None:
        """Send all clients away, cut off those that have not gone after `grace` seconds, and release their sessions."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        for channel in list(self._channels):
            channel.fail(CloseCode.GOING_AWAY, "the server stops")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._emptied.wait()
        for channel in list(self._channels):
            channel.detach()
        await self._emptied.wait()
        await asyncio.gather(*self._tasks)
        await asyncio.to_thread(self._threads.shutdown)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            stream, _ = listener.accept()
            stream.settimeout(DELIVERY_TIMEOUT)
            self._spawn(self._take_over(stream))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("socket failed", exc_info=error)

    async def _take_over(self, stream: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            with stream:
                descriptor, parcel = await loop.run_in_executor(self._couriers, unpack, stream)
                connection = socket.socket(fileno=descriptor)
                self._reply(stream, connection)
            connection.setblocking(False)
            await loop.connect_accepted_socket(partial(self._channel, parcel), connection)
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
                self._forget(idle)
        return self.count < self._most

    def _channel(self, parcel: Parcel) -> Channel:
        channel = Channel(parcel, self, self._limits)
        self._channels[channel] = None
        self._emptied.clear()
        return channel

    def _forget(self, channel: Channel) -> None:
        self._channels.pop(channel, None)
        if not self._channels:
            self._emptied.set()

    # -- what channels ask for ----------------------------------------------------------------------------------------

    def introduce(self, channel: Channel, message: bytes, hops: int) -> None:
        """Begin to decide about a first message."""
        self._spawn(self._introduce(channel, message, hops))

    def left(self, channel: Channel, session: SocketSession | None) -> None:
        """Forget a channel and release its session."""
        self._forget(channel)
        if session is not None:
            self._release(session)

    def _release(self, session: SocketSession) -> None:
        self._threads.submit(_close, session)

    async def _introduce(self, channel: Channel, message: bytes, hops: int) -> None:
        outcome = await asyncio.get_running_loop().run_in_executor(self._threads, self._admission.decide, message, hops)
        if isinstance(outcome, Opened):
            if not channel.open(outcome.session):
                self._release(outcome.session)
        elif isinstance(outcome, Refused):
            channel.refuse(outcome.text)
        else:
            await self._pass_on(channel, message, outcome)

    async def _pass_on(self, channel: Channel, message: bytes, outcome: Elsewhere) -> None:
        path = adoption_path(self._runtime.settings.data_dir, outcome.host)
        # A duplicate, because the channel's own descriptor may be closed, and its number reused, at any moment.
        descriptor = os.dup(channel.descriptor)
        try:
            moved = await asyncio.get_running_loop().run_in_executor(
                self._couriers, deliver, path, descriptor, channel.parcel(message), DELIVERY_TIMEOUT
            )
        finally:
            os.close(descriptor)
        if moved:
            channel.detach()
        else:
            channel.refuse(f"Host '{outcome.host}' is not available")


def _close(session: SocketSession) -> None:
    try:
        session.close()
    except Exception:
        log.exception("session did not close")
