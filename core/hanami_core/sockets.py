"""Websockets as plugins declare them: targets, sessions, and the connection that a session may speak on by itself.

A target is chosen by the first message of a socket, which an Api reads (`Api.open_socket`), or, if it has a `path`, by
the path of the request. The sidecar asks it to open a session and from then on hands the session each message; no hook,
no rule and no database is between the two. Must not know the protocol on the wire.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hanami_core.access import Access, Action

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

NORMAL = 1000
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
_OWN_CODES = range(3000, 5000)
_CODES = frozenset({NORMAL, GOING_AWAY, 1003, 1007, POLICY_VIOLATION, 1009, INTERNAL_ERROR, 1012, 1013})
LONGEST_REASON = 123
"""Bytes of the reason in a close frame."""

Reply = bytes | str | None
"""The answer to a message: bytes, a text, or None for no answer."""


class SocketClosed(Exception):
    """The client is gone, or the socket was closed."""


class SocketFull(Exception):
    """The client does not read what was sent before; the message was not sent."""


class CloseSocket(Exception):
    """Raise it in `SocketSession.receive` to close the socket with a code and a reason; the message gets no answer.

    Raises:
        ValueError: if servers may not send the code, or the reason does not fit into a close frame.
    """

    def __init__(self, code: int = NORMAL, reason: str = "") -> None:
        check_close(code, reason)
        super().__init__(reason)
        self.code, self.reason = code, reason


def check_close(code: int, reason: str) -> None:
    """Raise `ValueError` for a close code that no server may send, or a reason that does not fit into its frame."""
    if code not in _CODES and code not in _OWN_CODES:
        raise ValueError(f"{code} is not a code to close a websocket with")
    if len(reason.encode()) > LONGEST_REASON:
        raise ValueError(f"the reason has more than {LONGEST_REASON} bytes")


@dataclass(frozen=True)
class SocketRequest:
    """The request with which a client opened its websocket.

    `path` has no query, `parameters` are those of a target's path; names of `headers` are in lower case.
    """

    path: str = "/"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


class SocketConnection(Protocol):
    """The connection from a session to its client. All methods may be called from any thread."""

    @property
    def uuid(self) -> str:
        """Identity of the connection; the client knows it, too."""

    @property
    def request(self) -> SocketRequest:
        """The request that opened the websocket."""

    def send(self, message: bytes | str, timeout: float = 0.0) -> None:
        """Send a message that is not an answer.

        Messages are sent in the order of the calls. A message sent while a session opens reaches the client after the
        message of success, and one sent in `SocketSession.receive` before the answer.

        Args:
            message: what to send.
            timeout: seconds to wait for a client that reads slowly; ignored in the event loop.

        Raises:
            SocketFull: if the client still has too much unread data.
            SocketClosed: if the client is gone.
        """

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the socket after everything sent before; closing it again is fine.

        Raises:
            ValueError: as `CloseSocket`.
        """


@runtime_checkable
class SocketSession(Protocol):
    """One open socket of a target. It receives one message at a time."""

    def receive(self, message: bytes | str) -> Reply | Awaitable[Reply]:
        """Return the answer to a message; the next message is delivered after that.

        Runs in the event loop that all sockets of the process share, so it must not wait for anything or compute for
        more than a millisecond or two. For slower work, return an awaitable, as an ``async`` method does, or set
        ``SocketTarget.blocking``.

        Raises:
            ClientError: it is sent as the Api writes it (`Api.socket_refused`), and the socket stays open.
            CloseSocket: the socket is closed. Any other exception is a defect: it is logged and closes the socket, too.
        """

    def close(self) -> None:
        """Release everything. Called once and in a thread, when the socket is gone and no message is being answered."""


@dataclass(frozen=True, eq=False)
class OpenSession:
    """An open session, to be checked again: `uuid` is what it was opened for."""

    uuid: str
    session: SocketSession


@runtime_checkable
class SocketTarget(Protocol):
    """What a websocket can be opened for. Derive from it to get its defaults."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Unique name; the value of ``target`` in the first message."""

    @property
    @abstractmethod
    def action(self) -> Action:
        """What opening a session is to policies and rules; it is required before `open` is called."""

    @property
    def path(self) -> str:
        """Path of the request that selects the target, such as ``/note/{uuid}/live``; empty if a first message does."""
        return ""

    @property
    def blocking(self) -> bool:
        """Whether sessions may block: they then receive their messages in threads, and return no awaitables."""
        return False

    def host(self, runtime: Runtime, uuid: str) -> str | None:
        """Return the compute host whose sidecar must serve the session, or None if any may. May block."""
        return None

    @abstractmethod
    def open(self, runtime: Runtime, access: Access, uuid: str, connection: SocketConnection) -> SocketSession:
        """Open a session for a resource. May block.

        Args:
            runtime: the process' runtime.
            access: what the actor may do; the target's action is already allowed.
            uuid: the uuid in the first message, or the parameter ``uuid`` of the path, or empty.
            connection: the way to the client.

        Raises:
            ClientError: it is sent as the Api writes it (`Api.socket_refused`).
        """

    def withdrawn(self, runtime: Runtime, access: Access, opened: Sequence[OpenSession]) -> Iterable[OpenSession]:
        """Return those sessions of one actor that are no longer allowed; their sockets are closed.

        Called every few seconds in a thread, after identity and action were checked again; sessions may be answering
        messages at the same time. Everything else that `open` checks must be checked here, too. May block.

        Args:
            runtime: the process' runtime.
            access: what the actor may do now; the target's action is still allowed.
            opened: sessions of the target.

        Raises:
            ClientError: none of them is allowed any longer.
        """
        return ()
