"""How many requests the api has answered and how long that took, counted by each of its workers.

Each counts in a file of its own, which is mapped into its memory, because any of them may be asked about all. A file is
claimed with a lock and outlives its worker, so that the one that is started next goes on counting. Must not know who
reads the numbers.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import threading
import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import falcon
import msgspec

from hanami_core.folders import private
from hanami_core.http import Api, BoundRoute
from hanami_core.metrics import Histogram, Metric, Sample
from hanami_core.runtime import Runtime
from hanami_server.health import LivenessResource, ReadinessResource
from hanami_server.paths import request_counts_path

__all__ = ["BOUNDS", "RequestCounts", "RequestTimer", "read"]

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; what takes longer is one group more."""

_STATUSES = tuple(map(int, HTTPStatus))
_ROW = len(_STATUSES) + len(BOUNDS) + 2
_CELL = 8
_MOST_FILES = 1024

Key = tuple[str, str]
"""Name of an Api and of an action; the action is empty for paths that no route has."""

log = logging.getLogger("hanami.http")

# A file is a line of JSON, the keys, and for each of them a row of doubles: how many answers had which of `_STATUSES`,
# how many took as long as which group of `BOUNDS` says, and the seconds of all.


class RequestCounts:
    """Counts the requests of one worker."""

    def __init__(self, directory: Path, keys: Iterable[Key]) -> None:
        """Go on with a file that nobody counts in, or begin one."""
        known = sorted(set(keys))
        line = msgspec.json.encode(known)
        header = line + b" " * (-(len(line) + 1) % _CELL) + b"\n"
        size = len(header) + _CELL * _ROW * len(known)
        self._cells = memoryview(_claim(directory, header, size))[len(header) :].cast("d")
        self._rows = {key: number * _ROW for number, key in enumerate(known)}
        self._columns = {status: number for number, status in enumerate(_STATUSES)}
        self._lock = threading.Lock()

    def add(self, key: Key, status: int, seconds: float) -> None:
        """Count an answer; one that nobody has heard of is left out."""
        row, column = self._rows.get(key), self._columns.get(status)
        if row is None or column is None:
            return
        group = row + len(_STATUSES) + bisect_left(BOUNDS, seconds)
        with self._lock:
            self._cells[row + column] += 1
            self._cells[group] += 1
            self._cells[row + _ROW - 1] += seconds


def _claim(directory: Path, header: bytes, size: int) -> mmap.mmap:
    """Return the content of the first file with this header that nobody else has claimed."""
    try:
        private(directory)
        for number in range(_MOST_FILES):
            found = _open(directory / f"{number}.counts", header, size)
            if found is not None:
                return found
        log.warning("requests are counted for nobody else, there are too many files", extra={"path": str(directory)})
    except OSError as error:  # a full disk must not end what still works
        log.warning("requests are counted for nobody else", extra={"reason": str(error)})
    return mmap.mmap(-1, size)


def _open(path: Path, header: bytes, size: int) -> mmap.mmap | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _take(descriptor, header):
            return None
        # With all of its blocks: whoever writes to a hole while the disk is full is ended by the kernel.
        os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)  # it has a descriptor of its own, which keeps the lock
    finally:
        os.close(descriptor)


def _take(descriptor: int, header: bytes) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    begin = os.pread(descriptor, len(header), 0)
    if not begin:
        os.pwrite(descriptor, header, 0)
    return begin in (b"", header)


class RequestTimer:
    """Falcon middleware that counts every request but those for health, from its first look at it to its answer.

    What a stream takes after its beginning, and the time before a thread is free, do not count.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Count the requests of all Apis of a runtime."""
        keys = [(bound.api.name, bound.route.action) for bound in runtime.routes]
        directory = request_counts_path(runtime.settings.data_dir)
        self._counts = RequestCounts(directory, [*keys, *((name, "") for name in runtime.routes.apis)])

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        """Note when a request began."""
        req.context.begun = time.perf_counter()

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, _done: bool) -> None:
        """Count it."""
        api: Api | None = getattr(req.context, "api", None)
        bound: BoundRoute | None = getattr(req.context, "bound", None)
        if api is not None and not isinstance(resource, LivenessResource | ReadinessResource):
            key = api.name, "" if bound is None else bound.route.action
            self._counts.add(key, resp.status_code, time.perf_counter() - req.context.begun)


def read(directory: Path) -> Iterator[Metric]:
    """Return what all workers have counted."""
    cells: Counter[tuple[Key, int]] = Counter()
    for path in directory.glob("*.counts"):
        # It may be written just now, or be of another version.
        with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
            cells.update(_content(path))
    for key in sorted({key for key, _ in cells}):
        yield from _metrics(key, [cells[key, column] for column in range(_ROW)])


def _content(path: Path) -> dict[tuple[Key, int], Any]:
    line, _, content = path.read_bytes().partition(b"\n")
    values = array("d")
    values.frombytes(content)
    keys = msgspec.json.decode(line, type=list[Key])
    if len(values) != len(keys) * _ROW:
        raise ValueError(f"{path} is not complete")
    return {(keys[number // _ROW], number % _ROW): value for number, value in enumerate(values) if value}


def _metrics(key: Key, row: list[float]) -> Iterator[Metric]:
    labels = {"api": key[0], "action": key[1]}
    text = "Requests by Api, action and status; no action is a path that there is not"
    for status, number in zip(_STATUSES, row, strict=False):
        if number:
            yield Sample("hanami_requests_total", number, "counter", text, labels | {"status": str(status)})
    text = "Seconds from a request to its answer, by Api and action"
    counts = tuple(map(int, row[len(_STATUSES) : -1]))
    yield Histogram("hanami_request_seconds", BOUNDS, counts, row[-1], text, labels)
