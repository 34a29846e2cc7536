"""How long processes live: one is bound to the one that started it, and known from a later one with its number.

Imports nothing, so that a small child may use it.
"""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["birth", "die_with"]

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """End this process as soon as the process `parent`, which must have started it, ends for whatever reason.

    Linux means the thread that started it: one that ends sooner takes this process along.

    Raises:
        SystemExit: if the parent is gone already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        raise SystemExit(1)


def birth(pid: int) -> int | None:
    """Return when a process was started, as a number that tells it from a later one with the same number."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
