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
        """Return seconds that never go back and are the same in all processes of this machine until it restarts."""

    def boot(self) -> str:
        """Return an identity of this start of the machine; `monotonic` values of two boots are not comparable."""


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
        return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"


class Moment:
    """A point in time as services return it: seconds since 1970 in UTC, or None if it has not come.

    An Api makes text of it; see `hanami_core.http.Api.encode`. It is of no type that JSON encoders know, so that none
    can make a text of its own.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def __eq__(self, other: object) -> bool:
        """Compare by the seconds."""
        return isinstance(other, Moment) and self.seconds == other.seconds

    def __hash__(self) -> int:
        """Hash the seconds."""
        return hash(self.seconds)

    def __repr__(self) -> str:
        """Show the seconds."""
        return f"Moment({self.seconds})"


def stamp(seconds: float | None) -> str:
    """Write a moment as a text: UTC, to the second, no zone; `NO_STAMP` for one that has not come.

    Moments are numbers wherever they are stored or compared; a text is made where one is shown.
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
