"""How a process is bound to the one that started it. Imports nothing, so that a small child may use it."""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["die_with"]

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
