"""Floors: the value from which those of a source are counted. Plain NumPy, no compute library.

A column such as the year or a temperature in Kelvin never comes near 0. Divided by its border alone, all its values
would be almost 1 and the network would hardly see how they differ; a negative value it would not see at all. So the
floor of a source is the smallest value that it has had in training. It is 0 for bytes, and stays 0 for a source that
has only ever had one value, so that what is always on is active.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core.compute import Rows
from hanami_core.errors import BadRequest
from hanami_plugins.host_numba.layout import Floats

Flags = npt.NDArray[np.bool_]

SURVEYED_VALUES = 1 << 20
"""Values that are looked at at once."""


def lowered(floors: Floats, active: Flags, smallest: Floats, varies: Flags | None = None) -> Floats:
    """Return the new floors of sources.

    Args:
        floors: what they were.
        active: whether a source was ever active; it keeps its floor or gets a lower one.
        smallest: smallest value of the rows that are about to be trained.
        varies: whether a source has several values in these rows; its floor may rise if it was never active.
    """
    # Rows with values that are not finite are refused later, with their cycle. A comparison with NaN is false.
    smallest = np.where(np.isneginf(smallest), np.float32(np.inf), smallest)
    new: Floats = np.where(smallest < floors, smallest, floors)
    return new if varies is None else np.where(varies & ~active, smallest, new)


def survey(rows: Rows, sizes: Mapping[str, int], tick: Callable[[], bool]) -> tuple[Floats, Flags] | None:
    """Return for each source its smallest value and whether it has several, for a network with inputs of these sizes.

    Args:
        rows: what is to be trained.
        sizes: number of values of each input.
        tick: called now and then if there is much to look at; False ends the survey, None is returned then.

    Raises:
        BadRequest: if the values of a source are so far apart that their distance is no number of 32 bits.
    """
    given = {columns.name: columns.values for columns in rows.inputs}
    smallest, varies = [], []
    for name, size in sizes.items():
        # What is not given is not read, so it must not change a floor.
        low, high = np.full(size, np.inf, np.float32), np.full(size, np.inf, np.float32)
        if name in given:
            found = _range(given[name], tick)
            if found is None:
                return None
            _check_distance(name, *found)
            width = given[name].shape[1] * rows.time_length
            low[:width], high[:width] = (np.tile(values, rows.time_length) for values in found)
        smallest.append(low)
        varies.append(low < high)
    return np.concatenate(smallest), np.concatenate(varies)


def _check_distance(name: str, low: Floats, high: Floats) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.isinf(high - low) & np.isfinite(low) & np.isfinite(high)
    if far.any():
        value = int(far.argmax())
        raise BadRequest("values_too_far_apart", interface=name, low=str(low[value]), high=str(high[value]))


def _range(values: npt.NDArray[Any], tick: Callable[[], bool]) -> tuple[Floats, Floats] | None:
    """Return the smallest and the biggest value of each column; 0 for bytes, which are not looked at."""
    width = values.shape[1]
    low, high = np.zeros(width, np.float32), np.zeros(width, np.float32)
    if values.dtype == np.uint8:
        return low, high
    step = max(1, SURVEYED_VALUES // width)
    for first in range(0, len(values), step):
        if first and not tick():
            return None
        block = values[first : first + step]
        smallest, biggest = block.min(axis=0), block.max(axis=0)
        low, high = (np.minimum(low, smallest), np.maximum(high, biggest)) if first else (smallest, biggest)
    return low, high
