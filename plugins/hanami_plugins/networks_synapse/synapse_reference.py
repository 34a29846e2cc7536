"""The rules in plain NumPy, to be read. What the kernels do is tested against this.

A network is trained or asked cycle by cycle. Wherever rounding could decide whether something grows, the order of
operations is the kernels' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hanami_core.network import Template
from hanami_plugins.networks_section import share_of, steps_of
from hanami_plugins.networks_synapse import draws
from hanami_plugins.networks_synapse.arithmetic import Floats, compress, fused, lane_sum, sigmoid
from hanami_plugins.networks_synapse.synapse_layout import (
    BINARY,
    ENTRIES,
    EPSILON,
    FOR_LINK,
    FOR_SECTION,
    FOR_SPLIT,
    FOR_SYNAPSE,
    HIDDEN,
    KINDS,
    LASTING_ACTIVITY,
    LINK_CHANCE,
    LINKS,
    MATCH,
    NEW_ACTIVITY,
    NO_LIMIT,
    NO_MEMORY,
    NONE,
    RATE,
    REDUCTION_PERIOD,
    ROOM,
    SHRINK_DIVISOR,
    SLOPE,
    SLOTS,
    SYNAPSES,
    TOLERANCE,
    TOLERANCE_DIVISOR,
    WIDTH,
)
from hanami_plugins.networks_synapse.values import INNER_OUTPUTS, decode, encode

f32 = np.float32
NOTHING, UNLIMITED, WIDEST = f32(0), f32(NO_LIMIT), f32(TOLERANCE)
Values = Mapping[str, npt.NDArray[np.float32]]
Wanted = Mapping[int, Floats]
Walks = dict[int, list[tuple["Block", "Section", np.float32]]]

# ---------------------------------------------------------------------------------------------------------------------
# Structure
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Synapse:
    """`border` is what it consumes of a potential, or the value that a match section knows."""

    border: np.float32
    weight: np.float32
    activity: int = NEW_ACTIVITY


@dataclass
class Section:
    """Up to 128 synapses in a slot of a block; `source` is the hexagon and the number in it."""

    source: tuple[int, int]
    kind: int
    start: int
    place: int = 0
    lower: np.float32 = NOTHING
    range: np.float32 = UNLIMITED
    tolerance: np.float32 = WIDEST
    synapses: list[Synapse] = field(default_factory=list)
    full: bool = False

    def reach(self, potential: np.float32) -> np.float32:
        """Return how much of its source's potential the section has to spend."""
        return min(potential - self.lower, self.range)

    def neurons(self) -> npt.NDArray[np.int64]:
        """Return the neuron of its block that each synapse points to."""
        return (self.start + np.arange(len(self.synapses))) % WIDTH

    def begins(self) -> Floats:
        """Return what a potential must exceed to get to each synapse."""
        borders = np.array([synapse.border for synapse in self.synapses], f32)
        if self.kind == BINARY:
            return np.full(len(borders), -np.inf, f32)
        if self.kind == MATCH:
            return np.concatenate([np.array([-np.inf], f32), borders])[:-1]
        return np.concatenate([np.zeros(1, f32), np.add.accumulate(borders, dtype=f32)])[:-1]

    def reached(self, q: np.float32) -> npt.NDArray[np.bool_]:
        """Return for each synapse whether a potential gets there."""
        there = np.array([synapse.activity > 0 for synapse in self.synapses], bool)
        return np.asarray((q - self.begins() > f32(EPSILON)) & there)

    def covered(self, q: np.float32) -> Floats:
        """Return for each synapse how far a potential covers it, 0 to 1."""
        result = np.zeros(len(self.synapses), f32)
        begins = self.begins()
        for i in np.flatnonzero(self.reached(q)):
            border = self.synapses[i].border
            left = q - begins[i]
            result[i] = 1 if self.kind in (BINARY, MATCH) else min(left * (f32(1) / border), f32(1))
        return result

    def grow(self, q: np.float32, state: Iterator[np.float32]) -> bool:
        """Change by a potential; return whether anything has. `state` gives the weights of new synapses."""
        if self.kind == BINARY:
            return False
        if self.kind == MATCH:
            return self._learn_value(q, state)
        changed, begin, i = False, f32(0), 0
        while i < SYNAPSES and q - begin > f32(EPSILON):
            left = q - begin
            if i == len(self.synapses):
                self.synapses.append(Synapse(left, next(state)))
                changed = True
            elif self._shrink(self.synapses[i], left):
                changed = True
            begin += self.synapses[i].border
            i += 1
        self.full = i == SYNAPSES and bool(q - begin > f32(EPSILON))
        return changed

    def _shrink(self, synapse: Synapse, left: np.float32) -> bool:
        if synapse.activity == 0:
            return False
        covered = left * (f32(1) / synapse.border)
        if not f32(0.5) - self.tolerance < covered < f32(0.5) + self.tolerance:
            return False
        synapse.border /= f32(SHRINK_DIVISOR)
        synapse.weight /= f32(SHRINK_DIVISOR)
        self.tolerance /= f32(TOLERANCE_DIVISOR)
        return True

    def _learn_value(self, q: np.float32, state: Iterator[np.float32]) -> bool:
        bigger = next((synapse for synapse in self.synapses if synapse.border >= q), None)
        if bigger is not None:
            bigger.border = q
        elif len(self.synapses) == SYNAPSES - 1:
            self.full = True
        else:
            self.synapses.append(Synapse(q, next(state)))
            return True
        return False


