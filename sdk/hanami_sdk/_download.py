"""A download that goes on when its connection broke off. It knows no endpoint and nothing of what is in the file.

What has arrived lies beside the file that is wanted, under a name with `.part` at its end, until it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hanami_sdk._endpoint import Endpoint
from hanami_sdk._retry import Backoff
from hanami_sdk.hanami_exceptions import ConnectionFailedException, HanamiException, from_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from hanami_sdk._upload import Progress

BLOCK = 1 << 14
"""Bytes that are written at once; what has arrived of a block is lost when the connection breaks off."""
PART = ".part"

_WHOLE, _PARTIAL, _BEHIND = 200, 206, 416
_PASSING = (502, 503, 504)


@dataclass(frozen=True)
class Kept:
    """How a part that an earlier download has left is used, and the whole is looked at.

    Attributes:
        tag_of: returns which content a part is of, nothing if it cannot be told.
        check: looks at what has arrived; what it raises a `HanamiException` for is removed.
    """

    tag_of: Callable[[Path], str]
    check: Callable[[Path], None]


@dataclass(frozen=True)
class Download:
    """What is to be had from where.

    Attributes:
        endpoint: the server.
        path: path of the call.
        query: its fields.
        skips: the call takes the number of bytes to leave out as its field `offset`, because the server does not know
            how many there will be; otherwise a range is asked for.
    """

    endpoint: Endpoint
    path: str
    query: Mapping[str, object]
    skips: bool = False

    def save(self, target: str | os.PathLike[str], progress: Progress | None = None, kept: Kept | None = None) -> None:
        """Write it to a file.

        Args:
            target: path of the file; what was there is replaced when all has arrived.
            progress: called with the number of bytes done and the total, 0 if the total is unknown.
            kept: lets the download go on with what an earlier one has left, and leave what it has itself.

        Raises:
            ConnectionFailedException: the connection was lost for too long.
            HanamiException: the server refused the call.
            OSError: the file cannot be written.
        """
        part = Path(f"{os.fspath(target)}{PART}")
        tag = kept.tag_of(part) if kept is not None and part.exists() else ""
        try:
            with part.open("r+b" if tag else "wb") as file:
                _Arrival(self, file, tag, progress).complete()
            if kept is not None:
                kept.check(part)
        except BaseException as error:
            # Only of a file that tells what it is somebody can use a part.
            refused = isinstance(error, HanamiException) and not isinstance(error, ConnectionFailedException)
            if kept is None or refused:
                part.unlink(missing_ok=True)
            raise
        part.replace(target)

    def ask(self, position: int, tag: str) -> requests.Response:
        """Ask for what follows a position of the content `tag`, or for all."""
        if not position or not tag:
            return self.endpoint.open_stream(self.path, {}, **self.query)
        if self.skips:
            return self.endpoint.open_stream(self.path, {}, **self.query, offset=position)
        headers = {"Range": f"bytes={position}-", "If-Range": tag}
        return self.endpoint.open_stream(self.path, headers, **self.query)


class _Arrival:
    """A file while it arrives. `tag` names the content of which it is a part, nothing if that is not known."""

    def __init__(self, download: Download, file: IO[bytes], tag: str, progress: Progress | None) -> None:
        self._download, self._file, self._tag, self._progress = download, file, tag, progress

    def complete(self) -> None:
        """Ask again and again until all has arrived."""
        backoff = Backoff(self._download.endpoint.retry)
        while True:
            before = self._file.seek(0, os.SEEK_END)
            try:
                if self._go_on(before):
                    return
            except failures() as error:
                if self._file.seek(0, os.SEEK_END) > before:
                    backoff.renew()
                if not backoff.pause():
                    raise ConnectionFailedException(f"GET {self._download.path}: {error}") from error

    def _go_on(self, position: int) -> bool:
        """Write what follows a position, and tell whether that was all; if not, all is to be asked for again."""
        with self._download.ask(position, self._tag) as response:
            status, length = response.status_code, int(response.headers.get("Content-Length", 0))
            told = str(response.headers.get("Content-Range", ""))
            asked = bool(position and self._tag)
            if status == _BEHIND and asked:
                if told == f"bytes */{position}":
                    return True
                return self._forget()
            if status == _PARTIAL and asked and told.startswith(f"bytes {position}-"):
                self._write(response, position, position + length)
                return True
            if status in _PASSING:
                raise ConnectionError(f"the server answered with status {status}")
            if status != _WHOLE:
                raise from_status(status, response.content)
            if asked and self._download.skips:
                if response.headers.get("ETag", "") != self._tag:
                    return self._forget()
                self._write(response, position, 0)
                return True
            self._tag = response.headers.get("ETag", "")
            self._write(response, 0, length)
            return True

    def _forget(self) -> bool:
        """Begin anew: the content is another one by now."""
        self._tag = ""
        return False

    def _write(self, response: requests.Response, start: int, total: int) -> None:
        self._file.truncate(start)
        done = self._file.seek(start)
        self._tell(done, total)
        for block in response.iter_content(BLOCK):
            self._file.write(block)
            done += len(block)
            self._tell(done, total)
        if total and done < total:
            raise ConnectionError(f"only {done} of {total} bytes have arrived")

    def _tell(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(done, total)


def failures() -> tuple[type[Exception], ...]:
    """Return what is raised when a connection broke off."""
    from requests import RequestException

    return ConnectionFailedException, RequestException, ConnectionError
