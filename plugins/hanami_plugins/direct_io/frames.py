"""Where a frame is run: in the event loop if it is light, else in a thread, those of one cluster one after another.

Owns the estimate of what a frame costs and the threads. Must not know messages.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from hanami_core.priority import step_back
from hanami_core.stash import StashKey
from hanami_plugins.clusters import LiveCluster

__all__ = ["THREADS", "FrameThreads", "is_heavy", "note_cost"]

T = TypeVar("T")

HEAVY_SECONDS = 0.002
"""Time of a frame beyond which it runs in a thread; below it, changing threads costs more than it saves."""
SHARE = 0.25
"""Weight of a measurement that is longer than those before it; what else the machine does adds to them, too."""
LEAST_SECONDS = 1e-6
"""Time of a frame that a clock may find to take none."""
OUTLIER = 4.0
"""A measurement counts as at most so many times those before it."""
STEPS_BACK = 2
"""So far heavy frames leave the processors to others: as far as tasks that are not short any more."""


class FrameThreads:
    """Runs work for clusters: in order for each, side by side for several."""

    def __init__(self, threads: int) -> None:
        """Use at most so many threads."""
        self._pool = ThreadPoolExecutor(threads, "frames", step_back, (STEPS_BACK,))
        self._lock = threading.Lock()
        self._queues: dict[str, deque[Callable[[], None]]] = {}

    def submit(self, uuid: str, work: Callable[[], T]) -> Future[T]:
        """Run `work` after all other work for the same cluster; never blocks."""
        future: Future[T] = Future()
        with self._lock:
            queue = self._queues.setdefault(uuid, deque())
            queue.append(lambda: _run(work, future))
            first = len(queue) == 1
        if first:
            self._pool.submit(self._next, uuid)
        return future

    def _next(self, uuid: str) -> None:
        """Do one piece of work of a cluster; the rest of it queues up again behind other clusters."""
        queue = self._queues[uuid]
        queue[0]()
        with self._lock:
            queue.popleft()
            more = bool(queue)
            if not more:
                del self._queues[uuid]
        if more:
            self._pool.submit(self._next, uuid)

    def close(self) -> None:
        """Begin with no further work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


THREADS: StashKey[FrameThreads] = StashKey("direct_io.threads")


def is_heavy(live: LiveCluster, kind: int, size: int, weight: Callable[[], int]) -> bool:
    """Tell whether a frame must run in a thread. The first one of a kind does; it tells what the next ones cost.

    Args:
        live: the network.
        kind: what the frame does.
        size: number of its values.
        weight: counts those that cost something, which takes a while itself.
    """
    light = live.light.get(kind, 0.0)
    return size > light and weight() > light


def note_cost(live: LiveCluster, kind: int, weight: int, seconds: float) -> None:
    """Remember what a frame has cost; the caller holds the network's lock."""
    new = max(seconds, LEAST_SECONDS) / weight
    old = HEAVY_SECONDS / live.light[kind] if kind in live.light else new
    # A busy machine interrupts frames, which must not drive light ones into threads; but it makes none shorter.
    cost = new if new < old else old + SHARE * (min(new, OUTLIER * old) - old)
    live.light[kind] = HEAVY_SECONDS / cost


def _run(work: Callable[[], object], future: Future[Any]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
