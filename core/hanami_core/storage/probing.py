"""Whether the storage works now, whatever database and store there are: for ``/health/ready`` and ``hanami doctor``.

A process that may write tries it: a row, and a file on the disk. One that only looks asks the file system.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hanami_core.checks import Check, Finding
from hanami_core.storage.database import reset
from hanami_core.storage.disk import is_storage_error
from hanami_core.storage.failures import in_words, storage_failure

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["storage_checks"]

FRESH_SECONDS = 1.0
"""Callers within this time share an answer, because anybody may ask."""
PIECE = bytes(1 << 16)
NO_ROOM = 1 << 20
"""Bytes of free disk with which hardly anything can be stored."""


def storage_checks(runtime: Runtime) -> list[Check]:
    """Return the checks of the storage of a process."""
    if runtime.role.writes:
        return [Check("storage", _Shared(lambda: list(_try(runtime))), cheap=True)]
    return [Check("storage", lambda: list(_look(runtime)))]


class _Shared:
    """A look whose outcome counts for a moment."""

    def __init__(self, look: Callable[[], list[Finding]]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._found: list[Finding] = []
        self._until = 0.0

    def __call__(self) -> list[Finding]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._look()
                self._until = time.monotonic() + FRESH_SECONDS
            return self._found


def _try(runtime: Runtime) -> Iterator[Finding]:
    for where, write in (("database", runtime.database.probe), ("files", lambda: _write_file(runtime))):
        try:
            write()
        except Exception as error:
            reset(runtime.database)
            failure = storage_failure(error)
            # Neither names nor paths: strangers may ask.
            what = type(error).__name__ if failure is None else in_words(failure)
            yield Finding(where, what)


def _write_file(runtime: Runtime) -> None:
    with runtime.blobs.staging() as path, path.open("wb") as file:
        file.write(PIECE)
        file.flush()
        os.fsync(file.fileno())


def _look(runtime: Runtime) -> Iterator[Finding]:
    try:
        found = os.statvfs(runtime.settings.data_dir)
    except OSError as error:
        if is_storage_error(error.errno):
            yield Finding("data directory", str(error.strerror))
        return
    if found.f_flag & os.ST_RDONLY:
        yield Finding("data directory", "it lies on a file system that can only be read")
    elif found.f_bavail * found.f_frsize < NO_ROOM:
        yield Finding("data directory", f"the disk is full, {found.f_bavail * found.f_frsize} bytes are free")
