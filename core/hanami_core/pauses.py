"""A thread that is about to wait says so, and whoever gave it its work can let another thread go on.

Worth it for what takes longer than waking a thread: a hash, a lock that somebody else has, the end of a task. Must not
know who waits, nor who listens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["about_to_wait", "told_of_waits"]


def _nobody() -> None:
    """Tell nobody."""


class _Listener(threading.local):
    tell: Callable[[], object] = staticmethod(_nobody)


_listener = _Listener()


@contextmanager
def told_of_waits(listener: Callable[[], object]) -> Iterator[None]:
    """Have `listener` called whenever the block, in this thread, is about to wait."""
    _listener.tell = listener
    try:
        yield
    finally:
        _listener.tell = _nobody


def about_to_wait() -> None:
    """Say that this thread waits now, and that others could use the time."""
    _listener.tell()
