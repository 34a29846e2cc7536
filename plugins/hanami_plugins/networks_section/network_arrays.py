"""How the arrays of section networks lie in memory, and their names in a state. Plain NumPy, no compute library."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hanami_core.network import Array, NetworkState, Template
from hanami_plugins.networks_section.ranges import Ranges
from hanami_plugins.networks_section.section_layout import (
    FAILURE,
    LANES,
    LARGEST,
    NO_ROW,
    RECORD,
    Floats,
    SectionNet,
)
from hanami_plugins.networks_section.section_settings import SectionSettings

MIN_CAPACITY = 64
LEARNED = ("weights", "bias", "readout", "readout_bias")
"""Arrays that learning changes, as opposed to growing."""
SOURCE_ARRAYS = ("floors", "borders", "limits", "row_of_source")
"""Arrays with a value for each source, which growth changes."""

BORDERS, LIMITS = "borders", "limits"
AVERAGE = "average_"
"""What names of averages in a state begin with."""

_CACHE_LINE = 64


def aligned(size: int, dtype: npt.DTypeLike = np.float32, fill: float = 0) -> Array:
    """Return a flat array that begins at a cache line."""
    bytes_needed = size * np.dtype(dtype).itemsize
    # Zeros take no memory until they are replaced.
    memory = np.zeros(bytes_needed + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    array = memory[start : start + bytes_needed].view(dtype)
    if fill:
        array.fill(fill)
    return array


def padded(array: Array, dtype: npt.DTypeLike, fill: float = 0, padding: int = LANES) -> Array:
    """Return a flat aligned copy with some more elements at its end."""
    result = aligned(array.size + padding, dtype, fill)
    result[: array.size] = array.reshape(-1)
    return result


def starts(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return where each interface begins among the values of all of them."""
    result, position = {}, 0
    for name, size in sizes.items():
        result[name] = position
        position += size
    return result


def lane_starts(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the first lane of each output interface."""
    return starts({name: size + -size % LANES for name, size in sizes.items()})


def spread(
    array: Array,
    old: Mapping[str, int],
    new: Mapping[str, int],
    empty: Array,
    axis: int = 0,
) -> Array:
    """Return `empty` with the values of each interface at their new place."""
    result = np.moveaxis(empty.astype(array.dtype), axis, 0)
    values = np.moveaxis(array, axis, 0)
    old_starts, new_starts = starts(old), starts(new)
    for name, size in old.items():
        begin = new_starts[name]
        result[begin : begin + size] = values[old_starts[name] : old_starts[name] + size]
    return np.ascontiguousarray(np.moveaxis(result, 0, axis))


def new_record(failure: float) -> Floats:
    """Return the moving averages of a network of which only the failures are known."""
    record: Floats = np.zeros(RECORD, np.float32)
    record[FAILURE] = failure
    return record


def blocks_of(template: Template) -> int:
    """Return the number of blocks that a template asks for."""
    return template.settings.of(SectionSettings).blocks


def averages_of(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the averages of a state under the names of what they are averages of."""
    return {name.removeprefix(AVERAGE): array for name, array in arrays.items() if name.startswith(AVERAGE)}


def rows_of(arrays: Mapping[str, Array], name: str) -> int:
    """Return the number of rows of an array of weights that may not be one."""
    weights = arrays.get(name)
    return weights.shape[1] if weights is not None and weights.ndim == 3 else NO_ROW


def inverse_of(borders: Floats) -> Floats:
    """Return 1 / border, 0 for a source that was never active."""
    with np.errstate(divide="ignore", over="ignore"):
        inverse: Floats = np.minimum(np.float32(1) / borders, np.float32(LARGEST))
    inverse[borders == 0] = 0
    return inverse


def ranges_of(net: SectionNet, size: int) -> Ranges:
    """Return the ranges of so many sources of a network, or of a part of one."""
    return Ranges(net.floors[:size], net.borders[:size], net.limits[:size])


def set_ranges(net: SectionNet, ranges: Ranges) -> None:
    """Give the first sources of a network, or of a part of one, new ranges."""
    size = ranges.floors.size
    net.floors[:size], net.borders[:size], net.limits[:size] = ranges
    net.inverse[:] = inverse_of(net.borders)


def with_limits(state: NetworkState) -> dict[str, Array]:
    """Return the arrays of a state; in one that has no limits, each border is at its limit."""
    known = {
        f"{name.removesuffix(BORDERS)}{LIMITS}": np.where(borders > 0, borders, np.float32(LARGEST))
        for name, borders in state.arrays.items()
        if name.endswith(BORDERS)
    }
    return {**({} if state.head.extra.get("ranges") else known), **state.arrays}
