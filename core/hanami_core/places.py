"""Places for work that holds a thread and a processor for long: few work at once, few wait, all others are sent away.

Threads that answer calls are few; whoever waits for a place has one, which the calls of others would need. Must not
know what the work is.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from hanami_core.errors import Unavailable

__all__ = ["RETRY_SECONDS", "Places"]

RETRY_SECONDS = 1


class Places:
    """The places of one process."""

    def __init__(self, code: str, at_once: int, most: int, each: int | None = None) -> None:
        """Let so many work at once.

        Args:
            code: of the error for those who are sent away.
            at_once: how many work at the same time.
            most: how many there may be together with those that wait.
            each: how many of these one person may have; as many as there are if it is None.
        """
        self._code, self._each = code, most if each is None else each
        self._slots = threading.BoundedSemaphore(at_once)
        self._left = most
        self._of: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        """How many more may come."""
        return self._left

    @contextlib.contextmanager
    def taken(self, who: str = "") -> Iterator[None]:
        """Work inside, as soon as it is one's turn.

        Raises:
            Unavailable: at once, if too many are here, or too many of the same person.
        """
        with self._lock:
            if not self._left or self._of[who] >= self._each:
                raise Unavailable(self._code, retry_after=RETRY_SECONDS)
            self._left -= 1
            self._of[who] += 1
        try:
            with self._slots:
                yield
        finally:
            with self._lock:
                self._left += 1
                self._of[who] -= 1
                if not self._of[who]:
                    del self._of[who]
