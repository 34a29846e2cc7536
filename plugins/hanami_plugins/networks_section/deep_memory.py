"""A deep network in memory: from and to a `NetworkState`, and making room. Plain NumPy, no compute library.

Arrays of a state for each hidden hexagon k, with H neurons that feed it, S values of inputs that feed it, R rows, B
blocks and Q values of outputs that are read from it:

====================  =============  ==================================================================
``k.weights``         (B, R, 64)     sections, float32; the rows of the H neurons come first
``k.bias``            (B, 64)        float32
``k.readout``         (B, Q, 64)     float32
``k.floors``          (S,)           float32, see `ranges`; not there if no input feeds it, like the next three
``k.borders``         (S,)           float32, 0 for a source without a row
``k.limits``          (S,)           float32, how far borders may rise
``k.row_of_source``   (S,)           int32, H or more, -1 for a source without a row
``readout_bias``      (all outputs)  float32
``average_…``                        what learning changes, averaged over a stream, if there is one
====================  =============  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.errors import CorruptFile
from hanami_core.network import Array, NetworkState, StateHead, Template
from hanami_plugins.networks_section import deep_graph, initial
from hanami_plugins.networks_section.deep_graph import Hexagon
from hanami_plugins.networks_section.deep_layout import PLACE, DeepNet, part
from hanami_plugins.networks_section.network_arrays import (
    AVERAGE,
    MIN_CAPACITY,
    SOURCE_ARRAYS,
    aligned,
    averages_of,
    blocks_of,
    inverse_of,
    lane_starts,
    new_record,
    ranges_of,
    rows_of,
    set_ranges,
    spread,
    starts,
)
from hanami_plugins.networks_section.network_memory import NAME, Arrays, NetworkMemory
from hanami_plugins.networks_section.ranges import Surveyed, after_survey
from hanami_plugins.networks_section.section_extra import RANGES, SectionExtra
from hanami_plugins.networks_section.section_layout import (
    GROUP,
    LANES,
    LARGEST,
    NO_ROW,
    SIGMOID,
    WIDTH,
    Floats,
    Ints,
    Records,
    SectionNet,
    Sources,
)
from hanami_plugins.networks_section.state_checks import Expected, check_arrays, check_growth


def empty_state(template: Template, seed: int) -> NetworkState:
    """Return the state of a network that has seen nothing."""
    blocks = blocks_of(template)
    arrays: dict[str, Array] = {"readout_bias": np.zeros(0, np.float32)}
    for number, hexagon in enumerate(deep_graph.hexagons(template)):
        arrays[f"{number}.weights"] = hidden_rows(seed, number, hexagon, blocks)
        arrays[f"{number}.bias"] = np.zeros((blocks, WIDTH), np.float32)
        arrays[f"{number}.readout"] = np.zeros((blocks, 0, WIDTH), np.float32)
        if hexagon.inputs:
            arrays[f"{number}.floors"] = np.zeros(0, np.float32)
            arrays[f"{number}.borders"] = np.zeros(0, np.float32)
            arrays[f"{number}.limits"] = np.zeros(0, np.float32)
            arrays[f"{number}.row_of_source"] = np.zeros(0, np.int32)
    return NetworkState(StateHead(NAME, template, seed, extra=msgspec.to_builtins(SectionExtra(ranges=RANGES))), arrays)


def hidden_rows(seed: int, number: int, hexagon: Hexagon, blocks: int) -> Floats:
    """Return the initial rows of the neurons that feed a hexagon, shape (blocks, neurons, 64)."""
    size = blocks * WIDTH
    parts = [initial.keys(seed, initial.HIDDEN, source, size, number) for source in hexagon.hidden]
    keys = np.concatenate([np.zeros(0, np.uint32), *parts])
    return initial.sections(keys, blocks, initial.row_scale(len(keys)))


def chosen(names: tuple[str, ...], sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the sizes of some interfaces, in template order like `names`."""
    return {name: sizes[name] for name in names if name in sizes}


