"""Section growth with several hidden hexagons: clusters whose hexagons form a flow from inputs to outputs.

Each hidden hexagon between inputs and outputs owns as many blocks of 64 neurons as the template asks for. Who feeds
whom is what `Topology.targets` says, with distances and axons:

* An input value that is active for the first time grows a section into every hidden hexagon that its hexagon reaches,
  where its value is divided by its border, as in a cluster with one hidden hexagon.
* A hidden neuron has a section in every hidden hexagon that its own reaches. A section whose source is silent changes
  nothing and learns nothing, so it does not matter that these are laid down when the network is made. Values of hidden
  neurons are passed on as they are: initial weights are scaled to keep them in range, and a border, which only ever
  rises, was measured to cost half a percent of accuracy.
* An output is read from all hidden hexagons that reach its own. Who reaches an output over no hidden hexagon at all
  is refused.

Growing into every reachable hexagon instead of one that is drawn is measured, too: one epoch of MNIST with two and
three hidden hexagons and distances 2 and 3 ends 0.2 to 0.4 % better.

A cycle runs through the hexagons in their order, forward and backward, and is learned before the next one begins. One
thread trains; requests are split over all threads.

This module is the definition in plain NumPy, cycle by cycle, that the kernels are tested against; `deep_graph` is the
way from a template to hexagons. What a deep network shares with one of a single hidden hexagon is taken from
`section_reference`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from hanami_core.network import Array, Template
from hanami_plugins.networks_section import deep_graph, initial
from hanami_plugins.networks_section.deep_memory import hidden_rows
from hanami_plugins.networks_section.network_arrays import SOURCE_ARRAYS, blocks_of, starts
from hanami_plugins.networks_section.ranges import Surveyed
from hanami_plugins.networks_section.section_layout import LARGEST, NO_ROW, WIDTH, CycleSpan, Floats
from hanami_plugins.networks_section.section_reference import Arrays, ReferenceNetwork
from hanami_plugins.networks_section.weights import share_of, steps_of, weight_of

f32 = np.float32
Active = tuple[npt.NDArray[np.int32], Floats]


class HexagonReference(ReferenceNetwork):
    """A hidden hexagon, which grows and answers like a network of its own.

    Attributes:
        connected: what feeds it and is read from it.
        columns: places of the inputs that feed it among all inputs.
        read: places of the outputs that are read from it among all outputs.
    """

    def __init__(self, template: Template, seed: int, number: int, inputs: Mapping[str, int]) -> None:
        """Make a hexagon that has seen nothing and from which nothing is read."""
        blocks = blocks_of(template)
        self.connected = deep_graph.hexagons(template)[number]
        places = {item.name: place for place, item in enumerate(template.inputs)}
        keys = [initial.keys(seed, initial.INPUT, places[n], inputs[n], number) for n in self.connected.inputs]
        begins = starts(inputs)
        columns = [begins[name] + np.arange(inputs[name]) for name in self.connected.inputs]
        self.columns = np.concatenate([np.zeros(0, np.int64), *columns])
        self._keys = np.concatenate([np.zeros(0, np.uint32), *keys])
        self._scale = initial.row_scale(len(self._keys))
        self.weights = hidden_rows(seed, number, self.connected, blocks)
        self.bias = np.zeros((blocks, WIDTH), f32)
        self.floors = np.zeros(len(self._keys), f32)
        self.borders = np.zeros(len(self._keys), f32)
        self.limits = np.full(len(self._keys), LARGEST, f32)
        self.row_of_source = np.full(len(self._keys), NO_ROW, np.int32)
        self.readout = np.zeros((blocks, 0, WIDTH), f32)
        self.read: list[int] = []

    @property
    def stored(self) -> tuple[str, ...]:
        """Names of the arrays that a state has of the hexagon."""
        return ("weights", "bias", "readout", *(SOURCE_ARRAYS if self.connected.inputs else ()))

    @property
    def work(self) -> int:
        """Multiplications of a cycle in which everything that feeds the hexagon is active."""
        return (len(self._keys) + len(self.connected.hidden) * self.bias.size) * self.bias.size

    def read_from(self, key: npt.NDArray[np.uint32], scale: np.float32, first: int) -> None:
        """Let an output with these keys be read, which begins at place `first`."""
        self.readout = np.concatenate([self.readout, initial.sections(key, len(self.bias), scale)], axis=1)
        self.read += range(first, first + len(key))

    def active(self, values: Floats, hidden: Sequence[Floats]) -> tuple[Active, Active]:
        """Return rows and values of the active inputs, and of the active neurons that feed the hexagon."""
        below = np.concatenate([np.zeros(0, f32), *(hidden[source].reshape(-1) for source in self.connected.hidden)])
        rows = np.flatnonzero(below > 0).astype(np.int32)
        return self.sources(values), (rows, below[rows])


class DeepReference(ReferenceNetwork):
    """A network of several hidden hexagons.

    Attributes:
        hexagons: hidden hexagons in processing order.
        outputs: size of each output, and whether it is squashed by softmax.
        readout_bias: (outputs).
        failure: moving average of cycles that were not answered with confidence.
    """

    def __init__(
        self, template: Template, seed: int, inputs: Mapping[str, int], outputs: Sequence[tuple[int, bool]]
    ) -> None:
        """Make a network that has seen nothing, with outputs in template order."""
        count = len(deep_graph.hexagons(template))
        self.hexagons = [HexagonReference(template, seed, number, inputs) for number in range(count)]
        self.outputs = tuple(outputs)
        self.failure = f32(1)
        first = 0
        for place, (item, (size, _)) in enumerate(zip(template.outputs, outputs, strict=True)):
            readers = [number for number, h in enumerate(self.hexagons) if item.name in h.connected.outputs]
            scale = initial.readout_scale(len(readers) * blocks_of(template))
            for number in readers:
                key = initial.keys(seed, initial.OUTPUT, place, size, number)
                self.hexagons[number].read_from(key, scale, first)
            first += size
        self.readout_bias = np.zeros(first, f32)

    def arrays(self) -> dict[str, Array]:
        """Return all arrays, no copies, by their names in a state."""
        parts = [(number, hexagon.arrays()) for number, hexagon in enumerate(self.hexagons)]
        named = {f"{number}.{name}": array for number, arrays in parts for name, array in arrays.items()}
        return {"readout_bias": self.readout_bias, **named}

    def load(self, arrays: Arrays) -> None:
        """Take over copies of the arrays of a state."""
        self.readout_bias = arrays["readout_bias"].copy()
        for number, hexagon in enumerate(self.hexagons):
            hexagon.load({name: arrays[f"{number}.{name}"] for name in hexagon.stored})

    @property
    def work(self) -> int:
        """Multiplications of a cycle in which all sources and neurons are active."""
        return sum(hexagon.work for hexagon in self.hexagons)

    def run(self, row: Floats) -> tuple[list[Floats], list[tuple[Active, Active]], Floats]:
        """Return the hidden neurons of each hexagon, what was active before it, and the sums of the outputs."""
        hidden: list[Floats] = []
        active, sums = [], self.readout_bias.copy()
        for hexagon in self.hexagons:
            inputs, below = hexagon.active(row[hexagon.columns], hidden)
            rows, values = np.concatenate([inputs[0], below[0]]), np.concatenate([inputs[1], below[1]])
            hidden.append(hexagon.hidden(rows, values))
            active.append((inputs, below))
            sums[hexagon.read] += hexagon.read_out(hidden[-1])
        return hidden, active, sums

    def answer(self, table: npt.NDArray[np.generic]) -> Floats:
        """Return the outputs of all rows of a table."""
        return np.array([self.squash(self.run(row)[2]) for row in table.astype(f32)], f32)

    def survey(self, table: npt.NDArray[np.generic]) -> None:
        """Let the ranges of the sources go by the rows of a task, which are bytes in all columns or in none."""
        for hexagon in self.hexagons:
            if len(hexagon.columns):
                hexagon.survey(table[:, hexagon.columns])

    def see_survey(self, found: Surveyed) -> None:
        """Let the ranges of the sources go by what was found in the rows of a task."""
        for hexagon in self.hexagons:
            if len(hexagon.columns):
                hexagon.see_survey(found.of(itemgetter(hexagon.columns)))

    def see_row(self, values: Floats) -> tuple[int, int]:
        """Let the ranges of the sources go by a row of a stream; a source counts for each hexagon that it feeds."""
        found = [h.see_row(values[h.columns]) for h in self.hexagons if len(h.columns)]
        return sum(active for active, _ in found), sum(beyond for _, beyond in found)

    def learn(self, table: Floats, targets: Floats, span: CycleSpan) -> None:
        """Grow and learn by some cycles of a task, see `ReferenceNetwork.learn`; slices mean nothing here."""
        for cycle, row, expected in zip(range(span.first, span.last), table, targets, strict=True):
            for hexagon in self.hexagons:
                hexagon.grow(row[hexagon.columns])
            weight = weight_of(span.weights, cycle)
            steps = steps_of(weight)
            for step in range(steps):
                hidden, active, sums = self.run(row)
                gradient, failed = self.judge(sums, expected, cycle, step)
                if not failed:
                    break
                # The rate goes by the hexagon that receives most, so that a source counts once if it feeds several.
                busiest = max((inputs[1] for inputs, _ in active), key=lambda v: float(np.square(v).sum(dtype=f32)))
                self._back(hidden, active, -self.rate(cycle, busiest, span) * share_of(weight, steps) * gradient)

    def _back(self, hidden: list[Floats], active: list[tuple[Active, Active]], step: Floats) -> None:
        self.readout_bias += step
        steps = [np.zeros_like(neurons) for neurons in hidden]
        for number in reversed(range(len(self.hexagons))):
            hexagon, (inputs, below), mine = self.hexagons[number], active[number], step[self.hexagons[number].read]
            back = steps[number] + np.einsum("q,bqw->bw", mine, hexagon.readout)
            back = np.where(hidden[number] > 0, back, f32(0))
            hexagon.readout += mine[None, :, None] * hidden[number][:, None, :]
            hexagon.bias += back
            neurons = np.zeros(len(hexagon.connected.hidden) * back.size, f32)
            neurons[below[0]] = np.einsum("brw,bw->r", hexagon.weights[:, below[0]], back)
            for source, part in zip(hexagon.connected.hidden, neurons.reshape(-1, *back.shape), strict=True):
                steps[source] += part
            for rows, values in (inputs, below):
                hexagon.weights[:, rows] += values[None, :, None] * back[:, None, :]
