"""How late the event loop of a sidecar does what is due: whoever holds it keeps all its sockets waiting.

Must not know what the loop does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hanami_core.metrics import Distribution, Histogram

__all__ = ["LoopDelay"]

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
PERIOD = 0.25
"""Seconds between two looks."""


class LoopDelay:
    """Looks at one event loop, which it belongs to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare; nothing is measured before `start`."""
        self._loop = loop
        self._delays = Distribution(BOUNDS)
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        due = self._loop.time() + PERIOD
        self._next = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self._delays.add(max(0.0, self._loop.time() - due))
        self.start()

    def stop(self) -> None:
        """Look no longer."""
        if self._next is not None:
            self._next.cancel()

    def histogram(self, labels: Mapping[str, str]) -> Histogram:
        """Return what was found until now; any thread may ask."""
        text = "Seconds by which the event loop of a sidecar was late"
        return self._delays.histogram("hanami_loop_delay_seconds", text, labels)
