"""Threads that know how long each of them has been at its work.

A pool in which some threads hang serves others; one in which all do serves nobody any more, and its process must go.
Must not know what the work is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["WatchedThreads"]

P = ParamSpec("P")
T = TypeVar("T")


class WatchedThreads(ThreadPoolExecutor):
    """A pool of threads."""

    def __init__(self, most: int, name: str) -> None:
        """Use up to `most` threads, named after the pool."""
        super().__init__(most, name)
        self.name, self._most = name, most
        self._began: dict[int, float] = {}

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have work done by a thread."""
        return super().submit(self._work, work, *args, **kwargs)

    def _work(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        thread = threading.get_ident()
        self._began[thread] = time.monotonic()
        try:
            return work(*args, **kwargs)
        finally:
            del self._began[thread]

    def hangs(self, seconds: float) -> bool:
        """Tell whether all threads have been at one piece of work each for so long."""
        began = list(self._began.values())
        return len(began) == self._most and time.monotonic() - max(began) > seconds
