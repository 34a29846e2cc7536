"""A selector that stays awake for a moment where events follow closely on each other.

To put a thread to sleep and wake it up again takes 30 to 100 µs, as long as it takes to answer a small frame. A client
that sends its next frame as soon as it has an answer would pay for that each time. Must not know what the events are.
"""

from __future__ import annotations

import resource
import selectors
from time import monotonic

__all__ = ["BusyPollSelector"]

REST_SECONDS = 0.1
"""Time without polling after another thread had to take the processor away."""

Ready = list[tuple[selectors.SelectorKey, int]]


class BusyPollSelector(selectors.DefaultSelector):
    """Polls for up to `seconds` before it sleeps, as long as that pays: while the last event came within that time."""

    def __init__(self, seconds: float) -> None:
        """Poll for `seconds` at most; 0 means never."""
        super().__init__()
        self._seconds = seconds
        self._pays = False
        self._resting_until = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        """Return what is ready, after at most `timeout` seconds."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        begin = monotonic()
        if self._pays and begin >= self._resting_until:
            ready = self._poll(begin + (self._seconds if timeout is None else min(timeout, self._seconds)))
            if ready:
                return ready
            timeout = None if timeout is None else max(0.0, begin + timeout - monotonic())
        ready = super().select(timeout)
        self._pays = bool(ready) and monotonic() - begin < self._seconds
        return ready

    def _poll(self, end: float) -> Ready:
        preempted = _preemptions()
        ready = super().select(0)
        while not ready and monotonic() < end:
            ready = super().select(0)
        if _preemptions() != preempted:
            self._resting_until = monotonic() + REST_SECONDS
        return ready


def _preemptions() -> int:
    """Return how often another thread has taken the processor away from this one."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
