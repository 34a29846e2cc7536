"""A lock that knows its place in the order of `hanami_plugins.clusters.locks` and notes whoever breaks it."""

from __future__ import annotations

import threading
import traceback
from types import TracebackType
from typing import ClassVar

from hanami_plugins.clusters.locks import Rank


class CheckedLock:
    """Behaves as `threading.Lock`."""

    violations: ClassVar[list[str]] = []
    _held = threading.local()

    def __init__(self, rank: Rank) -> None:
        self.rank = rank
        self._lock = threading.Lock()

    @classmethod
    def held(cls) -> list[Rank]:
        """Return the ranks of the locks that this thread holds, in the order in which it took them."""
        if not hasattr(cls._held, "ranks"):
            cls._held.ranks = []
        ranks: list[Rank] = cls._held.ranks
        return ranks

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        held = self.held()
        # Who does not wait cannot be part of a deadlock.
        if blocking and held and max(held) >= self.rank:
            names = [rank.name for rank in held]
            self.violations.append(f"{self.rank.name} after {names}\n{''.join(traceback.format_stack(limit=8))}")
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            held.append(self.rank)
        return taken

    def release(self) -> None:
        self.held().remove(self.rank)
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