@dataclass
class Block:
    """128 neurons and the sections that point to them, by slot."""

    number: int
    slots: list[Section | None] = field(default_factory=lambda: [None] * SLOTS)
    potential: Floats = field(default_factory=lambda: np.zeros(WIDTH, f32))
    slope: Floats = field(default_factory=lambda: np.zeros(WIDTH, f32))
    delta: Floats = field(default_factory=lambda: np.zeros(WIDTH, f32))
    refractory: npt.NDArray[np.int64] = field(default_factory=lambda: np.ones(WIDTH, np.int64))

    @property
    def sections(self) -> list[Section]:
        """Sections in the order of their slots."""
        return [section for section in self.slots if section is not None]


@dataclass
class Link:
    """From an inner output to a neuron of the output hexagon."""

    block: Block
    neuron: int
    weight: np.float32


class Reference:
    """A network. Sizes are numbers of values as a user sees them, inputs and outputs in the order of the template."""

    def __init__(self, template: Template, seed: int, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Make a network that has seen nothing."""
        self.template, self.keys, self.cycles, self.able = template, draws.keys(seed), 0, False
        self.targets = draws.target_lists(template, seed)
        self.hexagons = range(len(template.hexagons))
        self.inputs = {item.hexagon: item for item in template.inputs}
        self.outputs = {item.hexagon: item for item in template.outputs}
        self.blocks: list[Block] = []
        self.full: list[Section] = []
        self.blocks_of: dict[int, list[Block]] = {hexagon: [] for hexagon in self.hexagons}
        self.values: dict[int, Floats] = {item.hexagon: np.zeros(inputs[item.name], f32) for item in template.inputs}
        self.sections_of: dict[tuple[int, int], int] = {}
        self.links: dict[int, list[list[Link | None]]] = {
            item.hexagon: [[None] * LINKS for _ in range(outputs[item.name] * INNER_OUTPUTS[item.type])]
            for item in template.outputs
        }
        self.inner: dict[int, Floats] = {hexagon: np.zeros(len(links), f32) for hexagon, links in self.links.items()}

    # Cycles

    def train(self, inputs: Values, expected: Values, weight: float = 1) -> None:
        """Run one training cycle, in several steps if it has a big weight."""
        wanted = {
            hexagon: encode(np.asarray(expected[item.name], f32)[None], item.type)[0].astype(f32)
            for hexagon, item in self.outputs.items()
            if item.name in expected
        }
        steps = steps_of(f32(weight))
        for _ in range(steps):
            walks = self._forward(inputs, wanted)
            for section in self.full:
                self._split(section)
            self.full.clear()
            self._backward(walks, wanted, share_of(f32(weight), steps))
        self.cycles += 1
        if self.template.settings.enable_reduction and self.cycles % REDUCTION_PERIOD == 0:
            self._reduce()

    def ask(self, inputs: Values) -> dict[str, Floats]:
        """Run one cycle without training and return the outputs; it changes the potentials of neurons."""
        self._forward(inputs, None)
        return {item.name: decode(self.inner[hexagon][None], item.type)[0] for hexagon, item in self.outputs.items()}

    def potential(self, hexagon: int, number: int) -> np.float32:
        """Return the potential of a source."""
        if hexagon in self.inputs:
            return f32(self.values[hexagon][number])
        return f32(self.blocks_of[hexagon][number // WIDTH].potential[number % WIDTH])

    # Forward

    def _forward(self, inputs: Values, wanted: Wanted | None) -> Walks:
        """Run all hexagons in their order; return for each the sections that had a potential."""
        walks: Walks = {}
        train = wanted is not None
        for hexagon in self.hexagons:
            if hexagon in self.inputs:
                given = np.asarray(inputs[self.inputs[hexagon].name], f32)
                self.values[hexagon][:] = 0
                self.values[hexagon][: len(given)] = np.maximum(given, 0)
            sums = {}
            walks[hexagon] = []
            for block in self.blocks_of[hexagon]:
                walk = [(block, s, self.potential(*s.source)) for s in block.sections]
                walk = [step for step in walk if step[2] > 0]
                walks[hexagon] += walk
                sums[block.number] = self._walk(block, [step[1:] for step in walk], train)
                self._update(hexagon, block, sums[block.number], train)
            if hexagon in self.outputs and sums:
                self._answer(hexagon, None if wanted is None else wanted.get(hexagon))
            if train and hexagon not in self.outputs:
                self._give_sections(hexagon)
        return walks

    def _walk(self, block: Block, walk: list[tuple[Section, np.float32]], train: bool) -> Floats:
        """Let potentials run through the sections of a block, grow, and return the sums of its neurons."""
        sums = np.zeros(WIDTH, f32)
        for section, potential in walk:
            q = section.reach(potential)
            if not q > f32(EPSILON):
                continue
            if train and (section.kind != HIDDEN or self.able):
                self.able |= section.grow(q, self._new_weights(section))
                if section.full:
                    section.full = False
                    self.full.append(section)
            weights = np.array([synapse.weight for synapse in section.synapses], f32)
            sums[section.neurons()] = fused(section.covered(q), weights, sums[section.neurons()])
        return sums

    def _new_weights(self, section: Section) -> Iterator[np.float32]:
        while True:
            number = len(section.synapses)
            yield draws.synapse(draws.derive(self.keys[FOR_SYNAPSE], self.cycles, section.place, number))[2]

    def _update(self, hexagon: int, block: Block, sums: Floats, train: bool) -> None:
        """Let the neurons of a block take their input."""
        if hexagon in self.outputs:
            block.potential = sigmoid(sums)
            return
        settings = self.template.settings
        if settings.refractory_time > 1:
            # The reference halves the counter.
            block.refractory >>= 1
            sums = np.where(block.refractory == 0, sums, f32(0))
            block.refractory[block.refractory == 0] = settings.refractory_time
        if settings.neuron_cooldown < NO_MEMORY:
            sums = block.potential / f32(settings.neuron_cooldown) + sums
        block.potential = compress(sums)
        block.slope = np.where(sums > 0, f32(SLOPE) / (sums + f32(1)), f32(0))
        if train:
            block.delta = np.zeros(WIDTH, f32)

    def _answer(self, hexagon: int, wanted: Floats | None) -> None:
        """Compute the inner outputs of a hexagon; make links where something is expected."""
        number = self.template.outputs.index(self.outputs[hexagon])
        for output, links in enumerate(self.links[hexagon]):
            total = f32(0)
            for j in range(LINKS):
                if wanted is not None and links[j] is None and wanted[output] > 0:
                    links[j] = self._try_link(hexagon, number, output * LINKS + j)
                if (link := links[j]) is not None:
                    total += link.block.potential[link.neuron] * link.weight
            self.inner[hexagon][output] = sigmoid(np.array([total], f32))[0] if total != 0 else 0

    def _try_link(self, hexagon: int, output: int, place: int) -> Link | None:
        draw = draws.derive(self.keys[FOR_LINK], self.cycles, output, place)
        if draw % LINK_CHANCE:
            return None
        draw = draws.scramble(draw)
        block = self.blocks_of[hexagon][draw % len(self.blocks_of[hexagon])]
        draw = draws.scramble(draw)
        potential = block.potential[draw % WIDTH]
        weight = f32(draws.scramble(draw)) * f32(2.0**-31)
        if potential == f32(0.5):
            return None
        return Link(block, draw % WIDTH, -weight if potential < f32(0.5) else weight)

    # Growth

    def _give_sections(self, hexagon: int) -> None:
        """Give all active sources of a hexagon that have none their first section."""
        if self.targets[hexagon][0] == NONE:
            return
        kind = KINDS[self.inputs[hexagon].mode] if hexagon in self.inputs else HIDDEN
        count = len(self.values[hexagon]) if hexagon in self.inputs else WIDTH * len(self.blocks_of[hexagon])
        for number in range(count):
            if self.potential(hexagon, number) > 0 and not self.sections_of.get((hexagon, number)):
                draw = draws.derive(self.keys[FOR_SECTION], self.cycles, hexagon, number)
                target = int(self.targets[hexagon][draw % ENTRIES])
                if self._free(target) < ROOM:
                    self._add_block(target)
                self._place(target, Section((hexagon, number), kind, 0), draw)

    def _free(self, hexagon: int) -> int:
        return sum(section is None for block in self.blocks_of[hexagon] for section in block.slots)

    def _add_block(self, hexagon: int) -> None:
        block = Block(len(self.blocks))
        self.blocks.append(block)
        self.blocks_of[hexagon].append(block)

    def _place(self, hexagon: int, section: Section, draw: int) -> None:
        """Put a section into the lowest free slot of a random block or of those behind it."""
        draw = draws.scramble(draw)
        blocks = self.blocks_of[hexagon]
        first = draw % len(blocks)
        block = next(block for block in blocks[first:] + blocks[:first] if None in block.slots)
        slot = block.slots.index(None)
        block.slots[slot] = section
        section.start, section.place = draws.scramble(draw) % WIDTH, block.number * SLOTS + slot
        self.sections_of[section.source] = self.sections_of.get(section.source, 0) + 1
        if section.kind == BINARY:
            weights = self._new_weights(section)
            for _ in range(SYNAPSES):
                section.synapses.append(Synapse(f32(0), next(weights)))
            self.able = True

    def _split(self, section: Section) -> None:
        """Give the upper part of a full section's range to a new one, if there is a slot for it."""
        hexagon = section.source[0]
        draw = draws.derive(self.keys[FOR_SPLIT], self.cycles, section.place // SLOTS, section.place % SLOTS)
        target = int(self.targets[hexagon][draw % ENTRIES])
        if not self._free(target):
            return
        half = section.begins()[SYNAPSES // 2]
        new = Section(section.source, section.kind, 0, lower=section.lower + half, range=section.range - half)
        section.range = half
        self._place(target, new, draw)
        if self._free(target) < ROOM:
            self._add_block(target)

    # Backward

    def _backward(self, walks: Walks, wanted: Wanted, share: np.float32) -> None:
        for hexagon in reversed(self.hexagons):
            if hexagon in self.outputs:
                self._error(hexagon, wanted.get(hexagon), share)
            else:
                for block in self.blocks_of[hexagon]:
                    block.delta = block.delta * block.slope
            for block, section, potential in walks[hexagon]:
                q = section.reach(potential)
                if q > f32(EPSILON):
                    self._learn(hexagon, block, section, q)

    def _error(self, hexagon: int, wanted: Floats | None, share: np.float32) -> None:
        """Move the links of an output; leave the gradients of its neurons."""
        for block in self.blocks_of[hexagon]:
            block.delta = np.zeros(WIDTH, f32)
        for output, links in enumerate(self.links[hexagon] if wanted is not None else []):
            value = self.inner[hexagon][output]
            step = (value - wanted[output]) * value * (f32(1) - value) * share  # type: ignore[index]
            for link in links:
                if link is not None:
                    link.block.delta[link.neuron] += step * link.weight
                    link.weight -= f32(RATE) * step * link.block.potential[link.neuron]
        for block in self.blocks_of[hexagon]:
            block.delta = block.delta * block.potential * (f32(1) - block.potential)

    def _learn(self, hexagon: int, block: Block, section: Section, q: np.float32) -> None:
        """Move the weights that a potential reached, and send the gradient on to the source."""
        reached, neurons = section.reached(q), section.neurons()
        self._rate(section, reached, block.potential[neurons] > (0.5 if hexagon in self.outputs else 0))
        delta, weights = np.zeros(WIDTH, f32), np.zeros(WIDTH, f32)
        delta[neurons] = np.where(reached, block.delta[neurons], f32(0))
        weights[neurons] = [synapse.weight for synapse in section.synapses]
        for synapse, weight in zip(section.synapses, fused(delta, -RATE, weights)[neurons], strict=True):
            synapse.weight = weight
        if section.kind == HIDDEN:
            flow = np.zeros(16, f32)
            for first in range(section.start // 16 * 16, section.start // 16 * 16 + WIDTH, 16):
                group = slice(first % WIDTH, first % WIDTH + 16)
                flow = fused(delta[group], weights[group], flow)
            source, number = section.source
            self.blocks_of[source][number // WIDTH].delta[number % WIDTH] += lane_sum(flow)

    # Reduction

    def _rate(self, section: Section, reached: npt.NDArray[np.bool_], active: npt.NDArray[np.bool_]) -> None:
        for synapse, there, on in zip(section.synapses, reached.tolist(), active.tolist(), strict=True):
            fits = on == (synapse.weight > 0)
            if there and fits and 0 < synapse.activity < LASTING_ACTIVITY:
                synapse.activity += 1

    def _reduce(self) -> None:
        """Remove synapses that were of no use; a removed one keeps its neuron but consumes and adds nothing."""
        for block in self.blocks:
            for slot, section in enumerate(block.slots):
                if section is None:
                    continue
                before = [synapse.activity for synapse in section.synapses]
                for synapse in section.synapses:
                    self._age(synapse, section.kind)
                removed = 1 in before
                while removed and section.synapses and section.synapses[-1].activity == 0:
                    section.synapses.pop()
                if removed and not section.synapses:
                    block.slots[slot] = None
                    self.sections_of[section.source] -= 1

    @staticmethod
    def _age(synapse: Synapse, kind: int) -> None:
        if 0 < synapse.activity < LASTING_ACTIVITY:
            synapse.activity -= 1
            if synapse.activity == 0:
                synapse.weight = f32(0)
                synapse.border = synapse.border if kind == MATCH else f32(0)
