"""A section network in memory: from and to a `NetworkState`, and making room. Plain NumPy, no compute library.

The state holds rows without spare room, so two networks with the same content have the same state whatever their
capacity. Arrays of a state, with S sources (values of all inputs), R rows, B blocks and Q outputs:

=================  =============  =====================================================================
``weights``        (B, R, 64)     sections, float32
``bias``           (B, 64)        float32
``readout``        (B, Q, 64)     float32
``readout_bias``   (Q,)           float32
``floors``         (S,)           float32, see `ranges`
``borders``        (S,)           float32, 0 for a source without a row
``limits``         (S,)           float32, how far borders may rise; in old states they are missing, see `with_limits`
``row_of_source``  (S,)           int32, -1 for a source without a row
``average_…``                     weights, bias, readout, readout_bias averaged over a stream, if there is one
=================  =============  =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest, CorruptFile
from hanami_core.network import Input, NetworkState, Output, StateHead, Template
from hanami_plugins.networks_section import initial
from hanami_plugins.networks_section.interfaces import fitted
from hanami_plugins.networks_section.ranges import Ranges, Surveyed, after_survey
from hanami_plugins.networks_section.section_extra import RANGES, SectionExtra
from hanami_plugins.networks_section.section_layout import (
    FAILURE,
    GROUP,
    LANES,
    LARGEST,
    NO_ROW,
    RECORD,
    SIGMOID,
    SOFTMAX,
    UNUSED,
    WIDTH,
    Floats,
    Ints,
    Records,
    SectionNet,
    Sources,
)
from hanami_plugins.networks_section.section_settings import SectionSettings

NAME = "section"
MAX_INPUTS = 1 << 22
MAX_OUTPUTS = 1 << 16
MIN_CAPACITY = 64
LEARNED = ("weights", "bias", "readout", "readout_bias")
"""Arrays that learning changes, as opposed to growing."""
SOURCE_ARRAYS = ("floors", "borders", "limits", "row_of_source")
"""Arrays with a value for each source, which growth changes."""

BORDERS, LIMITS = "borders", "limits"
AVERAGE = "average_"
"""What names of averages in a state begin with."""
Expected = tuple[str, npt.DTypeLike, tuple[int, ...]]
"""Name, type and shape of an array."""

_CACHE_LINE = 64


def aligned(size: int, dtype: npt.DTypeLike = np.float32, fill: float = 0) -> npt.NDArray[Any]:
    """Return a flat array that begins at a cache line."""
    bytes_needed = size * np.dtype(dtype).itemsize
    memory = np.empty(bytes_needed + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    array = memory[start : start + bytes_needed].view(dtype)
    array.fill(fill)
    return array


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


def new_record(failure: float) -> Floats:
    """Return the moving averages of a network of which only the failures are known."""
    record: Floats = np.zeros(RECORD, np.float32)
    record[FAILURE] = failure
    return record


def blocks_of(template: Template) -> int:
    """Return the number of blocks that a template asks for."""
    return template.settings.of(SectionSettings).blocks


def empty_state(template: Template, seed: int) -> NetworkState:
    """Return the state of a network that has seen nothing."""
    blocks = blocks_of(template)
    arrays = {
        "weights": np.zeros((blocks, 0, WIDTH), np.float32),
        "bias": np.zeros((blocks, WIDTH), np.float32),
        "readout": np.zeros((blocks, 0, WIDTH), np.float32),
        "readout_bias": np.zeros(0, np.float32),
        "floors": np.zeros(0, np.float32),
        "borders": np.zeros(0, np.float32),
        "limits": np.zeros(0, np.float32),
        "row_of_source": np.zeros(0, np.int32),
    }
    return NetworkState(StateHead(NAME, template, seed, extra=msgspec.to_builtins(SectionExtra(ranges=RANGES))), arrays)


class SectionMemory:
    """Arrays of a network for the kernels, and what else the network is.

    Attributes:
        net: what answers and learns.
        average: the same with weights averaged over a stream, or None. Shares all that only growth changes.
        sources: what growth needs.
    """

    def __init__(self, state: NetworkState) -> None:
        """Copy a state that `check` accepts."""
        head, arrays = state.head, with_limits(state)
        self.template, self.seed, self.cycles = head.template, head.seed, head.cycles
        self.settings = head.template.settings.of(SectionSettings)
        self.blocks = self.settings.blocks
        self.inputs, self.outputs = dict(head.inputs), dict(head.outputs)
        self.extra = SectionExtra.of(head)
        self.net = self._build(arrays)
        self.sources = self._build_sources(arrays)
        averages = averages_of(arrays)
        self.average: SectionNet | None = None
        if averages:
            self.average = self._learned(self.net, averages, self.extra.average_failure)

    # Sizes

    @property
    def size(self) -> int:
        """Number of sources."""
        return sum(self.inputs.values())

    @property
    def work(self) -> int:
        """Multiplications of a cycle in which all sources are active."""
        return self.size * self.blocks * WIDTH

    @property
    def rows(self) -> int:
        """Number of rows, each of which is a section in every block of its hexagon."""
        return int(self.sources.count.sum())

    @property
    def lanes(self) -> int:
        """Number of lanes of the outputs."""
        return self.net.readout_bias.size

    @property
    def capacity(self) -> int:
        """Number of rows that there is room for."""
        return self.net.weights.size // (self.blocks * WIDTH)

    @property
    def bytes(self) -> int:
        """SectionMemory that all arrays take."""
        parts = (*self.net, *self.sources, *(self.average or ()))
        return sum({id(part): part.nbytes for part in parts}.values())

    # Building

    def _build(self, arrays: Mapping[str, npt.NDArray[Any]]) -> SectionNet:
        borders = padded(arrays["borders"], np.float32)
        empty = aligned(0)
        frame = SectionNet(
            *(empty, empty, empty, empty),
            floors=padded(arrays["floors"], np.float32),
            borders=borders,
            limits=padded(arrays["limits"], np.float32),
            inverse=inverse_of(borders),
            row_of_source=padded(arrays["row_of_source"], np.int32, NO_ROW),
            groups=self._groups(),
            record=aligned(RECORD),
        )
        return self._learned(frame, arrays, self.extra.failure)

    def _learned(self, frame: SectionNet, arrays: Mapping[str, npt.NDArray[Any]], failure: float) -> SectionNet:
        """Return `frame` with the arrays that are `LEARNED`, given in the shapes of a state."""
        rows = arrays["weights"].shape[1]
        capacity = max(MIN_CAPACITY, 1 << max(rows - 1, 0).bit_length())
        weights = aligned(self.blocks * capacity * WIDTH)
        weights.reshape(self.blocks, capacity, WIDTH)[:, :rows] = arrays["weights"]
        return frame._replace(
            weights=weights,
            bias=padded(arrays["bias"], np.float32, padding=0),
            readout=padded(arrays["readout"], np.float32, padding=0),
            readout_bias=self._in_lanes(arrays["readout_bias"]),
            record=new_record(failure),
        )

    def _in_lanes(self, values: npt.NDArray[Any]) -> Floats:
        """Return the biases of the outputs with each output interface at its lanes."""
        lanes = lane_starts(self.outputs)
        result: Floats = aligned(sum(size + -size % LANES for size in self.outputs.values()), fill=UNUSED)
        for name, start in starts(self.outputs).items():
            size = self.outputs[name]
            result[lanes[name] : lanes[name] + size] = values[start : start + size]
        return result

    def _out_of_lanes(self, values: Floats) -> Floats:
        """Return what `_in_lanes` was given."""
        lanes = lane_starts(self.outputs)
        used = [values[lanes[name] : lanes[name] + size] for name, size in self.outputs.items()]
        return np.concatenate([np.zeros(0, np.float32), *used])

    def _build_sources(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Sources:
        return Sources(
            keys=self._keys(initial.INPUT, self.inputs),
            scale=np.array([initial.row_scale(self.size)], np.float32),
            count=np.array([arrays["weights"].shape[1]], np.int64),
            lanes=aligned(LANES),
        )

    def _keys(self, side: int, sizes: Mapping[str, int], *target: int) -> npt.NDArray[np.uint32]:
        """Return the keys of all values of some inputs or outputs."""
        interfaces: tuple[Input | Output, ...] = (
            self.template.inputs if side == initial.INPUT else self.template.outputs
        )
        places = {item.name: number for number, item in enumerate(interfaces)}
        parts = [initial.keys(self.seed, side, places[name], size, *target) for name, size in sizes.items()]
        return np.concatenate([np.zeros(0, np.uint32), *parts])

    def _groups(self) -> Records:
        lanes, squashing = lane_starts(self.outputs), self.extra.squashing
        groups = [
            (start, self.outputs[name], lanes[name], SOFTMAX if squashing.get(name) == "softmax" else SIGMOID)
            for name, start in starts(self.outputs).items()
        ]
        return np.array(groups, GROUP)

    # Changing

    def see_outputs(self, one_hot: Mapping[str, bool]) -> None:
        """Let the squashing of outputs go by rows that are one-hot or not."""
        if self.extra.see_outputs(one_hot):
            self.net.groups[:] = self._groups()

    def see_survey(self, found: Surveyed) -> None:
        """Let the ranges of the sources go by the rows of a task, see `ranges.after_survey`."""
        set_ranges(self.net, after_survey(ranges_of(self.net, self.size), found))

    def fed(self, values: Floats) -> list[tuple[SectionNet, Floats]]:
        """Return all parts of the network that inputs feed, each with its part of the sources' values."""
        return [(self.net, values)]

    def make_room(self) -> None:
        """Double the capacity."""
        capacity = 2 * self.capacity
        self.net = self._moved(self.net, capacity)
        if self.average is not None:
            self.average = self._moved(self.average, capacity)

    def _moved(self, net: SectionNet, capacity: int) -> SectionNet:
        weights = aligned(self.blocks * capacity * WIDTH)
        old = net.weights.reshape(self.blocks, -1, WIDTH)
        weights.reshape(self.blocks, capacity, WIDTH)[:, : old.shape[1]] = old
        return net._replace(weights=weights)

    def start_average(self) -> None:
        """Let the average begin at what the network is now."""
        learned = {name: getattr(self.net, name).copy() for name in LEARNED}
        self.average = self.net._replace(**learned, record=self.net.record.copy())

    def share_rows(self, before: Ints) -> None:
        """Give the average the rows that were born since `Sources.count` was `before`."""
        first = int(before[0])
        if self.average is not None and first < self.rows:
            old, new = (net.weights.reshape(self.blocks, -1, WIDTH) for net in (self.average, self.net))
            old[:, first : self.rows] = new[:, first : self.rows]

    def resized(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> SectionMemory:
        """Return the network with its interfaces fitted to numbers of values, see `LiveNetwork.resize`."""
        new_inputs = self._sizes("input", [item.name for item in self.template.inputs], self.inputs, inputs)
        new_outputs = self._sizes("output", [item.name for item in self.template.outputs], self.outputs, outputs)
        if new_inputs == self.inputs and new_outputs == self.outputs:
            return self
        state = self.state()
        arrays = state.arrays
        for name, empty in (("floors", 0), ("borders", 0), ("limits", LARGEST), ("row_of_source", NO_ROW)):
            arrays[name] = spread(arrays[name], self.inputs, new_inputs, np.full(sum(new_inputs.values()), empty))
        readout = self._initial_readout(new_outputs)
        for prefix in ("", AVERAGE) if self.average is not None else ("",):
            weights, bias = prefix + "readout", prefix + "readout_bias"
            arrays[weights] = spread(arrays[weights], self.outputs, new_outputs, readout, axis=1)
            arrays[bias] = spread(arrays[bias], self.outputs, new_outputs, np.zeros(sum(new_outputs.values())))
        state.head.inputs, state.head.outputs = new_inputs, new_outputs
        return SectionMemory(state)

    def _sizes(self, what: str, names: list[str], old: dict[str, int], new: Mapping[str, int]) -> dict[str, int]:
        limit = MAX_INPUTS if what == "input" else MAX_OUTPUTS
        sizes = fitted(what, names, old, new, limit)
        if sum(sizes.values()) > limit:
            raise BadRequest("interfaces_size", kind=what, limit=limit)
        return sizes

    def _initial_readout(self, outputs: Mapping[str, int]) -> Floats:
        return initial.sections(self._keys(initial.OUTPUT, outputs), self.blocks, initial.readout_scale(self.blocks))

    # Reading

    def head(self) -> StateHead:
        """Return the description of the network as it is now."""
        self.extra.failure = float(self.net.record[FAILURE])
        if self.average is not None:
            self.extra.average_failure = float(self.average.record[FAILURE])
        extra = msgspec.to_builtins(self.extra)
        return StateHead(NAME, self.template, self.seed, self.cycles, dict(self.inputs), dict(self.outputs), extra)

    def state(self) -> NetworkState:
        """Return a copy of everything."""
        size = self.size
        arrays = {
            **self._copies(self.net, ""),
            "floors": self.net.floors[:size].copy(),
            "borders": self.net.borders[:size].copy(),
            "limits": self.net.limits[:size].copy(),
            "row_of_source": self.net.row_of_source[:size].copy(),
        }
        if self.average is not None:
            arrays |= self._copies(self.average, AVERAGE)
        return NetworkState(self.head(), arrays)

    def _copies(self, net: SectionNet, prefix: str) -> dict[str, npt.NDArray[Any]]:
        return {
            f"{prefix}weights": net.weights.reshape(self.blocks, -1, WIDTH)[:, : self.rows].copy(),
            f"{prefix}bias": net.bias.reshape(self.blocks, WIDTH).copy(),
            f"{prefix}readout": net.readout.reshape(self.blocks, -1, WIDTH).copy(),
            f"{prefix}readout_bias": self._out_of_lanes(net.readout_bias),
        }


def ranges_of(net: SectionNet, size: int) -> Ranges:
    """Return the ranges of so many sources of a network, or of a part of one."""
    return Ranges(net.floors[:size], net.borders[:size], net.limits[:size])


def set_ranges(net: SectionNet, ranges: Ranges) -> None:
    """Give the first sources of a network, or of a part of one, new ranges."""
    size = ranges.floors.size
    net.floors[:size], net.borders[:size], net.limits[:size] = ranges
    net.inverse[:] = inverse_of(net.borders)


def with_limits(state: NetworkState) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a state; in one that has no limits, each border is at its limit."""
    known = {
        f"{name.removesuffix(BORDERS)}{LIMITS}": np.where(borders > 0, borders, np.float32(LARGEST))
        for name, borders in state.arrays.items()
        if name.endswith(BORDERS)
    }
    return {**({} if state.head.extra.get("ranges") else known), **state.arrays}


def inverse_of(borders: Floats) -> Floats:
    """Return 1 / border, 0 for a source that was never active."""
    with np.errstate(divide="ignore", over="ignore"):
        inverse: Floats = np.minimum(np.float32(1) / borders, np.float32(LARGEST))
    inverse[borders == 0] = 0
    return inverse


def padded(array: npt.NDArray[Any], dtype: npt.DTypeLike, fill: float = 0, padding: int = LANES) -> npt.NDArray[Any]:
    """Return a flat aligned copy with some more elements at its end."""
    result = aligned(array.size + padding, dtype, fill)
    result[: array.size] = array.reshape(-1)
    return result


def spread(
    array: npt.NDArray[Any],
    old: Mapping[str, int],
    new: Mapping[str, int],
    empty: npt.NDArray[Any],
    axis: int = 0,
) -> npt.NDArray[Any]:
    """Return `empty` with the values of each interface at their new place."""
    result = np.moveaxis(empty.astype(array.dtype), axis, 0)
    values = np.moveaxis(array, axis, 0)
    old_starts, new_starts = starts(old), starts(new)
    for name, size in old.items():
        begin = new_starts[name]
        result[begin : begin + size] = values[old_starts[name] : old_starts[name] + size]
    return np.ascontiguousarray(np.moveaxis(result, 0, axis))


def averages_of(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the averages of a state under the names of what they are averages of."""
    return {name.removeprefix(AVERAGE): array for name, array in arrays.items() if name.startswith(AVERAGE)}


def check(state: NetworkState) -> None:
    """Raise `CorruptFile` if the arrays of a state contradict its head."""
    check_arrays(state, _expected_arrays(state.head, state.arrays))
    arrays = state.arrays
    check_growth(arrays["borders"], arrays["row_of_source"], 0, arrays["weights"].shape[1])


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


def rows_of(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> int:
    """Return the number of rows of an array of weights that may not be one."""
    weights = arrays.get(name)
    return weights.shape[1] if weights is not None and weights.ndim == 3 else NO_ROW


def _expected_arrays(head: StateHead, arrays: Mapping[str, npt.NDArray[Any]]) -> list[Expected]:
    blocks, sources, outputs = blocks_of(head.template), sum(head.inputs.values()), sum(head.outputs.values())
    rows = rows_of(arrays, "weights")
    learned: dict[str, tuple[int, ...]] = {
        "weights": (blocks, rows, WIDTH),
        "bias": (blocks, WIDTH),
        "readout": (blocks, outputs, WIDTH),
        "readout_bias": (outputs,),
    }
    expected: list[Expected] = [
        ("floors", np.float32, (sources,)),
        ("borders", np.float32, (sources,)),
        ("limits", np.float32, (sources,)),
        ("row_of_source", np.int32, (sources,)),
    ]
    prefixes = ("", AVERAGE) if averages_of(arrays) else ("",)
    return expected + [(p + name, np.float32, shape) for p in prefixes for name, shape in learned.items()]


def check_growth(borders: Floats, row_of_source: npt.NDArray[np.int32], first: int, last: int) -> None:
    """Raise `CorruptFile` if the rows ``first .. last - 1`` do not belong to one source each."""
    used = np.sort(row_of_source[row_of_source != NO_ROW])
    if not np.array_equal(used, np.arange(first, last)):
        raise CorruptFile("the network's rows do not belong to one source each")
    if (borders < 0).any() or not np.array_equal(borders > 0, row_of_source != NO_ROW):
        raise CorruptFile("the network's borders do not fit to its rows")
