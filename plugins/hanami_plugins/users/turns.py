"""Lets only so many processes and threads of a server do something at once. Must not know what they do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from hanami_core.folders import private

__all__ = ["Turns"]

PATIENCE = 5.0
"""Seconds after which somebody goes ahead without a turn: who has one may be a process that somebody has stopped."""
PAUSE = 0.002
"""Least seconds between two looks at whose turn it is; each one is up to twice as long."""


class Turns:
    """Files that are locked by whoever has a turn; a lock ends with its process.

    Nobody is kept from working: where the files cannot be used, all go ahead.
    """

    def __init__(self, directory: Path, count: int) -> None:
        """Let `count` at once have turns; all who name the same directory share them."""
        self._directory, self._count = directory, count

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and have it."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                files = [stack.enter_context(self._open(number)) for number in range(self._count)]
                _wait_for_one(files)
            yield

    @contextlib.contextmanager
    def _open(self, number: int) -> Iterator[int]:
        private(self._directory)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._directory / f"turn-{number}", flags, 0o600)
        try:
            yield descriptor
        finally:
            # Closing is not enough while a process that is just being started has a copy of the descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _wait_for_one(files: list[int]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for descriptor in files:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        time.sleep(PAUSE * random.uniform(1, 2))  # noqa: S311 - no secret
