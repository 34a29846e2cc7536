"""Ranges: from where to where the values of a source count. Plain NumPy, no compute library.

A source has a floor, the smallest value that it has had in training, and a border, the distance from there to the
biggest one: minimum and range of min-max scaling. So a column such as the year or a temperature in Kelvin, which never
comes near 0, is seen in full, and so are negative values. The floor is 0 for bytes, and stays 0 for a source that has
only ever had one value, so that what is always on is active.

A single value that is far too big or too small must not squeeze all others together for good. So a source has a limit
too, above which its border does not rise:

* The rows of a task are surveyed before they are trained. What lies farther from the median of a source than `FENCE`
  times what most of its values do is an outlier; floor and limit are the smallest and the biggest of the others.
* A row of a stream moves a limit by a step: up if it has a value in the upper half or above it, else down. The steps
  balance where one value of six is in the upper half, so that rare outliers pull in vain, and a range that has really
  changed is followed within some ten rows.
* A border far above its limit falls to it: what once was is forgotten, and a spoiled range heals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.compute import Rows
from hanami_core.errors import BadRequest
from hanami_core.network import Array
from hanami_plugins.networks_section.section_layout import LARGEST, Floats

Flags = npt.NDArray[np.bool_]

SURVEYED_VALUES = 1 << 20
"""Values that are looked at at once."""
SAMPLE = 256
"""Rows, evenly spaced, that show how the values of a task lie."""
FENCE = np.float32(5)
"""How many times farther from the median than `COMMON` of the others a value may lie."""
COMMON = 0.8
ENOUGH = 8
"""Values beside the median from which on a sample tells what is common."""
STRANGE = np.float32(4)
"""How many times wider than the widest known source of its input one may be of which too few values are known."""
RISE = 2**0.5
FALL = 2**-0.1
"""What a limit is multiplied with for a value in the upper half of it, and for one below."""
FIRST = np.float32(8)
"""First limit of a source in a stream, in units of its first value."""
FORGET = np.float32(12)
"""How many times wider than its limit a border may be."""
MANY = 128
"""Rows of a task that are enough to forget a range at once."""
UP, DOWN, HALF = np.float32(RISE), np.float32(FALL), np.float32(0.5)
SMALLEST, HIGHEST = np.float32(1e-45), np.float32(LARGEST / 2)
"""Limits of sources that were active are between these two."""


class Ranges(NamedTuple):
    """Ranges of sources. A source of which nothing is known has a border of 0 and `LARGEST` as its limit."""

    floors: Floats
    borders: Floats
    limits: Floats


class Surveyed(NamedTuple):
    """How the values of the sources lie in the rows of a task, outliers left aside.

    Attributes:
        smallest: smallest value, infinite for a source that is not given.
        biggest: biggest value, negatively infinite for a source that is not given.
        varies: whether it has several values, so that its floor may rise if it was never active.
        sure: whether so many values are known that the range can be told from them alone.
        rows: how many rows there are.
        outliers: how many of them have an outlier.
    """

    smallest: Floats
    biggest: Floats
    varies: Flags
    sure: Flags
    rows: int
    outliers: int = 0

    def of(self, choose: Callable[[Array], Array]) -> Surveyed:
        """Return what `choose` leaves of the sources."""
        smallest, biggest, varies, sure = (choose(part) for part in self[:4])
        return Surveyed(smallest, biggest, varies, sure, self.rows)


def after_survey(old: Ranges, found: Surveyed) -> Ranges:
    """Return the ranges with which the rows of a task are trained."""
    floors, borders, limits = old
    active, known = borders > 0, limits < LARGEST
    with np.errstate(over="ignore", invalid="ignore"):
        # Rows with values that are not finite are refused later, with their cycle. A comparison with NaN is false.
        believed = found.sure | ~known | (floors - found.smallest <= limits)
        smallest = np.where(np.isneginf(found.smallest) | ~believed, np.float32(np.inf), found.smallest)
        spread = found.biggest - smallest
        forgotten = found.sure & (borders > FORGET * spread) & (found.rows >= MANY)
        low = np.where(smallest < floors, smallest, floors)
        low = np.where((found.varies & ~active & believed) | forgotten, smallest, low)
        reach = found.biggest - low
        given = np.isfinite(reach) & (reach > 0)
        limits = np.where(known, limits + (floors - low), limits)
        wider = np.maximum(reach, limits * np.float32(FALL ** min(found.rows, 1000)))
        # A range of which too little is known opens by steps, like that of a stream.
        wider = np.where(found.sure, wider, np.minimum(wider, limits * np.float32(RISE ** min(found.rows, 240))))
        limits = np.where(given, np.where(known & ~forgotten, wider, reach), limits)
        limits = np.where(limits < LARGEST, np.clip(limits, SMALLEST, HIGHEST), limits)
        borders = np.where(active, borders + (floors - low), borders)
        borders = np.where(forgotten & active & given, reach, borders)
    return _kept(low, borders, limits)


def after_row(old: Ranges, values: Floats) -> Ranges:
    """Return the ranges with which a row of a stream is trained; its values are finite."""
    floors, borders, limits = old
    with np.errstate(over="ignore"):
        above = values - floors
        away = np.abs(above)
        steps = np.where(away > limits * HALF, UP, DOWN)
        steps[away == 0] = 1
        unknown = limits == LARGEST
        limits = np.clip(limits * steps, SMALLEST, HIGHEST)
        if unknown.any():
            limits = _first_limits(limits, unknown, above)
        if above.min(initial=0) < 0:
            # A floor that was never seen is believed at the third row.
            lower = (above < 0) & (away <= limits) & (limits < LARGEST)
            borders = np.where(lower & (borders > 0), borders + away, borders)
            limits = np.where(lower, limits + away, limits)
            floors = np.where(lower, values, floors)
    return _kept(floors, borders, limits)


def _first_limits(limits: Floats, unknown: Flags, above: Floats) -> Floats:
    """Return the limits after a row with those of sources that are active for the first time."""
    first = np.minimum(np.where(above > 0, FIRST, -HALF) * above, HIGHEST)
    if not unknown.all():
        first = np.minimum(first, STRANGE * limits[~unknown].max())
    return np.where(unknown, np.where(above == 0, np.float32(LARGEST), first), limits)


def _kept(floors: Floats, borders: Floats, limits: Floats) -> Ranges:
    """Return ranges with borders that are not far above their limits."""
    with np.errstate(over="ignore"):
        far = borders > FORGET * limits
    return Ranges(floors, np.where(far, limits, borders) if far.any() else borders, limits)


# ---------------------------------------------------------------------------------------------------------------------
# Survey
# ---------------------------------------------------------------------------------------------------------------------


def survey(rows: Rows, sizes: Mapping[str, int], tick: Callable[[], bool]) -> Surveyed | None:
    """Return how the values lie that are to be trained, for a network with inputs of these sizes.

    Args:
        rows: what is to be trained.
        sizes: number of values of each input.
        tick: called now and then if there is much to look at; False ends the survey, None is returned then.

    Raises:
        BadRequest: if the values of a source are so far apart that their distance is not a number of 32 bits.
    """
    given = {columns.name: columns.values for columns in rows.inputs}
    parts, marked = [], Marked()
    for name, size in sizes.items():
        # What is not given is not read, so it must not change a range.
        low, high = np.full(size, np.inf, np.float32), np.full(size, -np.inf, np.float32)
        varies, sure = np.zeros(size, bool), np.zeros(size, bool)
        if name in given:
            found = look(given[name], name, tick, marked)
            if found is None:
                return None
            width = given[name].shape[1] * rows.time_length
            tiled = [np.tile(part, rows.time_length) for part in found]
            low[:width], high[:width], varies[:width], sure[:width] = tiled
        parts.append((low, high, varies, sure))
    low, high, varies, sure = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Surveyed(low, high, varies, sure, rows.cycles, marked.count())


class Marked:
    """Rows that have an outlier, a bit for each; no memory as long as there is none."""

    def __init__(self) -> None:
        self._bits = np.zeros(0, np.uint8)

    def add(self, first: int, rows: Flags) -> None:
        """Mark rows from number `first` on, a multiple of 8."""
        if rows.any():
            bits, place = np.packbits(rows), first // 8
            missing = place + len(bits) - len(self._bits)
            if missing > 0:
                self._bits = np.concatenate([self._bits, np.zeros(missing, np.uint8)])
            self._bits[place : place + len(bits)] |= bits

    def count(self) -> int:
        """Return how many rows are marked."""
        return int(np.bitwise_count(self._bits).sum())


def look(
    values: Array, name: str, tick: Callable[[], bool], marked: Marked | None = None
) -> tuple[Floats, Floats, Flags, Flags] | None:
    """Return smallest and biggest value of each column, whether it varies, and whether its range is sure.

    Bytes are not looked at: they go from 0 to 255. Rows with an outlier are `marked`.
    """
    width = values.shape[1]
    if values.dtype == np.uint8:
        low, high = np.zeros(width, np.float32), np.full(width, 255, np.float32)
        return low, high, np.zeros(width, bool), np.ones(width, bool)
    found = _extremes(values, tick)
    if found is None:
        return None
    _check_distance(name, *found)
    low, high, sure = fences(_sample(values))
    outside = np.flatnonzero((found[0] < low) | (found[1] > high))
    if outside.size:
        inside = _extremes(values, tick, Fences(outside, low[outside], high[outside], marked or Marked()))
        if inside is None:
            return None
        found[0][outside], found[1][outside] = inside
    return *found, found[0] < found[1], sure


def _sample(values: Array) -> Floats:
    """Return some rows, at most `SURVEYED_VALUES` values."""
    count = min(len(values), SAMPLE, max(2 * ENOUGH, SURVEYED_VALUES // values.shape[1]))
    sample: Floats = values[np.linspace(0, len(values) - 1, count).astype(np.int64)]
    return sample


def fences(sample: Floats) -> tuple[Floats, Floats, Flags]:
    """Return for each column of a sample from where to where its values are not outliers, and whether this is sure."""
    columns = np.sort(np.ascontiguousarray(sample.T), axis=1)
    median = columns[:, (len(sample) - 1) // 2]
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.sort(np.abs(columns - median[:, None]), axis=1)
        others = (away > 0).sum(axis=1)
        sure = others >= ENOUGH
        place = len(sample) - others + (COMMON * (others - 1)).astype(np.int64)
        reach = FENCE * away[np.arange(len(columns)), np.minimum(place, len(sample) - 1)]
        if len(sample) < 2 * ENOUGH:
            reach[~sure] = np.inf
        else:
            # A column that nearly always has the same value; if this is 0, its others may be what those of others are.
            widest = STRANGE * reach[sure].max() / FENCE if sure.any() else np.float32(np.inf)
            reach[~sure] = np.where(median != 0, FENCE * np.abs(median), widest)[~sure]
        return median - reach, median + reach, sure


def _check_distance(name: str, low: Floats, high: Floats) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.isinf(high - low) & np.isfinite(low) & np.isfinite(high)
    if far.any():
        value = int(far.argmax())
        raise BadRequest("values_too_far_apart", interface=name, low=str(low[value]), high=str(high[value]))


class Fences(NamedTuple):
    """Some columns, from where to where their values are not outliers, and what marks rows that have one."""

    columns: npt.NDArray[np.int64]
    least: Floats
    most: Floats
    marked: Marked


def _extremes(values: Array, tick: Callable[[], bool], fences: Fences | None = None) -> tuple[Floats, Floats] | None:
    """Return the smallest and the biggest value of each column, or of some columns those that are not outliers."""
    width = values.shape[1]
    low, high = np.zeros(width, np.float32), np.zeros(width, np.float32)
    step = max(1, SURVEYED_VALUES // width // 8) * 8
    for first in range(0, len(values), step):
        if first and not tick():
            return None
        block = values[first : first + step]
        if fences is None:
            smallest, biggest = block.min(axis=0), block.max(axis=0)
        else:
            chosen = block[:, fences.columns]
            low_enough, high_enough = chosen <= fences.most, chosen >= fences.least
            smallest = np.where(high_enough, chosen, np.float32(np.inf)).min(axis=0)
            biggest = np.where(low_enough, chosen, np.float32(-np.inf)).max(axis=0)
            outside: Any = ~(low_enough & high_enough)
            fences.marked.add(first, outside.any(axis=1))
        low, high = (np.minimum(low, smallest), np.maximum(high, biggest)) if first else (smallest, biggest)
    return low, high
