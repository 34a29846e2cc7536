"""Slows down guessing: a bucket of attempts for each user, refilled with time, in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict

from hanami_core.clock import Clock

CAPACITY = 10_000
"""Buckets kept; the one that was used longest ago goes first, so that made-up users can not fill the memory."""


class Throttle:
    """Attempts by user, `per_minute` at most; successful ones are given back."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        """Start with full buckets."""
        self._clock, self._size = clock, per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, user_id: str) -> bool:
        """Use up one attempt; False if none is left."""
        with self._lock:
            left = self._left(user_id)
            allowed = left >= 1
            self._store(user_id, left - allowed)
            return allowed

    def give_back(self, user_id: str) -> None:
        """Return an attempt that succeeded."""
        with self._lock:
            self._store(user_id, min(self._left(user_id) + 1, self._size))

    def _left(self, user_id: str) -> float:
        left, then = self._buckets.get(user_id, (float(self._size), self._clock.monotonic()))
        return min(left + (self._clock.monotonic() - then) * self._size / 60, self._size)

    def _store(self, user_id: str, left: float) -> None:
        self._buckets[user_id] = (left, self._clock.monotonic())
        self._buckets.move_to_end(user_id)
        if len(self._buckets) > CAPACITY:
            self._buckets.popitem(last=False)
