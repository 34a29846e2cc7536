"""How much a kernel is given to do at once, and on how many threads. Results do not depend on either."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from time import monotonic, perf_counter
from typing import Any

from hanami_core.priority import niceness

CALL_SECONDS = 0.01
"""Time that a call of a kernel should take: long against a call's cost, short against what a caller waits for."""
LONGEST_LEAP = 4
"""Most that the work of a call grows from one to the next."""
ALONE_SECONDS = 0.02
ALONE_LIMIT = 8.0
"""Time for which a thread works alone once others took the processors; doubles up to the limit."""
TRIAL_CALLS = 16
TRIAL = 4
"""One of so many calls is tried the other way, with several threads or without, and its place among them."""
TRIAL_SHARE = 8
"""A trial has one of so many parts of the work of other calls, because mostly it takes longer."""
WORTH = 0.95
"""Part of the time that a call must take at most to make its way the usual one."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CallSizer:
    """Finds the amount of work that takes `CALL_SECONDS`."""

    def __init__(self, most: int) -> None:
        """Begin with one unit of work; a call never has more than `most`."""
        self.units = 1
        self._most = most
        self._begin = 0.0

    def start(self) -> None:
        """Note that a call begins."""
        self._begin = perf_counter()

    def stop(self, units: int) -> float:
        """Note that a call ended after so many units; return the seconds that it took."""
        seconds = max(perf_counter() - self._begin, 1e-6)
        fitting = int(units * CALL_SECONDS / seconds)
        self.units = max(1, min(fitting, self.units * LONGEST_LEAP, self._most))
        return seconds


class Autotuner:
    """Finds out whether a network's cycles take less time if several threads share each of them.

    That depends on the network, and on how long processors take to exchange what one of them has written, which is ten
    times as long if they share no cache. A call that is made the other way is compared with those before and after it.
    """

    def __init__(self) -> None:
        """Begin with several threads."""
        self._shared = True
        self._calls = 0
        self._seconds: list[float] = []

    def parts(self, parts: int) -> int:
        """Return the number of threads to ask for if there is work for so many."""
        return parts if self._wanted() else 1

    def units(self, units: int) -> int:
        """Return how much work the next call should have if others have so much."""
        return max(1, units // TRIAL_SHARE) if self._is_trial() else units

    def note(self, shared: bool, seconds: float) -> None:
        """Note how a call was made and how long a cycle of it took."""
        if shared == self._wanted():
            self._seconds.append(seconds)
        else:
            self._seconds.clear()
        if self._calls % TRIAL_CALLS == TRIAL + 1 and len(self._seconds) > 2:
            before, other, after = self._seconds[-3:]
            if other < WORTH * min(before, after):
                self._shared = not self._shared
            self._seconds.clear()
        self._calls += 1

    def _wanted(self) -> bool:
        return self._shared != self._is_trial()

    def _is_trial(self) -> bool:
        return self._calls % TRIAL_CALLS == TRIAL


class ThreadPool:
    """Threads that run the same function together, the caller's thread being one of them.

    Networks of a host share its thread pool, each one that is at work gets an equal part of it. Threads of a call wait
    for each other inside of kernels, so a call only gets threads that nobody else has: two that had half of what they
    need would wait for ever. They have the priority of the caller's thread; as none can get a higher one later, there
    are threads for each priority.
    """

    def __init__(self, size: int) -> None:
        """Keep `size - 1` threads in reserve; none is started before it is needed."""
        self.size = max(1, size)
        self._executors: dict[int, ThreadPoolExecutor] = {}
        self._lock = Lock()
        self._free = self.size - 1
        self._users = 0
        self._alone_until = 0.0
        self._alone = ALONE_SECONDS

    def run(self, parts: int, function: Callable[..., Any], *args: Any) -> list[Any]:
        """Call ``function(thread, threads, *args)`` on each of some threads and return the results in their order.

        `parts` is the number of threads that the work can be split to.
        """
        helpers = self._take(parts)
        try:
            others = [self._threads().submit(function, thread, 1 + helpers, *args) for thread in range(1, 1 + helpers)]
            return [function(0, 1 + helpers, *args), *(other.result() for other in others)]
        finally:
            with self._lock:
                self._free += helpers

    def _threads(self) -> ThreadPoolExecutor:
        """Return threads of the caller's priority; each inherits that of the thread that starts it."""
        level = niceness()
        with self._lock:
            if level not in self._executors:
                self._executors[level] = ThreadPoolExecutor(max(1, self.size - 1), f"kernel-{level}")
            return self._executors[level]

    def _take(self, parts: int) -> int:
        with self._lock:
            share = 1 if monotonic() < self._alone_until else self.size // max(1, self._users)
            helpers = max(0, min(share, parts, 1 + self._free) - 1)
            self._free -= helpers
        return helpers

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count a network that is at work for the length of a task."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1

    def note(self, oversubscribed: bool) -> None:
        """Note whether threads waited too long for each other, which is when another process uses the processors."""
        if oversubscribed:
            self._alone_until = monotonic() + self._alone
        self._alone = min(2 * self._alone, ALONE_LIMIT) if oversubscribed else ALONE_SECONDS
