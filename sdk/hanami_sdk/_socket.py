"""One websocket: opening message, then exactly one answer for each message. It knows no message format.

websocket-client answers the pings of the server only while it reads. A connection that is kept open without traffic
therefore gets a thread that looks for pings every few seconds, so that the server does not take the client for dead.
"""

from __future__ import annotations

import json
import selectors
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hanami_sdk._busy_poll import BusyPoll
from hanami_sdk._forks import separate
from hanami_sdk.hanami_exceptions import (
    ConnectionFailedException,
    HanamiException,
    NotFoundException,
    UnauthorizedException,
)

if TYPE_CHECKING:
    from websocket import WebSocket

R = TypeVar("R")

# Well below the 20 seconds after which servers give up on an unanswered ping.
KEEP_ALIVE_PERIOD = 5.0

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FLUSH = '{"flush": true}'


class Socket:
    """A websocket on which each message gets one answer; safe to use from several threads.

    Args:
        connection: the open connection of websocket-client.
        refusal: exception for an answer that is an error.

    After a failure, a time-out included, the connection is closed: a late answer would be taken for the next one.
    """

    def __init__(self, connection: WebSocket, refusal: type[HanamiException]) -> None:
        self._connection: WebSocket | None = connection
        self._refusal = refusal
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._busy_poll = BusyPoll()
        self._missing = "the connection is closed"
        separate(self)

    def _after_fork(self) -> None:
        """Leave the connection to the process that opened it."""
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._closed.set()
        self._connection = None
        self._missing = "the connection belongs to the process that opened it, open another one after a fork"

    @classmethod
    def open(
        cls,
        address: str,
        token: str,
        target: str,
        uuid: str,
        refusal: type[HanamiException],
        verify: bool | str,
        timeout: float,
    ) -> Socket:
        """Connect to `address` and name the thing to talk to.

        Args:
            address: address of the REST interface; websockets come to the same port.
            token: token of the login.
            target: `file_upload` or `cluster`.
            uuid: UUID of the file or cluster.
            refusal: exception for later answers that are errors.
            verify: check the certificate; a path names a file of trusted certificates.
            timeout: seconds to wait for the connection and for each answer.

        Raises:
            UnauthorizedException: the token is not valid.
            NotFoundException: there is no such thing for this user.
            ConnectionFailedException: the server cannot be reached.
        """
        socket = cls(_connect(address, verify, timeout), refusal)
        try:
            socket._introduce(json.dumps({"token": token, "target": target, "uuid": uuid}))
        except BaseException:
            socket.close()
            raise
        return socket

    def _introduce(self, message: str) -> None:
        _, content = self._exchange(message, _TEXT)
        try:
            answer = json.loads(content)
            success, error = answer["success"], answer.get("error", "")
        except (ValueError, TypeError, KeyError) as cause:
            raise ConnectionFailedException("the first answer of the websocket is not understood") from cause
        if success is not True:
            raise _opening_error(str(error))

    def exchange(self, message: bytes) -> bytes:
        """Send a binary message and return the answer to it.

        Raises:
            HanamiException: the class `refusal`; the answer is an error, the connection stays usable.
            ConnectionFailedException: there is no answer; the connection is closed.
        """
        opcode, answer = self._exchange(message)
        if opcode == _TEXT:
            raise self._refusal(_error_text(answer))
        return answer

    def flush(self) -> None:
        """Return when all that was acknowledged on this connection is stored; errors as for `exchange`."""
        _, answer = self._exchange(_FLUSH, _TEXT)
        try:
            done = json.loads(answer)["success"] is True
        except (ValueError, TypeError, KeyError):
            done = False
        if not done:
            raise self._refusal(_error_text(answer))

    def _exchange(self, message: bytes | str, opcode: int = _BINARY) -> tuple[int, bytes]:
        def step(connection: WebSocket) -> tuple[int, bytes]:
            connection.send(message, opcode)
            self._busy_poll.wait(connection)
            answer = connection.recv_data()
            self._busy_poll.answered()
            return answer

        with self._lock:
            opcode, answer = self._guard(step)
            if opcode == _CLOSE:
                self._drop()
                raise ConnectionFailedException(_close_text(answer))
            return opcode, answer

    def _guard(self, step: Callable[[WebSocket], R]) -> R:
        """Do one step on the connection. If it fails the connection is of no use any more."""
        if self._connection is None:
            raise ConnectionFailedException(self._missing)
        try:
            return step(self._connection)
        except BaseException as error:
            self._drop()
            if isinstance(error, _failures()):
                raise ConnectionFailedException(f"the websocket failed: {error}") from error
            raise

    def close(self) -> None:
        """Close the connection; more than once does no harm."""
        self._closed.set()
        with self._lock:
            if self._connection is not None:
                connection, self._connection = self._connection, None
                connection.close()

    def _drop(self) -> None:
        self._closed.set()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.shutdown()  # type: ignore[no-untyped-call]

    def keep_alive(self) -> None:
        """Answer pings of the server from now on, also while nothing is sent."""
        args = (weakref.ref(self), self._closed)
        threading.Thread(target=_keep_alive, args=args, name="hanami-keep-alive", daemon=True).start()

    def answer_pings(self) -> None:
        """Answer the pings that have come in, unless an exchange is under way, which does so itself."""
        if self._lock.acquire(blocking=False):
            try:
                while self._connection is not None and _readable(self._connection):
                    self._guard(_answer_control_frame)
            except ConnectionFailedException:
                pass  # the next exchange tells the user
            finally:
                self._lock.release()


