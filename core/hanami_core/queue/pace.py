"""Threads that leave the processors to others, and more so the longer they work. Must not know what they do."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hanami_core.priority import step_back

__all__ = ["AFTER", "Pace", "PacedWork"]

AFTER = (0.05, 0.5, 5.0, 50.0)
"""Seconds after each of which a thread that still works steps back once more; waiting counts as well."""


@dataclass
class PacedWork:
    """What a thread has done since when, and how often it has stepped back meanwhile."""

    begun: float
    steps: int = 0

    @property
    def due(self) -> float:
        """When it steps back next."""
        return self.begun + AFTER[self.steps] if self.steps < len(AFTER) else math.inf


class Pace:
    """Watches threads that work, from a thread of its own; a piece of work may be long and never say so."""

    def __init__(self) -> None:
        """Begin without any thread."""
        self._changed = threading.Condition()
        self._works: dict[int, PacedWork] = {}
        self._ended = False

    @contextlib.contextmanager
    def kept(self) -> Iterator[PacedWork]:
        """Watch the calling thread. One that has stepped back should end after the block: it never comes forward."""
        thread, work = threading.get_native_id(), PacedWork(time.monotonic())
        with self._changed:
            self._works[thread] = work
            self._changed.notify()
        try:
            yield work
        finally:
            with self._changed:
                del self._works[thread]

    def run(self) -> None:
        """Watch until `stop` is called."""
        with self._changed:
            while not self._ended:
                now = time.monotonic()
                for thread, work in self._works.items():
                    if work.due <= now:
                        work.steps += 1
                        step_back(thread=thread)
                due = min((work.due for work in self._works.values()), default=math.inf)
                self._changed.wait(None if due == math.inf else max(0.0, due - now))

    def stop(self) -> None:
        """End `run`."""
        with self._changed:
            self._ended = True
            self._changed.notify()
