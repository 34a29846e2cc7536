"""Waits awake for an answer that comes at once, because to wake a thread up takes as long as to answer a small frame.

It polls only while answers come that fast, and rests after another thread needed the processor. Only Linux tells that;
elsewhere the thread always sleeps.
"""

from __future__ import annotations

import select
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websocket import WebSocket

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # not on Linux
    getrusage = None  # type: ignore[assignment]

__all__ = ["BusyPoll"]

POLL_SECONDS = 0.0005
REST_SECONDS = 0.1


class BusyPoll:
    """The waiting of one connection; one thread at a time."""

    def __init__(self) -> None:
        """Sleep at first."""
        self._pays = False
        self._resting_until = self._begin = 0.0

    def wait(self, connection: WebSocket) -> None:
        """Return when something can be read, or after the time that is worth while."""
        self._begin = begin = monotonic()
        if not self._pays or begin < self._resting_until:
            return
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        preempted = _preemptions()
        while not poll.poll(0) and monotonic() - begin < POLL_SECONDS:
            pass
        if _preemptions() != preempted:
            self._resting_until = monotonic() + REST_SECONDS

    def answered(self) -> None:
        """Note that the answer has come."""
        self._pays = getrusage is not None and monotonic() - self._begin < POLL_SECONDS


def _preemptions() -> int:
    return getrusage(RUSAGE_THREAD).ru_nivcsw
