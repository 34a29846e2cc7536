"""Time as the rest of the code sees it, so that tests can replace it."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Protocol

NO_STAMP = "-"
"""Stands for a moment that has not come."""

_DAY = 86_400
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """A source of time."""

    def now(self) -> float:
        """Return seconds since 1970 in UTC; may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards and are equal in all processes of this machine until it restarts."""

    def boot(self) -> str:
        """Return an identifier of this boot of the machine; `monotonic` values of two boots are not comparable."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Return seconds since 1970 in UTC; may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since the machine started."""
        return time.monotonic()

    def boot(self) -> str:
        """Return the kernel's boot id."""
        return _boot_id()


@functools.cache
def _boot_id() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"


@functools.total_ordering
class Moment:
    """A point in time as services return it: seconds since 1970 in UTC, or None if it has not come yet.

    An Api formats it as text, see `hanami_core.http.Api.encode`. It is neither a dataclass nor a struct, because
    encoders handle those themselves and would not call the Api.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float | None) -> None:
        """Keep the seconds."""
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"Moment({self.seconds})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self.seconds == other.seconds

    def __lt__(self, other: Moment) -> bool:
        """A moment that has not come is later than all others."""
        return self._place < other._place

    def __hash__(self) -> int:
        return hash(self.seconds)

    @property
    def _place(self) -> float:
        return float("inf") if self.seconds is None else self.seconds


def stamp(seconds: float | None) -> str:
    """Format a moment as text: UTC, to the second, without a zone; `NO_STAMP` for one that has not come yet.

    Moments are stored and compared as numbers, and formatted only for display.
    """
    if seconds is None:
        return NO_STAMP
    day, second = divmod(int(seconds // 1), _DAY)
    minute, second = divmod(second, 60)
    return f"{_date(day)} {minute // 60:02}:{minute % 60:02}:{second:02}"


@functools.lru_cache(maxsize=1024)
def _date(day: int) -> str:
    """Return the date of a day, counted from 1970. A list is long and its rows share their days, so dates are kept."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * _DAY))
