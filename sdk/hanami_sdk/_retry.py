"""Trying again after a connection broke off: how long, and with which pauses. It knows no server."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")

DEFAULT_SECONDS = 15.0
"""Long enough for a server to be restarted."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Backoff:
    """Pauses that double, with a random part so that many clients do not come back at once, until a deadline.

    Args:
        seconds: how long to keep trying after the first failure.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None
        self._next = 0.0

    def renew(self) -> None:
        """Begin anew: something was achieved since the last failure."""
        self._end, self._next = None, 0.0

    def pause(self) -> bool:
        """Sleep before the next attempt, the first of which comes at once; False if it is time to give up."""
        now = time.monotonic()
        self._end = now + self._seconds if self._end is None else self._end
        left = self._end - now
        if left <= 0:
            return False
        time.sleep(min(left, self._next * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
        self._next = min(max(_FIRST_PAUSE, 2 * self._next), _LONGEST_PAUSE)
        return True


def call_with_retries(action: Callable[[], R], worth: Callable[[Exception], bool], seconds: float) -> R:
    """Do something that may be done more than once, until it succeeds.

    Args:
        action: what to do.
        worth: tells whether trying again may help after an exception.
        seconds: how long to go on after the first failure; the last exception is raised then.
    """
    backoff = Backoff(seconds)
    while True:
        try:
            return action()
        except Exception as error:
            if not worth(error) or not backoff.pause():
                raise
