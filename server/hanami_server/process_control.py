"""How a process of the server is bound to its surroundings: parent, lock files, limits.

Owns everything about processes that Linux gives and Python does not wrap. Must not know what the processes do.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from hanami_core.errors import StartupError
from hanami_core.process_control import birth, die_with

__all__ = [
    "FAILED",
    "TRIMMING",
    "abort",
    "adopt_orphans",
    "birth",
    "die_with",
    "hold",
    "holder",
    "most_connections",
    "raise_file_limit",
    "resident_bytes",
    "return_memory",
]

FAILED = 70
OWN, OF_THREAD = 64, 4
"""Descriptors that are kept for a process and for each of its threads: for its database and the files that it opens."""
_PR_SET_CHILD_SUBREAPER = 36
NAMING = 1.0
"""Seconds in which whoever has got a lock file writes its number into it."""
TRIMMING = 60.0
"""Seconds between two times at which a process gives free memory back to the system, which takes milliseconds."""

log = logging.getLogger("hanami.process")


def abort(reason: str) -> NoReturn:
    """Log the reason and end the process without any clean-up; the supervisor starts a new one."""
    log.critical("process gives up", extra={"reason": reason})
    sys.stderr.flush()
    os._exit(FAILED)


def adopt_orphans() -> None:
    """Let descendants of this process whose parents end become its children, and not those of the first process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def hold(path: Path, what: str) -> Iterator[int]:
    """Hold the lock file `path`, which names this process while it is held; provides its descriptor.

    Raises:
        StartupError: if another process holds it; the text tells its number.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"{what} is in use by process {_named(descriptor)}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        # The file stays: removing it would let a third process lock a new one beside a waiting second.
        os.close(descriptor)


def _named(descriptor: int) -> str:
    """Return who holds a lock file; for a moment it still names whoever held it before, or nobody."""
    end = time.monotonic() + NAMING
    while True:
        found = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        if (found.isdigit() and birth(int(found)) is not None) or time.monotonic() > end:
            return found or "unknown"
        time.sleep(0.01)


def holder(path: Path) -> int | None:
    """Return the process that holds a lock file, or None if it is free; leaves no trace."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 32, 0) or b"0")
    finally:
        os.close(descriptor)
    return None


def raise_file_limit() -> None:
    """Allow as many open files as the system grants; every connection is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections(wanted: int, threads: int) -> int:
    """Return how many connections a process may keep: as many as leave descriptors to its threads and itself."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(wanted, max(descriptors - OWN - OF_THREAD * threads, descriptors // 4))


def resident_bytes() -> int:
    """Return how much memory this process occupies."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def return_memory() -> None:
    """Give free pages back to the system.

    By itself glibc gives back only what is free at the end of the heap, and something is always left there.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    if trim is not None:
        trim(0)
