"""Buckets of attempts that all processes of a server share: a file of limited size, locked while somebody counts.

Owns the layout of the file and what happens when it cannot be used. Must not know what is counted.

Buckets stand in rows, and the hash of a name says in which; where a row is full, the bucket that was used longest ago
gives way, so that made-up names fill neither disk nor memory. Names are hashed with a random key of the file, so none
can be read from it. Moments are those of the machine's monotonic clock, which no change of the date moves. Nothing is
flushed to the disk: what a power cut loses is filled again before the machine is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import logging
import math
import os
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterator
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple, TypeVar

from hanami_core.clock import Clock
from hanami_core.folders import private

__all__ = ["ROWS", "ROW_BUCKETS", "Bucket", "Buckets", "SharedBuckets"]

ROWS, ROW_BUCKETS = 4096, 16
PATIENCE = 1.0
"""Seconds to wait for a lock that is held for microseconds, before a process counts by itself."""

_KEY_BYTES = 32
_BUCKET = struct.Struct("<16sdd")
"""Hash of the name, attempts that were left, and when that was."""
_ROW_BYTES = ROW_BUCKETS * _BUCKET.size
_PAUSE = 0.0005

T = TypeVar("T")

log = logging.getLogger("hanami.auth")


class Bucket(NamedTuple):
    """A bucket by its name, and how many attempts it holds when it is full."""

    name: tuple[str, ...]
    size: int


class Buckets:
    """All buckets at a moment, of a file or of memory that looks like one. A bucket is refilled within a minute."""

    def __init__(self, file: RawIOBase | io.BytesIO, now: float) -> None:
        """Look at a file. One that is empty has full buckets, and so has one that is not ours."""
        self._file, self._now = file, now
        self._key = self._read(0, _KEY_BYTES)
        if not any(self._key):  # the file is new
            self._key = secrets.token_bytes(_KEY_BYTES)
            self._write(0, self._key)

    def left(self, bucket: Bucket) -> float:
        """Return how many attempts there are."""
        return self._find(bucket)[2]

    def add(self, bucket: Bucket, attempts: float) -> None:
        """Put attempts into a bucket; what does not fit is lost."""
        offset, name, left = self._find(bucket)
        self._write(offset, _BUCKET.pack(name, min(left + attempts, float(bucket.size)), self._now))

    def take(self, bucket: Bucket) -> float:
        """Take out one attempt, or what there is if that is less, and return how much."""
        taken = min(1.0, self.left(bucket))
        self.add(bucket, -taken)
        return taken

    def seconds(self, bucket: Bucket) -> int:
        """Return after how many whole seconds there is an attempt."""
        return math.ceil(max(0.0, 1 - self.left(bucket)) * 60 / bucket.size)

    def _find(self, bucket: Bucket) -> tuple[int, bytes, float]:
        """Return where a bucket stands or will stand, the hash of its name, and what is left in it."""
        digest = hashlib.blake2b(repr(bucket.name).encode(), key=self._key, digest_size=20).digest()
        name, row = digest[:16], _KEY_BYTES + int.from_bytes(digest[16:], "little") % ROWS * _ROW_BYTES
        oldest, place = math.inf, row
        for number, (other, left, then) in enumerate(_BUCKET.iter_unpack(self._read(row, _ROW_BYTES))):
            offset = row + number * _BUCKET.size
            if other == name:
                return offset, name, self._refilled(left, then, bucket.size)
            used = then if 0 <= then <= self._now else -1.0
            if used < oldest:
                oldest, place = used, offset
        return place, name, float(bucket.size)

    def _refilled(self, left: float, then: float, size: int) -> float:
        # What cannot be, such as a moment that is still to come, locks nobody out.
        if not (left >= 0 and then <= self._now):
            return float(size)
        return min(left + (self._now - then) * size / 60, float(size))

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return (self._file.read(size) or b"").ljust(size, b"\0")

    def _write(self, offset: int, data: bytes) -> None:
        self._file.seek(offset)
        if self._file.write(data) != len(data):
            raise OSError("the file takes no more")


class SharedBuckets:
    """The buckets of a file, which outlive the processes that use them.

    While the file cannot be used, buckets in the memory of the process stand in, and the log says so once.
    """

    def __init__(self, clock: Clock, path: Path) -> None:
        """Share buckets with all who name the same file, which is made when it is first needed."""
        self._clock, self._path = clock, path
        self._memory = io.BytesIO()
        self._alone = False
        self._lock = threading.Lock()

    def use(self, work: Callable[[Buckets], T]) -> T:
        """Return what `work` returns, while nobody else is at the buckets."""
        with self._lock:
            try:
                with self._locked() as file:
                    result = work(Buckets(file, self._clock.monotonic()))
            except OSError as error:
                if not self._alone:
                    values = {"path": str(self._path), "reason": str(error)}
                    log.warning("failed logins are counted by each process for itself", extra=values)
                self._alone = True
                return work(Buckets(self._memory, self._clock.monotonic()))
            self._alone = False
            return result

    @contextlib.contextmanager
    def _locked(self) -> Iterator[RawIOBase]:
        # Opened each time, so that all processes go on together in a new file when somebody deletes it.
        private(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "r+b", buffering=0) as file:
            self._acquire(descriptor)
            try:
                yield file
            finally:
                # Closing is not enough while a process that is just being started has a copy of the descriptor.
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _acquire(self, descriptor: int) -> None:
        """Lock the file, or raise `BlockingIOError`: its holder may be a process that somebody has stopped."""
        end = time.monotonic() + (0 if self._alone else PATIENCE)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
            else:
                return
            time.sleep(_PAUSE)
