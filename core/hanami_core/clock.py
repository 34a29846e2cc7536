"""Time as the rest of the code sees it, so that tests can replace it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

STAMP_FORMAT = "%Y-%m-%d %H:%M:%S"
NO_STAMP = "-"
"""Stands for a moment that has not come."""

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


@dataclass(frozen=True, order=True)
class Moment:
    """A point in time as services return it: seconds since 1970 in UTC, or None if it has not come.

    An Api makes text of it; see `hanami_core.http.Api.encode`.
    """

    seconds: float | None


def stamp(seconds: float) -> str:
    """Write a moment the way the API does: UTC, to the second, no zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime(STAMP_FORMAT)
