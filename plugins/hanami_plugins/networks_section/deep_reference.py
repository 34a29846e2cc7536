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

import numpy as np
import numpy.typing as npt

from hanami_core.network import Template
from hanami_plugins.networks_section import deep_graph, initial
from hanami_plugins.networks_section.deep_memory import hidden_rows
from hanami_plugins.networks_section.section_layout import FAILURE_DECAY, LARGEST, NO_ROW, WIDTH, Floats
from hanami_plugins.networks_section.section_memory import blocks_of
from hanami_plugins.networks_section.section_reference import ReferenceNetwork
from hanami_plugins.networks_section.weights import share_of, steps_of

f32 = np.float32
Tables = Mapping[str, npt.NDArray[np.generic]]
Active = tuple[npt.NDArray[np.int32], Floats]


class HexagonReference(ReferenceNetwork):
    """A hidden hexagon, which grows and answers like a network of its own.

    Attributes:
        connected: what feeds it and is read from it.
        read: places of the outputs that are read from it among all outputs.
    """

    def __init__(self, template: Template, seed: int, number: int, inputs: Mapping[str, int]) -> None:
        """Make a hexagon that has seen nothing and from which nothing is read."""
        blocks = blocks_of(template)
        self.connected = deep_graph.hexagons(template)[number]
        places = {item.name: place for place, item in enumerate(template.inputs)}
        keys = [initial.keys(seed, initial.INPUT, places[n], inputs[n], number) for n in self.connected.inputs]
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

    def read_from(self, key: npt.NDArray[np.uint32], scale: np.float32, first: int) -> None:
        """Let an output with these keys be read, which begins at place `first`."""
        self.readout = np.concatenate([self.readout, initial.sections(key, len(self.bias), scale)], axis=1)
        self.read += range(first, first + len(key))

    def values(self, tables: Tables, cycle: int) -> Floats:
        """Return the values of a cycle of the inputs that feed the hexagon."""
        return np.concatenate([np.zeros(0, f32), *(tables[name][cycle].astype(f32) for name in self.connected.inputs)])

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

    def run(self, tables: Tables, cycle: int) -> tuple[list[Floats], list[tuple[Active, Active]], Floats]:
        """Return the hidden neurons of each hexagon, what was active before it, and the sums of the outputs."""
        hidden: list[Floats] = []
        active, sums = [], self.readout_bias.copy()
        for hexagon in self.hexagons:
            inputs, below = hexagon.active(hexagon.values(tables, cycle), hidden)
            rows, values = np.concatenate([inputs[0], below[0]]), np.concatenate([inputs[1], below[1]])
            hidden.append(hexagon.hidden(rows, values))
            active.append((inputs, below))
            sums[hexagon.read] += hexagon.read_out(hidden[-1])
        return hidden, active, sums

    def answers(self, tables: Tables) -> Floats:
        """Return the outputs of all cycles."""
        cycles = len(next(iter(tables.values())))
        return np.array([self.squash(self.run(tables, cycle)[2]) for cycle in range(cycles)], f32)

    def learn(
        self,
        tables: Tables,
        expected: npt.NDArray[np.generic],
        rates: tuple[float, float],
        weights: Floats | None = None,
    ) -> None:
        """Train all cycles of a task; all inputs are bytes, or all are not."""
        targets = expected.astype(f32)
        weights = np.ones(len(targets), f32) if weights is None else weights
        for hexagon in self.hexagons:
            if hexagon.connected.inputs:
                hexagon.survey(np.concatenate([tables[name] for name in hexagon.connected.inputs], axis=1))
        for cycle in range(len(targets)):
            for hexagon in self.hexagons:
                hexagon.grow(hexagon.values(tables, cycle))
            steps = steps_of(weights[cycle])
            for step in range(steps):
                hidden, active, sums = self.run(tables, cycle)
                gradient, failed = self.gradient(self.squash(sums), targets[cycle])
                if step == 0:
                    self.failure += f32(FAILURE_DECAY) * (f32(failed) - self.failure)
                if not failed:
                    break
                # The rate goes by the hexagon that receives most, so that a source counts once if it feeds several.
                busiest = max((inputs[1] for inputs, _ in active), key=lambda v: float(np.square(v).sum(dtype=f32)))
                rate = self.rate(cycle, len(targets), busiest, rates) * share_of(weights[cycle], steps)
                self._back(hidden, active, -rate * gradient)

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
