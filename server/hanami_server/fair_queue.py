"""A queue in which keys take turns: whoever adds much waits behind themselves, not others behind them.

Must not know what is queued, nor what the keys are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

K = TypeVar("K")
T = TypeVar("T")


class FairQueue(Generic[K, T]):
    """Items of one key come out in their order, one for each key in turn."""

    def __init__(self) -> None:
        """Begin without items."""
        self._items: dict[K, deque[T]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return the number of items."""
        return self._count

    def append(self, key: K, item: T) -> None:
        """Add an item behind those of its key; a new key has its turn after all others."""
        self._items.setdefault(key, deque()).append(item)
        self._count += 1

    def next_key(self, may: Callable[[K], bool]) -> K | None:
        """Return whose turn it is of those who may have one, or None."""
        return next((key for key in self._items if may(key)), None)

    def popleft(self, key: K | None = None) -> T:
        """Remove the next item, or that of a key whose turn it is, and return it.

        Raises:
            IndexError: if there is none.
        """
        if not self._items:
            raise IndexError("the queue is empty")
        key = next(iter(self._items)) if key is None else key
        items = self._items.pop(key)
        if len(items) > 1:
            self._items[key] = items  # behind the others
        self._count -= 1
        return items.popleft()
