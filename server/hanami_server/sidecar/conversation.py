"""The messages of one open socket and their answers: one at a time, in order, in the event loop or in a thread.

A quick session answers at once, in the callback that has read its message. While an awaitable or a thread works at an
answer, later messages wait in a short backlog; when that is full the socket is not read on. Must not know the protocol,
nor how a session came to be.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from hanami_core.errors import VisibleError, contained
from hanami_core.http import Api
from hanami_core.sockets import INTERNAL_ERROR, CloseSocket, Reply, SocketSession
from hanami_server.sidecar.pusher import MessageSink

__all__ = ["Conversation", "ConversationSocket", "Services"]

MOST_MESSAGES = 256
MOST_BYTES = 1 << 20
"""Limits of a backlog; a single message may be larger."""
MOST_ANSWERED = 1 << 20
"""Bytes of answers after which a thread hands them over, before it goes on with other messages."""

Messages = deque[bytes | str]

log = logging.getLogger("hanami.sockets")


class ConversationSocket(MessageSink, Protocol):
    """The socket of a conversation."""

    def go_on(self) -> None:
        """Go on with what has arrived; called when there is room or leisure for it."""


@dataclass(frozen=True)
class Services:
    """What conversations need of a sidecar.

    `threads` runs sessions that block. `released` takes sessions that are over. `report` logs what a session raised,
    which reads source files and is therefore not done in the event loop.
    """

    threads: Executor
    released: Callable[[SocketSession], None]
    report: Callable[[BaseException], None]


class Conversation:
    """Belongs to the event loop, but for `_answer_all`. `full` tells that no further message should be taken yet."""

    def __init__(
        self, session: SocketSession, blocking: bool, channel: ConversationSocket, api: Api, services: Services
    ) -> None:
        """Let `session` answer what comes over `channel`, with errors in the words of `api`."""
        self.api = api
        self._session = session
        self._blocking = blocking
        self._channel = channel
        self._services = services
        self._loop = asyncio.get_running_loop()
        self.full = False
        self._backlog: Messages = deque()
        self._bytes = 0
        self._busy = False
        self._pending: asyncio.Future[Reply] | None = None
        self._ended = False
        self._broken_off = False

    @property
    def waiting(self) -> int:
        """Bytes of messages that wait for their answers to be begun."""
        return self._bytes

    @property
    def idle(self) -> bool:
        """Tell whether every message that was taken is answered."""
        return not (self._busy or self._backlog)

    def take(self, message: bytes | str) -> None:
        """Take the next message, and answer it now if that can be done."""
        if self._busy or self._backlog or self._blocking:
            self._backlog.append(message)
            self._grow(len(message))
            self.next()
        else:
            self._receive(message)

    def next(self) -> bool:
        """Begin with the next message of the backlog, and tell whether there was something to begin with."""
        if self._busy or not self._backlog:
            return False
        if self._blocking:
            messages, self._backlog = self._backlog, deque()
            self._grow(-self._bytes)
            self._busy = True
            self._services.threads.submit(self._answer_all, messages)
        else:
            message = self._backlog.popleft()
            self._grow(-len(message))
            self._receive(message)
        return True

    def _grow(self, size: int) -> None:
        """Take note that the backlog has changed, by so many bytes."""
        self._bytes += size
        self.full = len(self._backlog) >= MOST_MESSAGES or self._bytes >= MOST_BYTES

    # -- quick sessions -----------------------------------------------------------------------------------------------

    def _receive(self, message: bytes | str) -> None:
        try:
            answer = self._session.receive(message)
        except BaseException as error:  # of sys.exit the event loop would end
            self._give(error)
            return
        if isinstance(answer, bytes):
            self._channel.post(answer)
        elif isinstance(answer, str) or not inspect.isawaitable(answer):
            self._give(answer)
        else:
            self._wait_for(answer)

    def _wait_for(self, answer: Awaitable[Reply]) -> None:
        self._busy = True
        self._pending = asyncio.ensure_future(_contained(answer))
        self._pending.add_done_callback(self._arrived)

    def _arrived(self, pending: asyncio.Future[Reply]) -> None:
        self._pending = None
        if not self._ended:
            self._give(RuntimeError("an answer was cancelled") if pending.cancelled() else _result(pending))
        self._rest()

    # -- sessions that block ------------------------------------------------------------------------------------------

    def _answer_all(self, messages: Messages) -> None:
        """Answer in a thread what has arrived, and hand all answers over at once."""
        results: list[object] = []
        size = 0
        while messages and not (self._ended or self._broken_off) and size < MOST_ANSWERED:
            try:
                result: object = self._session.receive(messages.popleft())
            except BaseException as error:
                result = error
            results.append(result)
            if isinstance(result, bytes | str):
                size += len(result)
            elif result is not None and not isinstance(result, VisibleError):
                break  # ends the socket, so nothing behind it is answered
        self._loop.call_soon_threadsafe(self._answered, results, messages)

    def _answered(self, results: list[object], left: Messages) -> None:
        for result in results:
            self._give(result)
        self._backlog.extendleft(reversed(left))
        self._grow(sum(map(len, left)))
        self._rest()

    # -- both ---------------------------------------------------------------------------------------------------------

    def _give(self, result: object) -> None:
        """Send what a session returned, or do what it raised asks for."""
        if result is None:
            return
        if isinstance(result, bytes | str):
            self._channel.post(result)
        elif isinstance(result, VisibleError):
            self._channel.post(_as_text(self.api.socket_refused(result)))
        elif isinstance(result, CloseSocket):
            self._channel.fail(result.code, result.reason)
        else:
            error = result if isinstance(result, BaseException) else TypeError(f"no answer: {type(result).__name__}")
            self._services.report(error)
            self._channel.fail(INTERNAL_ERROR, "internal error")

    def _rest(self) -> None:
        self._busy = False
        if self._ended:
            self._services.released(self._session)
        else:
            self._channel.go_on()

    def break_off(self) -> None:
        """Answer nothing more than the message that is being answered: its client was sent away."""
        self._broken_off = True
        self._backlog.clear()
        self._grow(-self._bytes)

    def end(self) -> None:
        """Stop; the session is released as soon as it answers no message any more."""
        self._ended = True
        self._backlog.clear()
        if self._pending is not None:
            self._pending.cancel()
        elif not self._busy:
            self._services.released(self._session)


def _as_text(message: bytes | str) -> str:
    return message if isinstance(message, str) else message.decode()


async def _contained(answer: Awaitable[Reply]) -> Reply:
    try:
        return await answer
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise contained(error) from error


def _result(pending: asyncio.Future[Reply]) -> object:
    error = pending.exception()
    return pending.result() if error is None else error
