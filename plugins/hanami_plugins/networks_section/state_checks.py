"""Whether the arrays of a stored section network are what its head says, whatever its hidden hexagons."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.errors import CorruptFile
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.networks_section.network_arrays import LIMITS
from hanami_plugins.networks_section.network_memory import MAX_INPUTS, MAX_OUTPUTS, NAME
from hanami_plugins.networks_section.section_extra import SectionExtra
from hanami_plugins.networks_section.section_layout import NO_ROW, Floats

Expected = tuple[str, npt.DTypeLike, tuple[int, ...]]
"""Name, type and shape of an array."""


def check_arrays(state: NetworkState, expected: Iterable[Expected]) -> None:
    """Raise `CorruptFile` if the head is broken or one of the expected arrays is not there."""
    head, arrays = state.head, state.arrays
    if head.rules != NAME:
        raise CorruptFile(f"the network has the rules '{head.rules}', not '{NAME}'")
    try:
        extra = msgspec.convert(head.extra, SectionExtra)
    except msgspec.ValidationError as error:
        raise CorruptFile(f"the network's head is broken: {error}") from error
    _check_head(head, extra)
    for name, dtype, shape in expected:
        array = arrays.get(name)
        if not extra.ranges and name.endswith(LIMITS):
            continue
        if array is None or array.dtype != dtype or array.shape != shape:
            raise CorruptFile(f"the network's array '{name}' has not the type and shape that the head asks for")
        if dtype == np.float32 and not np.isfinite(array).all():
            raise CorruptFile(f"the network's array '{name}' holds values that are not numbers")
        if name.endswith(LIMITS) and (array <= 0).any():
            raise CorruptFile(f"the network's array '{name}' holds limits that nothing can reach")


def _check_head(head: StateHead, extra: SectionExtra) -> None:
    for sizes, names, limit in (
        (head.inputs, [item.name for item in head.template.inputs], MAX_INPUTS),
        (head.outputs, [item.name for item in head.template.outputs], MAX_OUTPUTS),
    ):
        in_order = [name for name in names if name in sizes] == list(sizes)
        if not in_order or min(sizes.values(), default=1) < 1 or sum(sizes.values()) > limit:
            raise CorruptFile("the network's inputs or outputs are not those of its template")
    numbers = (extra.failure, extra.average_failure)
    if not all(0 <= number <= 1 for number in numbers) or extra.stream < 0 or head.cycles < 0:
        raise CorruptFile("the network's counters are out of range")


def check_growth(borders: Floats, row_of_source: npt.NDArray[np.int32], first: int, last: int) -> None:
    """Raise `CorruptFile` if the rows ``first .. last - 1`` do not belong to one source each."""
    used = np.sort(row_of_source[row_of_source != NO_ROW])
    if not np.array_equal(used, np.arange(first, last)):
        raise CorruptFile("the network's rows do not belong to one source each")
    if (borders < 0).any() or not np.array_equal(borders > 0, row_of_source != NO_ROW):
        raise CorruptFile("the network's borders do not fit to its rows")
