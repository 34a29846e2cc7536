"""What kernels of synapse growth do, in plain NumPy, to be read: the reference of the rules, learning in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanami_plugins.networks_synapse.arithmetic import Floats, fused, lane_sum
from hanami_plugins.networks_synapse.synapse_layout import HIDDEN, LINKS, RATE, WIDTH
from hanami_plugins.networks_synapse.synapse_reference import (
    Block,
    Link,
    Reference,
    Section,
    Synapse,
    Values,
    Wanted,
)

f32 = np.float32


class BatchReference(Reference):
    """A network whose weights move after each batch, by the sum of the gradients; it grows by the first cycle only."""

    def learn(
        self, inputs: Sequence[Values], expected: Sequence[Values], rate: np.float32, shares: Sequence[float] = ()
    ) -> None:
        """Run a batch of training cycles with plain outputs."""
        hexagons = {item.name: hexagon for hexagon, item in self.outputs.items()}
        wanted = [{hexagons[name]: np.asarray(v, f32) for name, v in values.items()} for values in expected]
        self._moves: dict[int, tuple[Synapse, np.float32]] = {}
        self._link_moves: dict[int, tuple[Link, np.float32]] = {}
        self._forward(inputs[0], {})
        for number, (values, outputs) in enumerate(zip(inputs, wanted, strict=True)):
            self._forward(values, None)
            self._try_links(outputs, self.cycles + number)
        for section in self.full:
            self._split(section)
        self.full.clear()
        for number, (values, outputs) in enumerate(zip(inputs, wanted, strict=True)):
            walks = self._forward(values, None)
            for block in self.blocks:
                block.delta = np.zeros(WIDTH, f32)
            self._backward(walks, outputs, f32(shares[number] if shares else 1))
        for synapse, gradient in self._moves.values():
            synapse.weight = f32(fused(-rate, gradient, synapse.weight))
        for link, gradient in self._link_moves.values():
            link.weight -= f32(RATE) * gradient
        self.cycles += len(inputs)

    def _try_links(self, wanted: Wanted, cycle: int) -> None:
        present, self.cycles = self.cycles, cycle
        for number, item in enumerate(self.template.outputs):
            for output, links in enumerate(self.links[item.hexagon]):
                for j in range(LINKS):
                    expected = wanted.get(item.hexagon)
                    if links[j] is None and expected is not None and expected[output] > 0:
                        links[j] = self._try_link(item.hexagon, number, output * LINKS + j)
        self.cycles = present

    def _error(self, hexagon: int, wanted: Floats | None, share: np.float32) -> None:
        """Note where links go; leave the gradients of their neurons."""
        for output, links in enumerate(self.links[hexagon] if wanted is not None else []):
            value = self.inner[hexagon][output]
            step = (value - wanted[output]) * value * (f32(1) - value) * share  # type: ignore[index]
            for link in links:
                if link is not None:
                    link.block.delta[link.neuron] += step * link.weight
                    before = self._link_moves.get(id(link), (link, f32(0)))[1]
                    self._link_moves[id(link)] = link, before + step * link.block.potential[link.neuron]
        for block in self.blocks_of[hexagon]:
            block.delta = block.delta * block.potential * (f32(1) - block.potential)

    def _learn(self, hexagon: int, block: Block, section: Section, q: np.float32) -> None:
        """Note where the weights that a potential reached go, and send the gradient on to the source."""
        reached, neurons = section.reached(q), section.neurons()
        delta, weights = np.zeros(WIDTH, f32), np.zeros(WIDTH, f32)
        delta[neurons] = np.where(reached, block.delta[neurons], f32(0))
        weights[neurons] = [synapse.weight for synapse in section.synapses]
        for synapse, there, neuron in zip(section.synapses, reached, neurons, strict=True):
            if there:
                before = self._moves.get(id(synapse), (synapse, f32(0)))[1]
                self._moves[id(synapse)] = synapse, before + block.delta[neuron]
        if section.kind == HIDDEN:
            source, number = section.source
            self.blocks_of[source][number // WIDTH].delta[number % WIDTH] += lane_sum(delta * weights)
