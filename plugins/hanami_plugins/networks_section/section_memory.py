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

from collections.abc import Mapping

import msgspec
import numpy as np

from hanami_core.network import Array, NetworkState, StateHead, Template
from hanami_plugins.networks_section import initial
from hanami_plugins.networks_section.network_arrays import (
    AVERAGE,
    MIN_CAPACITY,
    SOURCE_ARRAYS,
    aligned,
    averages_of,
    blocks_of,
    inverse_of,
    new_record,
    padded,
    ranges_of,
    rows_of,
    set_ranges,
    spread,
)
from hanami_plugins.networks_section.network_memory import NAME, Arrays, NetworkMemory
from hanami_plugins.networks_section.ranges import Surveyed, after_survey
from hanami_plugins.networks_section.section_extra import RANGES, SectionExtra
from hanami_plugins.networks_section.section_layout import (
    LANES,
    LARGEST,
    NO_ROW,
    RECORD,
    WIDTH,
    Floats,
    Ints,
    SectionNet,
    Sources,
)
from hanami_plugins.networks_section.state_checks import Expected, check_arrays, check_growth


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


class SectionMemory(NetworkMemory[SectionNet]):
    """A network of one hidden hexagon."""

    # Sizes

    @property
    def work(self) -> int:
        """Multiplications of a cycle in which all sources are active."""
        return self.size * self.blocks * WIDTH

    @property
    def capacity(self) -> int:
        """Number of rows that there is room for."""
        return self.net.weights.size // (self.blocks * WIDTH)

    # Building

    def _build(self, arrays: Arrays) -> SectionNet:
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

    def _learned(self, frame: SectionNet, arrays: Mapping[str, Array], failure: float) -> SectionNet:
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

    def _build_sources(self, arrays: Mapping[str, Array]) -> Sources:
        return Sources(
            keys=self._keys(initial.INPUT, self.inputs),
            scale=np.array([initial.row_scale(self.size)], np.float32),
            count=np.array([arrays["weights"].shape[1]], np.int64),
            lanes=aligned(LANES),
        )

    # Changing

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

    def share_rows(self, before: Ints) -> None:
        """Give the average the rows that were allocated since `Sources.count` was `before`."""
        first = int(before[0])
        if self.average is not None and first < self.rows:
            old, new = (net.weights.reshape(self.blocks, -1, WIDTH) for net in (self.average, self.net))
            old[:, first : self.rows] = new[:, first : self.rows]

    def _resize(
        self,
        arrays: dict[str, Array],
        inputs: Mapping[str, int],
        outputs: Mapping[str, int],
        prefixes: tuple[str, ...],
    ) -> None:
        for name, empty in zip(SOURCE_ARRAYS, (0, 0, LARGEST, NO_ROW), strict=True):
            arrays[name] = spread(arrays[name], self.inputs, inputs, np.full(sum(inputs.values()), empty))
        readout = self._initial_readout(outputs)
        for prefix in prefixes:
            name = f"{prefix}readout"
            arrays[name] = spread(arrays[name], self.outputs, outputs, readout, axis=1)

    def _initial_readout(self, outputs: Mapping[str, int]) -> Floats:
        return initial.sections(self._keys(initial.OUTPUT, outputs), self.blocks, initial.readout_scale(self.blocks))

    # Reading

    def _copies(self, net: SectionNet, prefix: str) -> dict[str, Array]:
        return {
            f"{prefix}weights": net.weights.reshape(self.blocks, -1, WIDTH)[:, : self.rows].copy(),
            f"{prefix}bias": net.bias.reshape(self.blocks, WIDTH).copy(),
            f"{prefix}readout": net.readout.reshape(self.blocks, -1, WIDTH).copy(),
            f"{prefix}readout_bias": self._out_of_lanes(net.readout_bias),
        }

    def _grown(self) -> dict[str, Array]:
        return {name: getattr(self.net, name)[: self.size].copy() for name in SOURCE_ARRAYS}


def check(state: NetworkState) -> None:
    """Raise `CorruptFile` if the arrays of a state contradict its head."""
    check_arrays(state, _expected_arrays(state.head, state.arrays))
    arrays = state.arrays
    check_growth(arrays["borders"], arrays["row_of_source"], 0, arrays["weights"].shape[1])


def _expected_arrays(head: StateHead, arrays: Mapping[str, Array]) -> list[Expected]:
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