class DeepMemory(NetworkMemory[DeepNet]):
    """A network of several hidden hexagons, each of which is a part that looks like a network of its own.

    Attributes:
        hexagons: hidden hexagons in processing order.
    """

    def __init__(self, state: NetworkState) -> None:
        """Copy a state that `check` accepts."""
        self.hexagons = deep_graph.hexagons(state.head.template)
        super().__init__(state)

    # Sizes

    @property
    def neurons(self) -> int:
        """Number of neurons of a hexagon."""
        return self.blocks * WIDTH

    @property
    def work(self) -> int:
        """Multiplications of a cycle in which all sources are active."""
        return self.neurons * sum(
            len(hexagon.hidden) * self.neurons + sum(chosen(hexagon.inputs, self.inputs).values())
            for hexagon in self.hexagons
        )

    # Building

    def _build(self, arrays: Arrays, spare: int = 0) -> DeepNet:
        places = self._places(arrays, spare)
        size = int(places["sources"]["end"][-1])
        none = aligned(0)
        linked = max(len(hexagon.hidden) for hexagon in self.hexagons) * self.neurons
        frame = DeepNet(
            *(none, none, none, none),
            floors=aligned(size),
            borders=aligned(size),
            limits=aligned(size),
            inverse=aligned(size),
            row_of_source=aligned(size, np.int32, NO_ROW),
            reads=np.concatenate([self._reads(hexagon) for hexagon in self.hexagons]),
            groups=self._groups(),
            origins=np.concatenate([self._origins(hexagon) for hexagon in self.hexagons]),
            places=places,
            labels=np.arange(linked + LANES, dtype=np.int32),
            record=none,
        )
        for number, hexagon in enumerate(self.hexagons):
            if hexagon.inputs:
                _fill_sources(part(frame, number), *(arrays[f"{number}.{name}"] for name in SOURCE_ARRAYS))
        return self._learned(frame, arrays, self.extra.failure)

    def _places(self, arrays: Arrays, spare: int) -> Records:
        """Return where the part of each hexagon lies in each array, see `deep_layout.PLACE`."""
        sizes = [self._part_sizes(number, arrays, spare) for number in range(len(self.hexagons))]
        places = np.zeros(len(sizes), PLACE)
        for name in sizes[0]:
            lengths = [size[name] for size in sizes]
            places[name]["end"] = np.cumsum(lengths)
            places[name]["begin"] = places[name]["end"] - lengths
        return places

    def _part_sizes(self, number: int, arrays: Arrays, spare: int) -> dict[str, int]:
        hexagon = self.hexagons[number]
        hidden, inputs = len(hexagon.hidden) * self.neurons, chosen(hexagon.inputs, self.inputs)
        allocated = arrays[f"{number}.weights"].shape[1] - hidden + spare
        capacity = hidden + (max(MIN_CAPACITY, 1 << max(allocated - 1, 0).bit_length()) if hexagon.inputs else 0)
        outputs = chosen(hexagon.outputs, self.outputs)
        sources = _rounded(sum(inputs.values())) + LANES
        return {
            "weights": self.neurons * capacity,
            "readout": self.neurons * sum(outputs.values()),
            "sources": sources,
            "reads": len(outputs),
            "origins": hidden,
            "entries": hidden + sources,
        }

    def _learned(self, frame: DeepNet, arrays: Arrays, failure: float) -> DeepNet:
        net = frame._replace(
            weights=aligned(int(frame.places["weights"]["end"][-1])),
            bias=aligned(len(self.hexagons) * self.neurons),
            readout=aligned(int(frame.places["readout"]["end"][-1])),
            readout_bias=self._in_lanes(arrays["readout_bias"]),
            record=new_record(failure),
        )
        for number in range(len(self.hexagons)):
            mine, weights = part(net, number), arrays[f"{number}.weights"]
            mine.weights.reshape(self.blocks, -1, WIDTH)[:, : weights.shape[1]] = weights
            mine.bias[:] = arrays[f"{number}.bias"].reshape(-1)
            mine.readout[:] = arrays[f"{number}.readout"].reshape(-1)
        return net

    def _origins(self, hexagon: Hexagon) -> npt.NDArray[np.int32]:
        parts = [source * self.neurons + np.arange(self.neurons, dtype=np.int32) for source in hexagon.hidden]
        return np.concatenate([np.zeros(0, np.int32), *parts])

    def _reads(self, hexagon: Hexagon) -> Records:
        outputs, lanes = chosen(hexagon.outputs, self.outputs), lane_starts(self.outputs)
        return np.array([(start, outputs[n], lanes[n], SIGMOID) for n, start in starts(outputs).items()], GROUP)

    def _build_sources(self, arrays: Arrays) -> Sources:
        keys, sizes = [], [sum(chosen(hexagon.inputs, self.inputs).values()) for hexagon in self.hexagons]
        for number, (hexagon, size) in enumerate(zip(self.hexagons, sizes, strict=True)):
            padding = np.zeros(_rounded(size) + LANES - size, np.uint32)
            keys += [self._keys(initial.INPUT, chosen(hexagon.inputs, self.inputs), number), padding]
        return Sources(
            keys=np.concatenate(keys),
            scale=np.array([initial.row_scale(size) for size in sizes], np.float32),
            count=np.array([arrays[f"{k}.weights"].shape[1] for k in range(len(sizes))], np.int64),
            lanes=aligned(LANES),
        )

    # Changing

    def _mine(self, hexagon: Hexagon, values: Array) -> Array:
        """Return those of the values of all sources that belong to inputs of a hexagon."""
        begins = starts(self.inputs)
        parts = [values[begins[n] : begins[n] + size] for n, size in chosen(hexagon.inputs, self.inputs).items()]
        return np.concatenate(parts)

    def _fed(self) -> list[tuple[Hexagon, SectionNet]]:
        """Return all hexagons with known inputs, and their parts of the network."""
        parts = [(hexagon, part(self.net, number)) for number, hexagon in enumerate(self.hexagons)]
        return [(hexagon, net) for hexagon, net in parts if chosen(hexagon.inputs, self.inputs)]

    def see_survey(self, found: Surveyed) -> None:
        """Let the ranges of the sources go by the rows of a task, see `ranges.after_survey`."""
        for hexagon, net in self._fed():
            mine = found.of(partial(self._mine, hexagon))
            set_ranges(net, after_survey(ranges_of(net, mine.smallest.size), mine))

    def fed(self, values: Floats) -> list[tuple[SectionNet, Floats]]:
        """Return all parts of the network that inputs feed, each with its part of the sources' values."""
        return [(net, self._mine(hexagon, values)) for hexagon, net in self._fed()]

    def make_room(self) -> None:
        """Double the capacity of each hexagon that has no room left."""
        arrays, net, average = self.state().arrays, self.net, self.average
        self.net = self._build(arrays, spare=1)._replace(record=net.record)
        if average is not None:
            self.average = self._learned(self.net, averages_of(arrays), 0)._replace(record=average.record)

    def share_rows(self, before: Ints) -> None:
        """Give the average the rows that were allocated since `Sources.count` was `before`."""
        if self.average is None:
            return
        for number, (first, last) in enumerate(zip(before, self.sources.count, strict=True)):
            old, new = (part(net, number).weights.reshape(self.blocks, -1, WIDTH) for net in (self.average, self.net))
            old[:, first:last] = new[:, first:last]

    def _resize(
        self,
        arrays: dict[str, Array],
        inputs: Mapping[str, int],
        outputs: Mapping[str, int],
        prefixes: tuple[str, ...],
    ) -> None:
        for number in range(len(self.hexagons)):
            self._resize_part(arrays, number, inputs, outputs, prefixes)

    def _resize_part(
        self,
        arrays: dict[str, Array],
        number: int,
        inputs: Mapping[str, int],
        outputs: Mapping[str, int],
        prefixes: tuple[str, ...],
    ) -> None:
        hexagon = self.hexagons[number]
        old, new = chosen(hexagon.inputs, self.inputs), chosen(hexagon.inputs, inputs)
        for name, empty in zip(SOURCE_ARRAYS, (0, 0, LARGEST, NO_ROW), strict=True):
            if hexagon.inputs:
                name = f"{number}.{name}"
                arrays[name] = spread(arrays[name], old, new, np.full(sum(new.values()), empty))
        old, new = chosen(hexagon.outputs, self.outputs), chosen(hexagon.outputs, outputs)
        readout = self._part_readout(number, new)
        for prefix in prefixes:
            name = f"{prefix}{number}.readout"
            arrays[name] = spread(arrays[name], old, new, readout, axis=1)

    def _part_readout(self, number: int, outputs: Mapping[str, int]) -> Floats:
        """Return the initial read-out of a hexagon; an output's scale goes by all hexagons that it is read from."""
        parts = [np.zeros((self.blocks, 0, WIDTH), np.float32)]
        for name, size in outputs.items():
            read = sum(name in hexagon.outputs for hexagon in self.hexagons)
            scale = initial.readout_scale(read * self.blocks)
            parts.append(initial.sections(self._keys(initial.OUTPUT, {name: size}, number), self.blocks, scale))
        return np.concatenate(parts, axis=1)

    # Reading

    def _grown(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        for number, hexagon in enumerate(self.hexagons):
            if hexagon.inputs:
                size, mine = sum(chosen(hexagon.inputs, self.inputs).values()), part(self.net, number)
                arrays |= {f"{number}.{name}": getattr(mine, name)[:size].copy() for name in SOURCE_ARRAYS}
        return arrays

    def _copies(self, net: DeepNet, prefix: str) -> dict[str, Array]:
        arrays: dict[str, Array] = {f"{prefix}readout_bias": self._out_of_lanes(net.readout_bias)}
        for number, rows in enumerate(self.sources.count):
            mine = part(net, number)
            weights = mine.weights.reshape(self.blocks, -1, WIDTH)[:, :rows]
            arrays[f"{prefix}{number}.weights"] = weights.copy()
            arrays[f"{prefix}{number}.bias"] = mine.bias.reshape(self.blocks, WIDTH).copy()
            outputs = sum(chosen(self.hexagons[number].outputs, self.outputs).values())
            arrays[f"{prefix}{number}.readout"] = mine.readout.reshape(self.blocks, outputs, WIDTH).copy()
        return arrays


def _rounded(size: int) -> int:
    return size + -size % LANES


def _fill_sources(
    net: SectionNet, floors: Floats, borders: Floats, limits: Floats, row_of_source: npt.NDArray[np.int32]
) -> None:
    net.floors[: len(floors)] = floors
    net.borders[: len(borders)] = borders
    net.limits[: len(limits)] = limits
    net.row_of_source[: len(borders)] = row_of_source
    net.inverse[:] = inverse_of(net.borders)


def check(state: NetworkState) -> None:
    """Raise `CorruptFile` if the arrays of a state contradict its head."""
    if deep_graph.refused(state.head.template):
        raise CorruptFile("the network's template is not one that its rules run")
    hexagons, neurons = deep_graph.hexagons(state.head.template), blocks_of(state.head.template) * WIDTH
    arrays = state.arrays
    check_arrays(state, _expected(state.head, hexagons, arrays))
    for number, hexagon in enumerate(hexagons):
        if hexagon.inputs:
            borders, rows = arrays[f"{number}.borders"], arrays[f"{number}.row_of_source"]
            check_growth(borders, rows, len(hexagon.hidden) * neurons, arrays[f"{number}.weights"].shape[1])


def _expected(head: StateHead, hexagons: tuple[Hexagon, ...], arrays: Arrays) -> list[Expected]:
    blocks = blocks_of(head.template)
    prefixes = ("", AVERAGE) if averages_of(arrays) else ("",)
    bias = (sum(head.outputs.values()),)
    expected: list[Expected] = [(f"{prefix}readout_bias", np.float32, bias) for prefix in prefixes]
    for number, hexagon in enumerate(hexagons):
        sources = (sum(chosen(hexagon.inputs, head.inputs).values()),)
        outputs = sum(chosen(hexagon.outputs, head.outputs).values())
        hidden = len(hexagon.hidden) * blocks * WIDTH
        rows = max(rows_of(arrays, f"{number}.weights"), hidden) if hexagon.inputs else hidden
        shapes = {"weights": (blocks, rows, WIDTH), "bias": (blocks, WIDTH), "readout": (blocks, outputs, WIDTH)}
        expected += [
            (f"{prefix}{number}.{name}", np.float32, shape) for prefix in prefixes for name, shape in shapes.items()
        ]
        if hexagon.inputs:
            types = (np.float32, np.float32, np.float32, np.int32)
            expected += [(f"{number}.{n}", kind, sources) for n, kind in zip(SOURCE_ARRAYS, types, strict=True)]
    return expected