def _keep_alive(reference: weakref.ref[Socket], closed: threading.Event) -> None:
    """Run in a thread, which must not keep a forgotten socket alive."""
    while not closed.wait(KEEP_ALIVE_PERIOD):
        socket = reference()
        if socket is None:
            return
        socket.answer_pings()
        del socket


def _answer_control_frame(connection: WebSocket) -> None:
    opcode, _ = connection.recv_data(control_frame=True)
    if opcode not in (_PING, _PONG):
        raise ConnectionFailedException("the server closed the connection, or sent an answer that nobody asked for")


def _readable(connection: WebSocket) -> bool:
    # TLS may hold decrypted bytes that the operating system does not report any more.
    pending = getattr(connection.sock, "pending", None)
    if pending is not None and pending():
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


def _connect(address: str, verify: bool | str, timeout: float) -> WebSocket:
    import websocket

    try:
        return websocket.create_connection(
            websocket_url(address),
            timeout=timeout,
            sslopt=_tls_options(verify) if address.startswith("https") else {},
            suppress_origin=True,
            skip_utf8_validation=True,
            redirect_limit=0,  # a redirect would carry the token to another host
        )
    except _failures() as error:
        raise ConnectionFailedException(f"{address}: {error}") from error


def websocket_url(address: str) -> str:
    """Return the URL of the websocket at `address`; a path prefix of a proxy is kept."""
    parts = urlsplit(address)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/"


def _tls_options(verify: bool | str) -> dict[str, Any]:
    """Trust what requests trusts, so that REST and websocket agree about a server."""
    import os
    import ssl

    if verify is False:
        return {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    trusted = verify if isinstance(verify, str) else named or DEFAULT_CA_BUNDLE_PATH
    return {"ca_cert_path" if os.path.isdir(trusted) else "ca_certs": trusted}


def _failures() -> tuple[type[Exception], ...]:
    from websocket import WebSocketException

    return WebSocketException, OSError


def _opening_error(text: str) -> HanamiException:
    """Choose the exception by the text: the opening answer has no status."""
    if text.endswith("not found"):
        return NotFoundException(text)
    if "token" in text.lower():
        return UnauthorizedException(text)
    return HanamiException(text or "the server refused the websocket without giving a reason")


def _error_text(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, TypeError, KeyError):
        return answer.decode(errors="replace")


def _close_text(content: bytes) -> str:
    code, reason = int.from_bytes(content[:2]), content[2:].decode(errors="replace")
    return f"the server closed the websocket ({code or 'no code'}) {reason}".rstrip()
