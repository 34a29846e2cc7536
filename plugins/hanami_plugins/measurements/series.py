"""A measured value over time, in four rings, and the file that holds all of them."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Annotated

import msgspec
from msgspec import Meta

RINGS = (("seconds", 60), ("minutes", 60), ("hours", 24), ("days", 365))
"""Names and lengths of the rings; the mean of one that is full becomes a value of the next."""

Ring = Annotated[list[float], Meta(examples=[[0.0, 29.5, 29.75]])]


def _zeros(size: int) -> list[float]:
    return [0.0] * size


class Values(msgspec.Struct):
    """Values over time, oldest first; 0 where nothing was measured.

    Attributes:
        seconds: values of the last 60 seconds.
        minutes: means of the last 60 minutes.
        hours: means of the last 24 hours.
        days: means of the last 365 days.
    """

    seconds: Ring = msgspec.field(default_factory=lambda: _zeros(60))
    minutes: Ring = msgspec.field(default_factory=lambda: _zeros(60))
    hours: Ring = msgspec.field(default_factory=lambda: _zeros(24))
    days: Ring = msgspec.field(default_factory=lambda: _zeros(365))


class Series(msgspec.Struct):
    """Values, and how many were ever measured."""

    values: Values = msgspec.field(default_factory=Values)
    count: int = 0

    def push(self, value: float) -> None:
        """Add the value of another second."""
        self.count += 1
        period = 1
        for name, size in RINGS:
            ring: list[float] = getattr(self.values, name)
            ring.append(value)
            del ring[:-size]
            period *= size
            if self.count % period:
                return
            value = fmean(ring)


def load(file: Path) -> dict[str, Series]:
    """Return the stored series by name; none, if there is no readable file."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Series])
    except (OSError, msgspec.MsgspecError):
        return {}


def store(file: Path, series: dict[str, Series]) -> None:
    """Replace the file. A power cut may lose it, so a reader never sees half of one but may see none."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(series))
    temporary.replace(file)
