"""Questions that any process puts to the sidecar of a host and that are answered at once, such as a prediction.

A plugin offers a function by name when it starts in a sidecar (`HostCalls.offer`); any process asks for it by the name
of the host (`HostCalls.ask`). What can wait belongs into the queue instead, which survives a crash.

A question is some pieces of bytes, and so is its answer. Large ones, such as the values of many rows, reach the other
side without being copied in either process.

Owns the format on the Unix socket between them, the same each way: a length of four bytes, a msgpack value of that
length, which tells the sizes of the pieces, and the pieces. Must not know what is asked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import numpy as np

from hanami_core import localsocket
from hanami_core.errors import BY_STATUS, InternalError, PluginError, Unavailable, VisibleError, contained
from hanami_core.ids import new_uuid
from hanami_core.storage.failures import storage_failure

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["HostCallServer", "HostCalls", "Piece"]

LARGEST = 1 << 30
"""Bytes of a question or an answer."""
LARGEST_HEAD = 1 << 20
SIZE_BYTES = 4
AT_ONCE = 1 << 16
"""Bytes that are read at once, and of a message that is sent at once."""
CONNECTIONS = 128
"""Callers that a sidecar answers at the same time; the next one waits."""
KEPT = 16
"""Open connections to a host that a process keeps for its next questions."""

Piece = bytes | bytearray | memoryview
Function = Callable[[Sequence[Piece]], Sequence[Piece]]
Sizes = list[Annotated[int, msgspec.Meta(ge=0)]]

log = logging.getLogger("hanami.calls")


class _HostRequest(msgspec.Struct, array_like=True):
    sizes: Sizes
    name: str


class _HostResponse(msgspec.Struct, array_like=True):
    """What came of it; of an error the status, the code and the parameters."""

    sizes: Sizes = []
    status: int = 0
    code: str = ""
    parameters: dict[str, str | int | float | bool | None] = {}


Head = TypeVar("Head", _HostRequest, _HostResponse)


class HostCalls:
    """The requests that this process answers, and its connections to other processes."""

    def __init__(self, data_dir: Path) -> None:
        """Begin without any connection."""
        self._data_dir = data_dir
        self._offered: dict[str, Function] = {}
        self._kept: dict[str, list[socket.socket]] = {}
        self._lock = threading.Lock()
        self.here = ""
        """The host whose sidecar this process is."""

    def offer(self, name: str, function: Function) -> None:
        """Let `function` answer requests in this sidecar; it is called from several threads at the same time.

        Raises:
            PluginError: if the name is taken.
        """
        if name in self._offered:
            raise PluginError(f"two plugins offer the call {name}")
        self._offered[name] = function

    def ask(self, host: str, name: str, pieces: Sequence[Piece], timeout: float) -> Sequence[Piece]:
        """Return the answer of the sidecar of a host. A request may be sent twice, so it must not change anything.

        Args:
            host: name of the compute host.
            name: name under which the function was offered there.
            pieces: the request; views of contiguous bytes are sent without a copy.
            timeout: maximum number of seconds to wait.

        Returns:
            The pieces of the answer, each at an address that is a multiple of 8.

        Raises:
            VisibleError: the one that the other side raised.
            Unavailable: if the host is not running, or does not answer in time.
        """
        if host == self.here:
            return self._offered[name](pieces)
        question = _HostRequest(list(map(len, pieces)), name)
        try:
            answer, found = self._asked(host, question, pieces, timeout)
        except (OSError, msgspec.MsgspecError) as error:
            raise Unavailable("host_unavailable", host=host, retry_after=1) from error
        if answer.status:
            raise BY_STATUS.get(answer.status, InternalError)(answer.code, **answer.parameters)
        return found

    def _asked(
        self, host: str, question: _HostRequest, pieces: Sequence[Piece], timeout: float
    ) -> tuple[_HostResponse, list[Piece]]:
        """Put a question on a connection of an earlier one, or on a new one if that has ended meanwhile."""
        while True:
            with self._lock:
                kept = self._kept.get(host)
                known = kept.pop() if kept else None
            connection = known or localsocket.connect(socket.SOCK_STREAM, localsocket.calls_path(self._data_dir, host))
            try:
                connection.settimeout(timeout)
                _send(connection, question, pieces)
                answer = _receive(connection, _HostResponse)
            except BaseException as error:
                connection.close()
                if known is not None and isinstance(error, ConnectionError):
                    continue  # the sidecar has been started again since
                raise
            self._keep(host, connection)
            return answer

    def _keep(self, host: str, connection: socket.socket) -> None:
        with self._lock:
            kept = self._kept.setdefault(host, [])
            if len(kept) < KEPT:
                kept.append(connection)
                return
        connection.close()

    def answer(self, connection: socket.socket) -> None:
        """Answer the requests of another process until it ends its connection.

        Raises:
            OSError: if the connection breaks off.
            MsgspecError: if what comes is no request.
        """
        with contextlib.suppress(ConnectionResetError):
            while True:
                question, pieces = _receive(connection, _HostRequest)
                _send(connection, *self._answer(question.name, pieces))

    def _answer(self, name: str, pieces: Sequence[Piece]) -> tuple[_HostResponse, Sequence[Piece]]:
        """Return the answer to a request, which may be an error, and its pieces."""
        try:
            found = self._offered[name](pieces)
            return _HostResponse(list(map(len, found))), found
        except VisibleError as error:
            return _refusal(error), ()
        except BaseException as error:
            identity = new_uuid()
            log.exception("a call of the host failed", extra={"identity": identity})
            failure = storage_failure(contained(error)) or InternalError("internal_error", identity=identity)
            return _refusal(failure), ()

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            left = [connection for kept in self._kept.values() for connection in kept]
            self._kept.clear()
        for connection in left:
            connection.close()


def _refusal(error: VisibleError) -> _HostResponse:
    return _HostResponse(status=error.status, code=error.code, parameters=_plain(error.parameters))


def _plain(parameters: dict[str, object]) -> dict[str, str | int | float | bool | None]:
    return {
        name: value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in parameters.items()
    }


class HostCallServer:
    """Answers questions to a sidecar, each connection in a thread of its own."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """Answer with what plugins have offered in this process."""
        self._runtime = runtime
        self._path = localsocket.calls_path(runtime.settings.data_dir, host)
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._listener = localsocket.bind(socket.SOCK_STREAM, self._path)
        self._listener.listen(CONNECTIONS)
        threading.Thread(target=self._accept, args=(self._listener,), name="calls", daemon=True).start()

    def stop(self) -> None:
        """Take no more connections; threads end with the process."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._places.acquire()
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), name="call", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._runtime.host_calls.answer(connection)
        except (OSError, msgspec.MsgspecError):
            log.debug("a caller broke off")
        finally:
            self._runtime.database.disconnect()  # the thread is never used again
            self._places.release()


