"""What section networks with one hidden hexagon and with several have in common in memory.

Plain NumPy, no compute library. How many hidden hexagons there are and how they lie in memory is not known here:
`section_memory` and `deep_memory` say it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest
from hanami_core.network import Array, Input, NetworkState, Output, StateHead
from hanami_plugins.networks_section import initial
from hanami_plugins.networks_section.deep_layout import DeepNet
from hanami_plugins.networks_section.interfaces import fitted
from hanami_plugins.networks_section.network_arrays import (
    AVERAGE,
    LEARNED,
    aligned,
    averages_of,
    lane_starts,
    spread,
    starts,
    with_limits,
)
from hanami_plugins.networks_section.ranges import Surveyed
from hanami_plugins.networks_section.section_extra import SectionExtra
from hanami_plugins.networks_section.section_layout import (
    FAILURE,
    GROUP,
    LANES,
    SIGMOID,
    SOFTMAX,
    UNUSED,
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
Arrays = Mapping[str, Array]
Net = TypeVar("Net", SectionNet, DeepNet)


class NetworkMemory(ABC, Generic[Net]):
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
        self.net: Net = self._build(arrays)
        self.sources = self._build_sources(arrays)
        averages = averages_of(arrays)
        self.average: Net | None = None
        if averages:
            self.average = self._learned(self.net, averages, self.extra.average_failure)

    # Sizes

    @property
    def size(self) -> int:
        """Number of sources."""
        return sum(self.inputs.values())

    @property
    @abstractmethod
    def work(self) -> int:
        """Multiplications of a cycle in which all sources are active."""

    @property
    def rows(self) -> int:
        """Number of rows, each of which is a section in every block of its hexagon."""
        return int(self.sources.count.sum())

    @property
    def lanes(self) -> int:
        """Number of lanes of the outputs."""
        return self.net.readout_bias.size

    @property
    def bytes(self) -> int:
        """Bytes that all arrays take."""
        parts = (*self.net, *self.sources, *(self.average or ()))
        return sum({id(part): part.nbytes for part in parts}.values())

    # Building

    @abstractmethod
    def _build(self, arrays: Arrays) -> Net:
        """Return a network of the arrays of a state."""

    @abstractmethod
    def _learned(self, frame: Net, arrays: Arrays, failure: float) -> Net:
        """Return `frame` with the arrays that are `LEARNED`, given in the shapes of a state."""

    @abstractmethod
    def _build_sources(self, arrays: Arrays) -> Sources:
        """Return what growth needs."""

    def _in_lanes(self, values: Array) -> Floats:
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
        used: list[Floats] = [values[lanes[name] : lanes[name] + size] for name, size in self.outputs.items()]
        return np.concatenate([np.zeros(0, np.float32), *used])

    def _keys(self, side: int, sizes: Mapping[str, int], *target: int) -> npt.NDArray[np.uint32]:
        """Return the keys of all values of some inputs or outputs."""
        interfaces: tuple[Input | Output, ...] = (
            self.template.inputs if side == initial.INPUT else self.template.outputs
        )
        places = {item.name: number for number, item in enumerate(interfaces)}
        parts: list[npt.NDArray[np.uint32]] = [
            initial.keys(self.seed, side, places[name], size, *target) for name, size in sizes.items()
        ]
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

    @abstractmethod
    def see_survey(self, found: Surveyed) -> None:
        """Let the ranges of the sources go by the rows of a task, see `ranges.after_survey`."""

    @abstractmethod
    def fed(self, values: Floats) -> list[tuple[SectionNet, Floats]]:
        """Return all parts of the network that inputs feed, each with its part of the sources' values."""

    @abstractmethod
    def make_room(self) -> None:
        """Make room for more rows where there is none left."""

    def start_average(self) -> None:
        """Let the average begin at what the network is now."""
        learned = {name: getattr(self.net, name).copy() for name in LEARNED}
        self.average = self.net._replace(**learned, record=self.net.record.copy())

    @abstractmethod
    def share_rows(self, before: Ints) -> None:
        """Give the average the rows that were allocated since `Sources.count` was `before`."""

    def resized(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Self:
        """Return the network with its interfaces fitted to numbers of values, see `LiveNetwork.resize`."""
        new_inputs = self._sizes("input", [item.name for item in self.template.inputs], self.inputs, inputs)
        new_outputs = self._sizes("output", [item.name for item in self.template.outputs], self.outputs, outputs)
        if new_inputs == self.inputs and new_outputs == self.outputs:
            return self
        state = self.state()
        prefixes = ("", AVERAGE) if self.average is not None else ("",)
        self._resize(state.arrays, new_inputs, new_outputs, prefixes)
        bias = np.zeros(sum(new_outputs.values()))
        for prefix in prefixes:
            name = f"{prefix}readout_bias"
            state.arrays[name] = spread(state.arrays[name], self.outputs, new_outputs, bias)
        state.head.inputs, state.head.outputs = new_inputs, new_outputs
        return type(self)(state)

    @abstractmethod
    def _resize(
        self,
        arrays: dict[str, Array],
        inputs: Mapping[str, int],
        outputs: Mapping[str, int],
        prefixes: tuple[str, ...],
    ) -> None:
        """Fit the arrays of a state to other sizes of the interfaces, all but the biases of the outputs.

        `prefixes` is what the names of those that are learned begin with: there may be averages of them.
        """

    def _sizes(self, what: str, names: list[str], old: dict[str, int], new: Mapping[str, int]) -> dict[str, int]:
        limit = MAX_INPUTS if what == "input" else MAX_OUTPUTS
        sizes = fitted(what, names, old, new, limit)
        if sum(sizes.values()) > limit:
            raise BadRequest("interfaces_size", kind=what, limit=limit)
        return sizes

    # Reading

    def answering(self) -> Net:
        """Return the weights that have failed less of late.

        Averages are better in the long run; the present weights are if the stream has just become another one.
        """
        average, present = self.average, self.net
        return average if average is not None and average.record[FAILURE] < present.record[FAILURE] else present

    def head(self) -> StateHead:
        """Return the description of the network as it is now."""
        self.extra.failure = float(self.net.record[FAILURE])
        if self.average is not None:
            self.extra.average_failure = float(self.average.record[FAILURE])
        extra = msgspec.to_builtins(self.extra)
        return StateHead(NAME, self.template, self.seed, self.cycles, dict(self.inputs), dict(self.outputs), extra)

    def state(self) -> NetworkState:
        """Return a copy of everything."""
        arrays = self._copies(self.net, "") | self._grown()
        if self.average is not None:
            arrays |= self._copies(self.average, AVERAGE)
        return NetworkState(self.head(), arrays)

    @abstractmethod
    def _copies(self, net: Net, prefix: str) -> dict[str, Array]:
        """Return copies of the arrays that are `LEARNED`, in the shapes of a state."""

    @abstractmethod
    def _grown(self) -> dict[str, Array]:
        """Return copies of the arrays with a value for each source, `SOURCE_ARRAYS`, in the shapes of a state."""
