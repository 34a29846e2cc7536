"""Questions that any process puts to the sidecar of a host and that are answered at once, such as a prediction.

A plugin offers a function by name when it starts in a sidecar (`HostCalls.offer`); any process asks for it by the name
of the host (`HostCalls.ask`). What can wait belongs into the queue instead, which survives a crash.

Owns the format on the Unix socket between them: a length of four bytes and a msgpack value each way. Must not know what
is asked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hanami_core import localsocket
from hanami_core.errors import BY_STATUS, InternalError, PluginError, Unavailable, VisibleError, contained
from hanami_core.ids import new_uuid
from hanami_core.storage.failures import storage_failure

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["HostCallServer", "HostCalls"]

LARGEST = 1 << 30
"""Bytes of a question or an answer."""
SIZE_BYTES = 4
PIECE = 1 << 16
CONNECTIONS = 128
"""Callers that a sidecar answers at the same time; the next one waits."""
KEPT = 16
"""Open connections to a host that a process keeps for its next questions."""

Function = Callable[[bytes], bytes]

log = logging.getLogger("hanami.calls")


class _HostRequest(msgspec.Struct, array_like=True):
    name: str
    body: bytes


class _HostResponse(msgspec.Struct, array_like=True):
    """What came of it; of an error the status, the code and the parameters."""

    body: bytes = b""
    status: int = 0
    code: str = ""
    parameters: dict[str, str | int | float | bool | None] = {}


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

    def ask(self, host: str, name: str, body: bytes, timeout: float) -> bytes:
        """Return the answer of the sidecar of a host. A request may be sent twice, so it must not change anything.

        Args:
            host: name of the compute host.
            name: name under which the function was offered there.
            body: the request.
            timeout: maximum number of seconds to wait.

        Raises:
            VisibleError: the one that the other side raised.
            Unavailable: if the host is not running, or does not answer in time.
        """
        if host == self.here:
            return self._offered[name](body)
        question = msgspec.msgpack.encode(_HostRequest(name, body))
        try:
            answer = self._asked(host, question, timeout)
        except (OSError, msgspec.MsgspecError) as error:
            raise Unavailable("host_unavailable", host=host, retry_after=1) from error
        if answer.status:
            raise BY_STATUS.get(answer.status, InternalError)(answer.code, **answer.parameters)
        return answer.body

    def _asked(self, host: str, question: bytes, timeout: float) -> _HostResponse:
        """Put a question on a connection of an earlier one, or on a new one if that has ended meanwhile."""
        while True:
            with self._lock:
                kept = self._kept.get(host)
                known = kept.pop() if kept else None
            connection = known or localsocket.connect(socket.SOCK_STREAM, localsocket.calls_path(self._data_dir, host))
            try:
                connection.settimeout(timeout)
                _send(connection, question)
                answer = msgspec.msgpack.decode(_receive(connection), type=_HostResponse)
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

    def answer(self, question: bytes) -> bytes:
        """Return the answer to a request, which may be an error."""
        try:
            asked = msgspec.msgpack.decode(question, type=_HostRequest)
            answer = _HostResponse(self._offered[asked.name](asked.body))
        except VisibleError as error:
            answer = _HostResponse(status=error.status, code=error.code, parameters=_plain(error.parameters))
        except BaseException as error:
            identity = new_uuid()
            failure = storage_failure(contained(error)) or InternalError("internal_error", identity=identity)
            log.exception("a call of the host failed", extra={"identity": identity})
            answer = _HostResponse(status=failure.status, code=failure.code, parameters=_plain(failure.parameters))
        return msgspec.msgpack.encode(answer)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            left = [connection for kept in self._kept.values() for connection in kept]
            self._kept.clear()
        for connection in left:
            connection.close()


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
                for question in _questions(connection):
                    _send(connection, self._runtime.host_calls.answer(question))
        except OSError:
            log.debug("a caller broke off")
        finally:
            self._runtime.database.disconnect()  # the thread is never used again
            self._places.release()


def _questions(connection: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(ConnectionResetError):
        while True:
            yield _receive(connection)


def _send(connection: socket.socket, content: bytes) -> None:
    connection.sendall(len(content).to_bytes(SIZE_BYTES, "big") + content)


def _receive(connection: socket.socket) -> bytes:
    """Return the next message; a small one takes one look at the socket."""
    data = connection.recv(PIECE)
    while data and len(data) < SIZE_BYTES:
        more = connection.recv(PIECE)
        data = data + more if more else b""
    if not data:
        raise ConnectionResetError("the other side has ended")
    size = int.from_bytes(data[:SIZE_BYTES], "big")
    if size > LARGEST:
        raise ConnectionError("a message is too large")
    if len(data) > SIZE_BYTES + size:
        raise ConnectionError("a message is longer than it says")
    return data[SIZE_BYTES:] if len(data) == SIZE_BYTES + size else _rest(connection, data[SIZE_BYTES:], size)


def _rest(connection: socket.socket, begin: bytes, size: int) -> bytes:
    data = bytearray(size)
    view, done = memoryview(data), len(begin)
    view[:done] = begin
    while done < size:
        count = connection.recv_into(view[done:])
        if not count:
            raise ConnectionResetError("the other side has ended")
        done += count
    return bytes(data)