def _send(connection: socket.socket, head: _HostRequest | _HostResponse, pieces: Sequence[Piece]) -> None:
    """Send a message; a small one wakes the other side only once."""
    text = msgspec.msgpack.encode(head)
    parts: Sequence[Piece] = [len(text).to_bytes(SIZE_BYTES, "big") + text, *pieces]
    if sum(head.sizes) <= AT_ONCE:
        parts = [b"".join(parts)]
    for part in parts:
        connection.sendall(part)


def _receive(connection: socket.socket, kind: type[Head]) -> tuple[Head, list[Piece]]:
    """Return the next message and its pieces; a small one takes one look at the socket."""
    data = _at_least(connection, b"", SIZE_BYTES)
    begin = SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "big")
    if begin > LARGEST_HEAD:
        raise ConnectionError("the head of a message is too large")
    data = _at_least(connection, data, begin)
    head = msgspec.msgpack.decode(memoryview(data)[SIZE_BYTES:begin], type=kind)
    if sum(head.sizes) > LARGEST:
        raise ConnectionError("a message is too large")
    rest, pieces = memoryview(data)[begin:], []
    for size in head.sizes:
        pieces.append(_piece(connection, rest[:size], size))
        rest = rest[size:]
    if rest:
        raise ConnectionError("a message is longer than it says")
    return head, pieces


def _at_least(connection: socket.socket, data: bytes, size: int) -> bytes:
    """Return what has come and what comes, so many bytes or a few more."""
    while len(data) < size:
        more = connection.recv(AT_ONCE)
        if not more:
            raise ConnectionResetError("the other side has ended")
        data += more
    return data


def _piece(connection: socket.socket, begin: memoryview, size: int) -> Piece:
    """Return a piece of which the beginning has come."""
    if len(begin) == size:
        return bytes(begin)
    view, done = np.empty(size, np.uint8).data, len(begin)  # a bytearray would be filled with zeros first
    view[:done] = begin
    while done < size:
        count = connection.recv_into(view[done:])
        if not count:
            raise ConnectionResetError("the other side has ended")
        done += count
    return view
