"""Compiled: let the ranges of sources go by a row of a stream. `ranges.after_row` says the same in plain NumPy."""

from __future__ import annotations

import numpy as np

from hanami_plugins.host_numba.simd import kernel
from hanami_plugins.networks_section import LARGEST, Floats, ranges

f32 = np.float32
DOWN, FORGET, HALF, UP = ranges.DOWN, ranges.FORGET, ranges.HALF, ranges.UP
FIRST, HIGHEST, SMALLEST, STRANGE = ranges.FIRST, ranges.HIGHEST, ranges.SMALLEST, ranges.STRANGE
UNKNOWN = np.float32(LARGEST)


@kernel
def see_row(floors: Floats, borders: Floats, limits: Floats, inverse: Floats, values: Floats) -> tuple[int, int]:
    """Move the ranges of the sources with these values, which are finite.

    Returns how many of them are not at their floor, and how many of these are beyond their limit.
    """
    widest, new = f32(0), 0
    active, beyond = 0, 0
    for i in range(values.size):
        limit, away = limits[i], abs(values[i] - floors[i])
        if limit == UNKNOWN:
            new += away > f32(0)
            continue
        if away > f32(0):
            limit = min(max(limit * (UP if away > limit * HALF else DOWN), SMALLEST), HIGHEST)
            limits[i] = limit
        widest = max(widest, limit)
    for i in range(values.size):
        above = values[i] - floors[i]
        away = abs(above)
        if new and limits[i] == UNKNOWN and away > f32(0):
            first = min(away * (FIRST if above > f32(0) else HALF), HIGHEST)
            limits[i] = first if widest == f32(0) else min(first, widest * STRANGE)
        if above < f32(0) and away <= limits[i] and limits[i] < UNKNOWN:
            if borders[i] > f32(0):
                borders[i] += away
                inverse[i] = min(f32(1) / borders[i], f32(LARGEST))
            limits[i] += away
            floors[i] = values[i]
        if borders[i] > limits[i] * FORGET:
            borders[i] = limits[i]
            inverse[i] = min(f32(1) / limits[i], f32(LARGEST))
        active += away > f32(0)
        beyond += away > limits[i]
    return active, beyond
