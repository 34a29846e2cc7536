"""gunicorn's threaded worker, made safe against clients that are slow on purpose.

The original gives a thread to every connection, also to one that sends nothing or a byte a second, and hands every
request over to one. Here the thread that polls collects each request and answers it, and somebody else polls if that
takes long. Everything that a client can delay has a deadline. Must not know the application.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException
from gunicorn.workers.gthread import ThreadWorker

from hanami_server import process_control
from hanami_server.buffered_connection import BufferedConnection
from hanami_server.buffered_socket import BufferedSocket, WaitSlots
from hanami_server.client_address import ClientAddressResolver
from hanami_server.fair_queue import FairQueue
from hanami_server.lead import Lead, Term
from hanami_server.request_buffer import FramingState, RequestBuffer

__all__ = ["Worker"]

PIECE, LARGEST_PIECE = 1 << 16, 1 << 20
"""Bytes that are received at once: of anything, and of a body whose length is known."""
LINGER = 2.0
NEWCOMER = 1.0
"""Seconds that a client which has just connected has for its first request in a process that is about to end."""
LARGEST_LINGER = 1 << 18
SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread hands over the interpreter. Who has quick work waits that long for each of those that
have slow work."""
ROUND = 0.002
"""Seconds of answering after which the poller looks for what else has arrived."""
ACCEPTED, MOST_ACCEPTED = 8, 64
"""New connections that a busy process takes in a round, and the most that one takes as long as more are waiting."""
DRAINING = 30.0
"""Seconds that other calls have to end in a process in which one hangs."""
LEAVING = 2.0
"""Seconds that plugins have to end in such a process."""
MOST_BUFFERED = 64 << 20
MOST_UNSENT = 256 << 20
"""Bytes of answers that wait for their clients; beyond that, the largest one goes with its connection."""
SLOWEST_READER = 10
"""Time that a client has to read an answer, in units of the time for a request. The kernel ends a connection whose
client reads nothing; this is for one that reads a byte now and then."""

log = logging.getLogger("hanami.http")


