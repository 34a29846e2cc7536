"""How fast a network learns when, and how many cycles come together: part of what it learns, on every host.

Imports no compute library.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "AVERAGE_PERIOD",
    "LAST_RATE",
    "STREAM_RATE",
    "average_share",
    "first_rate",
    "slice_length",
]

YOUTH_RATE = 0.05
YOUTH = 20_000
AGE_RATE = 0.01
"""Learning rate at the begin of a task: highest, up to how many cycles, and lowest, see `first_rate`."""
LAST_RATE = 1e-4
"""Learning rate at the end of a task."""
STREAM_RATE = 0.02
"""Learning rate of single cycles."""
AVERAGE_PERIOD = 500
"""Single cycles after which weights enter the average."""
AVERAGE_SHARE = 0.1
"""Share with which they enter it, once it is old enough."""

SLICE = 64
SLICE_WORK = 1 << 25
"""A slice has up to `SLICE` cycles and about so many multiplications. Part of the definition, because a chunk of
cycles ends with its slice; a run can be interrupted between two slices."""


def first_rate(cycles: int) -> np.float32:
    """Return the rate at the begin of a task for the cycles that the network will have seen at its end.

    It falls with their square root, so that another pass over the same rows refines what the first one found.
    """
    return np.float32(max(AGE_RATE, YOUTH_RATE * math.sqrt(YOUTH / max(cycles, YOUTH))))


def slice_length(work: int, most: int = SLICE_WORK) -> int:
    """Return the cycles of a slice, a power of two, for a network with so many weights in its rows."""
    fitting = max(1, most // max(work, 1))
    return min(SLICE, 1 << fitting.bit_length() - 1)


def average_share(stream: int) -> np.float32:
    """Return the share with which weights enter their average in this cycle of a stream."""
    return np.float32(max(AVERAGE_PERIOD / stream, AVERAGE_SHARE))
