"""How many long tasks of a process compute at the same time; the others wait, and all take turns.

More of them than processors do not get more done: they drive each other's networks out of the caches, and whoever else
needs a processor for a moment waits longer for it, in spite of all priorities. Must not know what a task does.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Rotation"]

TURN = 0.2
"""Seconds after which a task lets the next one compute."""
ABSENT = 1.0
"""Seconds without a step after which a task is taken to do something else than to compute, such as to store."""
CROWDED = 0.25
"""If a task waits for a processor for a larger part of the time than this, others need the processors."""
CALM, LONGEST_CALM = 0.25, 8.0
"""Seconds after which one more task is tried; each time that others need its processor, it takes twice as long."""

_DELAYS = Path("/proc/thread-self/schedstat")


@dataclass
class _Computing:
    """A task that computes: since when, when it was last seen, and how long it had waited for processors by then."""

    since: float
    seen: float
    delay: float


class Rotation:
    """The long tasks of a process that compute, and those that wait for it."""

    def __init__(self, most: int) -> None:
        """Let so many compute at the same time, and fewer if others need the processors."""
        self._most = self._room = max(1, most)
        self._changed = threading.Condition()
        self._turns: dict[object, _Computing] = {}
        self._queue: deque[object] = deque()
        self._waiting: set[object] = set()
        self._calm = CALM
        self._changed_at = 0.0

    def step(self, task: object, patience: float) -> bool:
        """Return whether a task may go on to compute, after so many seconds at most.

        Called by the task's thread between two pieces of work. A task that was told no keeps its place in the queue,
        but lets others go before it until it asks again.
        """
        delay = _delay()
        with self._changed:
            turn = self._turns.get(task)
            if turn is not None:
                self._look_around(turn, delay)
                if not self._is_over(turn):
                    return True
                del self._turns[task]
            if task not in self._queue:
                self._queue.append(task)
            self._waiting.add(task)
            self._changed.notify_all()
            try:
                if not self._changed.wait_for(lambda: self._is_next(task), patience):
                    return False
            finally:
                self._waiting.discard(task)
                self._changed.notify_all()
            self._queue.remove(task)
            now = time.monotonic()
            self._turns[task] = _Computing(now, now, _delay())
            return True

    def leave(self, task: object) -> None:
        """Forget a task, which computes no more."""
        with self._changed:
            self._turns.pop(task, None)
            if task in self._queue:
                self._queue.remove(task)
            self._changed.notify_all()

    def _is_over(self, turn: _Computing) -> bool:
        free = self._room - self._computing()
        return free < 0 or (len(self._waiting) > free and turn.seen - turn.since >= TURN)

    def _is_next(self, task: object) -> bool:
        first = next(one for one in self._queue if one in self._waiting)
        return first == task and self._computing() < self._room

    def _computing(self) -> int:
        oldest = time.monotonic() - ABSENT
        return sum(turn.seen >= oldest for turn in self._turns.values())

    def _look_around(self, turn: _Computing, delay: float) -> None:
        """Make room for others on the processors, or take it back."""
        now = time.monotonic()
        crowded = delay - turn.delay > CROWDED * (now - turn.seen)
        turn.seen, turn.delay = now, delay
        since = now - self._changed_at
        if crowded and self._room > 1 and since >= TURN / 2:
            self._calm = min(2 * self._calm, LONGEST_CALM) if since < self._calm else CALM
            self._room, self._changed_at = self._room - 1, now
        elif not crowded and self._room < self._most and since >= self._calm:
            self._room, self._changed_at = self._room + 1, now
            self._changed.notify_all()


def _delay() -> float:
    """Return for how many seconds the calling thread has waited for a processor; 0 where nobody tells."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(_DELAYS.read_bytes().split()[1]) / 1e9
    return 0.0
