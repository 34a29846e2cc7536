"""Threads that leave the processors to others: to the event loop, and to whoever answers people.

Must not know what a thread does.
"""

from __future__ import annotations

import os
import threading

__all__ = ["LOWEST", "STEP", "step_back"]

STEP = 5
LOWEST = 19


def step_back(steps: int = 1) -> None:
    """Give the calling thread, and those that it starts, a lower priority than it had."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + steps * STEP, LOWEST))