class Worker(ThreadWorker):  # type: ignore[misc]
    """The worker class of the api."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take the limits from the application."""
        super().__init__(*args, **kwargs)
        self.alive: bool
        self._timeout: float = self.app.limits.timeout
        self._patient_for: float = self.app.limits.handler_timeout
        self._new_buffer = partial(RequestBuffer, self.app.limits.max_body, self.app.is_streamed)
        self._free_streams: int = self.app.limits.streams
        self._waiting: set[BufferedConnection] = set()
        self._buffered_bytes = 0
        self._unsent = 0
        self._client_addresses = ClientAddressResolver(self.app.limits.proxies) if self.app.limits.proxies else None
        self._ready: FairQueue[str, BufferedConnection] = FairQueue()
        self._at_work: Counter[str] = Counter()
        self._wait_slots = WaitSlots(max(1, self.cfg.threads // 2))
        self._accepts = 1
        self._grace: float | None = None
        self._handled: set[BufferedConnection] = set()
        self._hung = False

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the threads that answer, and one that polls when all of those are busy."""
        return ThreadPoolExecutor(self.cfg.threads + 1, "answer")

    def run(self) -> None:
        """Watch the thread that leads, until the worker is told to end and all are answered."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        self._lead = Lead(self.tpool, self.cfg.threads, self._step)
        self._lead.start()
        notified, trimmed = 0.0, time.monotonic()
        while not self._lead.watch():
            if self._lead.moves() and time.monotonic() - notified >= 1:
                notified = time.monotonic()
                self.notify()
                self._look_for_hung_handlers(notified)
                if notified - trimmed >= process_control.TRIMMING:
                    trimmed = notified
                    process_control.return_memory()
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()
        if self._hung:
            self._leave_hung_threads()

    # -- the main thread ----------------------------------------------------------------------------------------------

    def _look_for_hung_handlers(self, now: float) -> None:
        """Give up handlers that make no progress; this process goes, because nothing else ends their threads."""
        hung = [conn for conn in list(self._handled) if not conn.given_up and conn.stands_still(now, self._patient_for)]
        for conn in hung:
            conn.given_up = True
            fields = {"request": conn.request, "seconds": round(now - conn.began), "where": _position(conn.thread)}
            log.error("a call hangs, its process is replaced", extra=fields)
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)
        if hung and not self._hung and self.alive:
            self._hung = True
            # The next one begins at once, and listens while the others here come to their end.
            os.kill(self.ppid, signal.SIGTTIN)
            self.alive = False

    def _leave_hung_threads(self) -> None:
        """End the process without waiting for threads that do not end; the plugins get a moment for their own end."""
        os.kill(self.ppid, signal.SIGTTOU)
        end = threading.Thread(target=self.cfg.worker_exit, args=(None, self), daemon=True)
        end.start()
        end.join(LEAVING)
        sys.stderr.flush()
        os._exit(0)

    # -- the thread that leads ----------------------------------------------------------------------------------------

    def _step(self, term: Term) -> bool:
        self.set_accept_enabled(self.alive and self.nr_conns < self._most)
        if self._lead.free:
            self._answer(term)
        elif self._hung:
            self._refuse_ready()
        if term.over:
            return True
        self.wait_for_and_dispatch_events(1.0 if self._next() is None else 0.0)
        self.murder_pending()
        if self.alive and self.is_parent_alive():
            return True
        self.alive = False
        now = time.monotonic()
        self._grace = self._grace or now + (DRAINING if self._hung else self.cfg.graceful_timeout)
        return self.nr_conns > sum(conn.given_up for conn in list(self._handled)) and now < self._grace

    def _answer(self, term: Term) -> None:
        """Answer what is ready, for a short while, and let addresses take turns.

        So a client that asks for much at once delays those who come meanwhile by a request. Another thread leads if an
        answer took long, and takes its connection back.
        """
        end = time.monotonic() + ROUND
        while time.monotonic() < end and (client_address := self._next()) is not None:
            conn = self._ready.popleft(client_address)
            self._at_work[client_address] += 1
            with self._lead.working(term):
                stays = self.handle(conn)
            if term.over:
                self.method_queue.defer(self._finish, conn, stays)
                return
            self._finish(conn, stays)

    def _next(self) -> str | None:
        """Return whose turn it is, if there is a thread for them.

        Work that takes long keeps threads. Nobody gets more of them than three times what is free then, nor the last
        one, so that whoever comes first always leaves some to those who come later. Nobody comes later to a process in
        which a call hangs.
        """
        free, at_work = self._lead.free, self._at_work
        if free and self._hung:
            return self._ready.next_key(lambda _: True)
        most = 3 * free if free > 1 else 0
        return self._ready.next_key(lambda one: not at_work[one] or at_work[one] < most) if free else None

    def _refuse_ready(self) -> None:
        """Send away those for whom there will be no thread; the next process answers them."""
        while self._ready:
            conn = self._ready.popleft()
            self._free_streams += conn.streamed
            _refuse(conn.sock, "the server was busy with calls that hang, try again", "503 Service Unavailable")
            self._leave(conn)

    def accept(self, listener: Any) -> None:
        """Accept a few connections, and let the poller collect their first requests.

        They come in the order in which they were made; addresses take turns only afterwards. So as long as more are
        waiting, each time takes twice as many. The first one is taken alone, and leaves others to idle processes.
        """
        for _ in range(max(self._accepts, ACCEPTED if self._ready else 1)):
            if not self.alive or self.nr_conns >= self._most:
                return
            try:
                sock, client = listener.accept()
            except OSError as error:
                self._accepts = 1
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._make_room()
                return
            self._accepted(listener, sock, client)
        self._accepts = min(2 * self._accepts, MOST_ACCEPTED)

    def _accepted(self, listener: Any, sock: socket.socket, client: object) -> None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._timeout * 1000))
        self.nr_conns += 1
        if self.nr_conns >= self._most:
            self._make_room()
        conn = BufferedConnection(
            self.cfg, BufferedSocket(sock, self._wait_slots), client, listener.getsockname(), self._new_buffer
        )
        self._watch(conn, self._timeout)
        conn.newcomer_until = conn.deadline - self._timeout + NEWCOMER

    @property
    def _most(self) -> int:
        """How many connections there may be."""
        return process_control.most_connections(int(self.worker_connections), int(self.cfg.threads))

    def _make_room(self) -> None:
        """Part with a connection that nobody works for: of the address that has most of them, the next to be over."""
        if self._waiting:
            count = Counter(conn.address for conn in self._waiting)
            self._drop(min(self._waiting, key=lambda conn: (-count[conn.address], conn.deadline)))

    def _watch(self, conn: BufferedConnection, seconds: float) -> None:
        conn.deadline = time.monotonic() + seconds
        self._waiting.add(conn)
        conn.buffered_bytes = len(conn.buffer.data)
        self._buffered_bytes += conn.buffered_bytes
        if not conn.polled:
            conn.polled = True
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))

    def _unwatch(self, conn: BufferedConnection) -> None:
        """Wait for a client no more. The poller forgets it when it sends something all the same, which few do."""
        self._waiting.discard(conn)
        self._buffered_bytes -= conn.buffered_bytes
        conn.buffered_bytes = 0

    def _forget(self, conn: BufferedConnection) -> None:
        if conn.polled:
            conn.polled = False
            with contextlib.suppress(OSError, KeyError, ValueError):
                self.poller.unregister(conn.sock)

    def _drop(self, conn: BufferedConnection) -> None:
        self._unwatch(conn)
        self._close(conn)

    def _close(self, conn: BufferedConnection) -> None:
        self._count_unsent(conn, gone=True)
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _readable(self, conn: BufferedConnection, _file: object) -> None:
        if conn not in self._waiting:
            self._forget(conn)  # a thread answers it, or an earlier event of the same round has dropped it
            return
        try:
            data = conn.sock.recv(min(max(conn.buffer.missing, PIECE), LARGEST_PIECE))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
        elif conn.lingering:
            conn.drained_bytes += len(data)
            if conn.drained_bytes >= LARGEST_LINGER:
                self._drop(conn)
        else:
            self._received(conn, data)

    def _received(self, conn: BufferedConnection, data: bytes) -> None:
        if not conn.started:
            conn.started = True
            conn.deadline = time.monotonic() + self._timeout
        conn.buffered_bytes += len(data)
        self._buffered_bytes += len(data)
        if self._buffered_bytes > MOST_BUFFERED:
            self._drop(conn)
            return
        self._proceed(conn, conn.buffer.feed(data))

    def _proceed(self, conn: BufferedConnection, state: FramingState) -> None:
        if state is FramingState.PARTIAL:
            if conn.buffer.expects:
                conn.buffer.continued()
                with contextlib.suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._unwatch(conn)
        conn.client_address = conn.address
        if self._client_addresses:
            conn.client_address = self._client_addresses.resolve(conn.buffer.addresses(conn.address))
        if conn.buffer.upgrades:
            self._forget(conn)  # as long as the poller can: its connection may go to another process
        if state is FramingState.WHOLE:
            conn.hand_over(self._timeout * SLOWEST_READER)
            self._ready.append(conn.client_address, conn)
        elif state is FramingState.STREAMED and self._free_streams:
            self._free_streams -= 1
            conn.hand_over(self._timeout, streamed=True)
            self._ready.append(conn.client_address, conn)
        elif state is FramingState.STREAMED:
            _refuse(conn.sock, "too many large bodies at the same time, try again later", "503 Service Unavailable")
            self._leave(conn)
        else:
            _refuse(conn.sock, conn.buffer.reason)
            self._leave(conn)

    def _leave(self, conn: BufferedConnection) -> None:
        """Say good-bye and read on for a moment, so that the kernel does not reset what the client has yet to read."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        conn.lingering = True
        conn.buffer = RequestBuffer(0)
        self._watch(conn, LINGER)

    def murder_pending(self) -> None:
        """Drop connections whose deadline is over, at least once a second; at the end of the process the idle too."""
        now = time.monotonic()
        for conn in list(self._waiting):
            idle = not conn.started and conn.newcomer_until < now
            if conn.deadline < now or (idle and not self.alive):
                self._drop(conn)

    def _finish(self, conn: BufferedConnection, stays: bool) -> None:
        """Take a connection back whose request was answered, although its client may not have read that yet."""
        self._at_work[conn.client_address] -= 1
        if not self._at_work[conn.client_address]:
            del self._at_work[conn.client_address]
        if conn.streamed:
            self._free_streams += 1
        if not conn.sock.unsent:
            self._go_on(conn, stays)
            return
        self._forget(conn)
        conn.deadline = time.monotonic() + self._timeout * SLOWEST_READER
        self._waiting.add(conn)
        self._count_unsent(conn)
        conn.polled = True
        self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._writable, conn, stays))
        if self._unsent > MOST_UNSENT:
            self._drop(max(self._waiting, key=lambda one: one.unsent))

    def _writable(self, conn: BufferedConnection, stays: bool, _file: object) -> None:
        if conn not in self._waiting:
            return  # dropped by an earlier event of the same round
        try:
            done = conn.sock.flush()
        except OSError:
            self._drop(conn)
            return
        self._count_unsent(conn)
        if done:
            self._unwatch(conn)
            self._forget(conn)
            self._go_on(conn, stays)

    def _count_unsent(self, conn: BufferedConnection, gone: bool = False) -> None:
        now = 0 if gone else conn.sock.unsent
        self._unsent += now - conn.unsent
        conn.unsent = now

    def _go_on(self, conn: BufferedConnection, stays: bool) -> None:
        """Wait for the next request of a client that was answered, or for its good-bye."""
        if not stays:
            self._leave(conn)
            return
        state = conn.take_back()
        self._watch(conn, self._timeout if conn.started else self.cfg.keepalive)
        self._proceed(conn, state)

    # -- the thread that answers, which leads or did so --------------------------------------------------------------

    def handle(self, conn: BufferedConnection) -> bool:
        """Answer one request and tell whether the connection stays open."""
        request = None
        conn.began, conn.thread, conn.request = time.monotonic(), threading.get_ident(), ""
        self._handled.add(conn)
        try:
            request = next(conn.parser)
            conn.request = f"{request.method} {request.path}"
            conn.sock.hold()
            stays = self.handle_request(request, conn)
            conn.sock.flush()
            return bool(self._keepalive_after(conn, stays))
        except (StopIteration, http.errors.NoMoreData, OSError) as error:
            log.debug("connection closed", extra={"reason": repr(error)})
        except BaseException as error:  # a handler that calls sys.exit must not end everybody else's answers
            self.handle_error(request, conn.sock, conn.client, error)
        finally:
            self._handled.discard(conn)
        return False

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer a request that the parser refuses with 400; released clients know no other status for it."""
        if isinstance(exc, ParseException) and not isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName):
            _refuse(client, str(exc))
        else:
            log.error("request failed outside of the application", exc_info=exc)
            _refuse(client, "", "500 Internal Server Error")


def _position(thread: int) -> str:
    """Return file and line at which a thread is."""
    frame = sys._current_frames().get(thread)
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _refuse(sock: socket.socket, text: str, status: str = "400 Bad Request") -> None:
    body = text.encode(errors="replace")
    head = f"HTTP/1.1 {status}\r\nServer: Hanami\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    with contextlib.suppress(OSError):
        sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
