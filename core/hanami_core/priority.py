"""Threads that leave the processors to others: to the event loop, and to whoever answers people.

Must not know what a thread does.
"""

from __future__ import annotations

import os
import threading

__all__ = ["LOWEST", "STEP", "niceness", "step_back"]

STEP = 5
LOWEST = 19


def niceness() -> int:
    """Return how far the calling thread leaves the processors to others, from 0 to `LOWEST`."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def step_back(steps: int = 1, thread: int | None = None) -> None:
    """Give a thread of this process, and those that it starts, a lower priority than it had.

    Args:
        steps: how far.
        thread: its native number; None for the calling thread.
    """
    own = thread or threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, own, min(os.getpriority(os.PRIO_PROCESS, own) + steps * STEP, LOWEST))
