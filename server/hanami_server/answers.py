"""What a handler returns, on its way into Falcon's response: values by the Api, pages, files, streams and events.

Owns the life of a stream: how many there are, what becomes of one whose handler raises in the middle, and of one whose
reader may have it no more. Must not know any Api.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO
from urllib.parse import quote

import falcon

from hanami_core.errors import Unavailable, contained
from hanami_core.http import Api, BoundRoute, Call, Download, Events, File, Page, ServerEvent, Stream
from hanami_server.permits import Permit, Permits
from hanami_server.ranges import is_known, wanted

__all__ = ["ResponseRenderer"]

PIECE = 1 << 18
RETRY_SECONDS = 5
ALIVE = b": alive\n\n"

log = logging.getLogger("hanami.http")

Failed = Callable[[Exception], object]


class ResponseRenderer:
    """Renders what handlers return."""

    def __init__(self, streams: int, permits: Permits) -> None:
        """Allow `streams` answers that take as long as their handlers like; each of them holds a thread.

        `permits` looks again whether those who get one may still have it.
        """
        self._free = threading.BoundedSemaphore(streams)
        self._permits = permits

    def render(self, call: Call, bound: BoundRoute, result: object, failed: Failed) -> None:
        """Put a result into the response of its call; `failed` is told if a stream raises in the middle."""
        if isinstance(result, Page):
            call.resp.data, call.resp.content_type = result.body, result.content_type
        elif isinstance(result, File):
            _send_file(call.resp, result, self._watched(call, bound))
        elif isinstance(result, Download):
            self._send_part(call, bound, result, failed)
        elif isinstance(result, Stream):
            parts = self._guarded(call, bound, result.parts, failed)
            call.resp.content_type = result.content_type
            _name(call.resp, result.name)
            if result.tag:
                call.resp.set_header("ETag", f'"{result.tag}"')
            if result.length is None:
                call.resp.stream = parts
            else:
                call.resp.set_stream(parts, result.length)
        elif isinstance(result, Events):
            call.resp.content_type = "text/event-stream"
            call.resp.cache_control = ["no-cache"]
            call.resp.set_header("X-Accel-Buffering", "no")
            call.resp.stream = self._guarded(call, bound, _frames(result, bound.api), failed, result.events)
        else:
            bound.api.answer(call, bound.route, result)
        if call.req.method == "HEAD":
            _close(call.resp.stream)  # which Falcon neither sends nor closes then

    def _send_part(self, call: Call, bound: BoundRoute, download: Download, failed: Failed) -> None:
        """Send what is asked for of a download: all of it, a part, or nothing, because the client has it already."""
        response, length = call.resp, download.length
        part = wanted(call.req, length, download.tag)
        if part is None or is_known(call.req, download.tag):
            response.status = falcon.HTTP_416 if part is None else falcon.HTTP_304
            if part is None:
                response.set_header("Content-Range", f"bytes */{length}")
            _end(download.done)
        else:
            # First, because it may be refused, and what follows tells of no refusal.
            response.set_stream(self._guarded(call, bound, _Pieces(download, part), failed), len(part))
            response.content_type = download.content_type
            _name(response, download.name)
            if len(part) < length:
                response.status = falcon.HTTP_206
                response.set_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{length}")
        response.set_header("ETag", f'"{download.tag}"')
        response.set_header("Accept-Ranges", "bytes")

    def _guarded(
        self, call: Call, bound: BoundRoute, parts: Iterable[bytes], failed: Failed, source: object = None
    ) -> _Guarded:
        if not self._free.acquire(blocking=False):
            _close(parts if source is None else source)
            raise Unavailable("streams_exhausted", retry_after=RETRY_SECONDS)
        watch = self._watched(call, bound)
        return _Guarded(parts, parts if source is None else source, failed, self._free.release, watch)

    def _watched(self, call: Call, bound: BoundRoute) -> _AccessWatch:
        if call.granted is None:
            return _AccessWatch(None, None, None)
        permit = Permit(bound.api, call.req, call.granted.actor, call.granted.action)
        return _AccessWatch(self._permits, permit, call.req.env.get("gunicorn.socket"))


class _AccessWatch:
    """Looks whether somebody may go on reading an answer; nobody needs to, to whom an anonymous route answers."""

    def __init__(self, permits: Permits | None, permit: Permit | None, connection: socket.socket | None) -> None:
        self._permits, self._permit, self._connection = permits, permit, connection
        self._withdrawn = False
        if permits is not None and permit is not None:
            permits.start()
            permits.add(permit, self._withdraw)

    def _withdraw(self, _reason: str) -> None:
        """End the connection; the thread that answers may wait for its handler, or for its client."""
        self._withdrawn = True
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def require(self) -> None:
        """Raise if access was withdrawn.

        Raises:
            ConnectionAbortedError: then the connection breaks off, so that no client takes a part for the whole.
        """
        if self._withdrawn:
            raise ConnectionAbortedError("access was withdrawn")

    def end(self) -> None:
        """Look no more."""
        if self._permits is not None and self._permit is not None:
            self._permits.discard(self._permit)


class _Guarded:
    """A stream that gives its place back, and tells of an error before the connection breaks off."""

    def __init__(
        self, parts: Iterable[bytes], source: object, failed: Failed, release: Callable[[], None], watch: _AccessWatch
    ) -> None:
        self._parts = iter(parts)
        self._source, self._failed, self._release, self._watch = source, failed, release, watch
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._watch.require()
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self._failed(contained(error))
            raise

    def close(self) -> None:
        """End the stream; called by the WSGI server, whatever happened."""
        if not self._closed:
            self._closed = True
            self._watch.end()
            try:
                _close(self._source)
            finally:
                self._release()


class _Pieces:
    """A part of a download while it is sent."""

    def __init__(self, download: Download, part: range) -> None:
        self._done = download.done
        try:
            self._pieces = download.read(part.start, part.stop)
        except BaseException:
            _end(self._done)
            raise

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        """End it."""
        try:
            _close(self._pieces)
        finally:
            _end(self._done)


def _end(done: Callable[[], object] | None) -> None:
    if done is not None:
        done()


def _name(response: falcon.Response, name: str) -> None:
    """Tell the client what to save an answer as."""
    if name:
        response.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")


def _close(source: object) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        try:
            close()
        except BaseException:
            log.exception("stream did not close")


def _frames(events: Events, api: Api) -> Iterator[bytes]:
    return (ALIVE if event is None else _frame(event, api) for event in events.events)


def _frame(event: ServerEvent, api: Api) -> bytes:
    data = event.data if isinstance(event.data, str) else api.render(event.data)
    lines = [f"{name}: {value}" for name, value in (("event", event.event), ("id", event.id)) if value]
    # Lines of bytes end where those of the protocol do; lines of text end at more characters than that.
    lines += [f"data: {line.decode()}" for line in data.encode().splitlines() or [b""]]
    return ("\n".join(lines) + "\n\n").encode()


class _Sent:
    """A file while it is sent, piece by piece."""

    def __init__(self, opened: BinaryIO, file: File, watch: _AccessWatch) -> None:
        self._opened, self._file, self._watch = opened, file, watch

    def read(self, size: int | None = None, /) -> bytes:
        """Return the next piece, whatever size is asked for: pieces of Falcon's 8 KiB take three times as long."""
        self._watch.require()
        return self._opened.read(PIECE)

    def close(self) -> None:
        """Close the file, and remove it if it was made for this answer."""
        if not self._opened.closed:
            self._watch.end()
            self._opened.close()
            _finish(self._file)


def _finish(file: File) -> None:
    if file.remove:
        with suppress(FileNotFoundError):
            file.path.unlink()
    _end(file.done)


def _send_file(response: falcon.Response, file: File, watch: _AccessWatch) -> None:
    try:
        opened = file.path.open("rb")
    except BaseException:
        watch.end()
        _finish(file)
        raise
    response.content_type = file.content_type
    _name(response, file.name)
    response.set_stream(_Sent(opened, file, watch), os.fstat(opened.fileno()).st_size)
