"""What is asked of an object store: PUT, GET and DELETE of an object, and GET of the bucket for the names, one a line.

Whatever goes wrong is an `OSError`; it is a `FileNotFoundError` only if the store says that there is no such object.
"""

from __future__ import annotations

import contextlib
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

TIMEOUT = 30.0
PIECE = 1 << 20


class Bucket:
    """Objects below an address. Any thread may use it: each call has a connection of its own."""

    def __init__(self, url: str) -> None:
        """Use a bucket."""
        self.url = url.rstrip("/")

    def put(self, name: str, file: Path) -> None:
        """Store a file; when this returns, the store has it."""
        with file.open("rb") as body:
            self._call("PUT", name, body, {"Content-Length": str(file.stat().st_size)}).close()

    def get(self, name: str, target: BinaryIO) -> None:
        """Write an object to a file, in pieces, and all of it or fail."""
        with self._call("GET", name) as answer:
            try:
                shutil.copyfileobj(answer, target, PIECE)
            except HTTPException as error:
                raise ConnectionError(f"{self.url} broke off: {error}") from error
            if answer.length:
                raise ConnectionError(f"{self.url} broke off {answer.length} bytes before the end")

    def delete(self, name: str) -> None:
        """Remove an object; a missing one is fine."""
        with contextlib.suppress(FileNotFoundError):
            self._call("DELETE", name).close()

    def names(self) -> list[str]:
        """Return the names of all objects."""
        with self._call("GET", "") as answer:
            return answer.read().decode().split()

    def _call(
        self, method: str, name: str, body: BinaryIO | None = None, headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        request = urllib.request.Request(f"{self.url}/{name}", body, headers or {}, method=method)
        try:
            answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if name and error.code == 404:
                raise FileNotFoundError(name) from None
            raise ConnectionError(f"{method} {self.url} was answered with {error.code} {error.reason}") from None
        except HTTPException as error:
            raise ConnectionError(f"{self.url} does not speak HTTP: {error}") from error
        return answer
