"""A synapse network in memory: from and to a `NetworkState`, and making room. Plain NumPy, no compute library.

The state holds no spare room and lists sections by their place, so that two networks which behave the same have the
same state. Arrays of a state with S sections, N synapses, B blocks, K input values and Q inner outputs:

======================  ========  ===================================================================================
``block_hexagon``       (B,)      int32, hexagon of each block in the order of their creation
``section_place``       (S,)      int32, block * 512 + slot, ascending
``section_origin``      (S, 2)    int32, block and neuron of the source, or -1 - number of the input and value
``section_start``       (S,)      uint8, neuron of the first synapse
``section_size``        (S,)      uint8, number of synapses
``section_span``        (S, 2)    float32, lower bound and range of the potential
``section_tolerance``   (S,)      float32
``synapse_border``      (N,)      float32, section after section
``synapse_weight``      (N,)      float32
``synapse_activity``    (N,)      uint8, only with reduction; 0 is a synapse that was removed
``neuron_potential``    (B, 128)  float32
``neuron_refractory``   (B, 128)  uint8
``input_potential``     (K,)      float32
``link_neuron``         (Q, 7)    int32, block * 128 + neuron, or -1
``link_weight``         (Q, 7)    float32
======================  ========  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest
from hanami_core.network import Array, NetworkState, StateHead, Template
from hanami_plugins.networks_section import MAX_INPUTS, MAX_OUTPUTS, fitted, lane_starts, starts
from hanami_plugins.networks_synapse import arrays as allocate
from hanami_plugins.networks_synapse import draws
from hanami_plugins.networks_synapse.synapse_layout import (
    ABLE,
    BLOCK_STRIDE,
    BLOCKS,
    COUNT,
    CYCLES,
    FIRST_BLOCK,
    FREE,
    HEAD_STRIDE,
    HEXAGON_STRIDE,
    INNER,
    INPUT,
    INTERFACE,
    INTERFACE_STRIDE,
    KIND,
    KINDS,
    LAST_BLOCK,
    LINKS,
    LOWER,
    MARK_STRIDE,
    MAX_SECTIONS,
    NEXT,
    NO_MEMORY,
    NONE,
    OUTPUT,
    OWNER,
    PLACE,
    RANGE,
    ROLE,
    SLOTS,
    SOURCE,
    START,
    TARGETS,
    TOLERATED,
    TOP,
    USED_BLOCKS,
    USED_ROWS,
    USED_SYNAPSES,
    WIDTH,
    Ints,
    Neurons,
    SynapseNet,
)
from hanami_plugins.networks_synapse.values import INNER_OUTPUTS

NAME = "synapse"
LANES = 16
FEWEST_ROWS = 64
FEWEST_BLOCKS = 4
Arrays = dict[str, Array]


class SynapseExtra(msgspec.Struct, forbid_unknown_fields=True):
    """What a synapse network notes in the head of its state: whether sections of inner sources may grow."""

    able: bool = False


def inner_sizes(template: Template, outputs: Mapping[str, int]) -> dict[str, int]:
    """Return the number of inner outputs of each output."""
    kinds = {item.name: item.type for item in template.outputs}
    return {name: size * INNER_OUTPUTS[kinds[name]] for name, size in outputs.items()}


def empty_state(template: Template, seed: int) -> NetworkState:
    """Return the state of a network that has seen nothing."""
    arrays: Arrays = {
        "block_hexagon": np.zeros(0, np.int32),
        "section_place": np.zeros(0, np.int32),
        "section_origin": np.zeros((0, 2), np.int32),
        "section_start": np.zeros(0, np.uint8),
        "section_size": np.zeros(0, np.uint8),
        "section_span": np.zeros((0, 2), np.float32),
        "section_tolerance": np.zeros(0, np.float32),
        "synapse_border": np.zeros(0, np.float32),
        "synapse_weight": np.zeros(0, np.float32),
        "neuron_potential": np.zeros((0, WIDTH), np.float32),
        "neuron_refractory": np.zeros((0, WIDTH), np.uint8),
        "input_potential": np.zeros(0, np.float32),
        "link_neuron": np.zeros((0, LINKS), np.int32),
        "link_weight": np.zeros((0, LINKS), np.float32),
    }
    if template.settings.enable_reduction:
        arrays["synapse_activity"] = np.zeros(0, np.uint8)
    return NetworkState(StateHead(NAME, template, seed, extra=msgspec.to_builtins(SynapseExtra())), arrays)


class SynapseMemory:
    """Arrays of a network for the kernels, and what else the network is.

    Attributes:
        net: structure and weights.
        neurons: what cycles change; there is memory for all sections that `net` has room for.
        places: source of the first value of each input.
    """

    def __init__(self, state: NetworkState) -> None:
        """Copy a state that `checks.check` accepts."""
        head, arrays = state.head, state.arrays
        self.template, self.seed = head.template, head.seed
        self.inputs, self.outputs = dict(head.inputs), dict(head.outputs)
        self.inner = inner_sizes(head.template, head.outputs)
        self.places = lane_starts(head.inputs)
        self.base = sum(size + -size % LANES for size in head.inputs.values()) + LANES
        sections, blocks = len(arrays["section_place"]), len(arrays["block_hexagon"])
        self.net = self._empty_net(allocate.room(FEWEST_ROWS, sections), allocate.room(FEWEST_BLOCKS, blocks))
        self.net.counts[CYCLES] = head.cycles
        self.net.counts[ABLE] = msgspec.convert(head.extra, SynapseExtra).able
        self._load_blocks(arrays["block_hexagon"])
        self._load_sections(arrays)
        self._load_links(arrays)
        self.neurons = allocate.for_neurons(self.net)
        self._load_neurons(arrays)

    # Sizes

    @property
    def cycles(self) -> int:
        """Training cycles since creation."""
        return int(self.net.counts[CYCLES])

    @property
    def sections(self) -> int:
        """Number of sections."""
        return int(np.count_nonzero(self.net.slot_rows != NONE))

    @property
    def lanes(self) -> int:
        """Number of lanes of the outputs."""
        return sum(size + -size % LANES for size in self.inner.values())

    # Building

    def _empty_net(self, rows: int, blocks: int) -> SynapseNet:
        settings = self.template.settings
        hexagons, inputs, outputs = self._faces()
        hexagons[:, TARGETS:] = draws.target_lists(self.template, self.seed)
        cooldown = 0 if settings.neuron_cooldown >= NO_MEMORY else settings.neuron_cooldown
        return SynapseNet(
            **allocate.for_rows(rows, settings.enable_reduction),
            **allocate.for_blocks(blocks, self.base),
            hexagons=hexagons.reshape(-1),
            inputs=inputs.reshape(-1),
            outputs=outputs.reshape(-1),
            links=np.full(self.lanes * LINKS, NONE, np.int32),
            link_weights=np.zeros(self.lanes * LINKS, np.float32),
            keys=np.array(draws.keys(self.seed), np.uint32),
            counts=np.zeros(8, np.int64),
            base=self.base,
            cooldown=np.float32(cooldown),
            refractory=settings.refractory_time,
        )

    def _faces(self) -> tuple[Ints, Ints, Ints]:
        hexagons = np.zeros((len(self.template.hexagons), HEXAGON_STRIDE), np.int64)
        hexagons[:, [INTERFACE, FIRST_BLOCK, LAST_BLOCK]] = NONE
        hexagons[:, ROLE] = INNER
        lanes = lane_starts(self.inner)
        inputs, outputs = (
            np.zeros((len(self.inputs), INTERFACE_STRIDE), np.int64),
            np.zeros((len(self.outputs), INTERFACE_STRIDE), np.int64),
        )
        for item in self.template.inputs:
            hexagons[item.hexagon, ROLE] = INPUT
            if item.name in self.inputs:
                number = list(self.inputs).index(item.name)
                hexagons[item.hexagon, INTERFACE] = number
                inputs[number] = item.hexagon, self.places[item.name], self.inputs[item.name], KINDS[item.mode]
        for place, output in enumerate(self.template.outputs):
            hexagons[output.hexagon, ROLE] = OUTPUT
            if output.name in self.outputs:
                number = list(self.outputs).index(output.name)
                hexagons[output.hexagon, INTERFACE] = number
                outputs[number] = output.hexagon, lanes[output.name], self.inner[output.name], place
        return hexagons, inputs, outputs

    def _load_blocks(self, owners: npt.NDArray[np.int32]) -> None:
        hexagons, blocks = self.net.hexagons.reshape(-1, HEXAGON_STRIDE), self.net.blocks.reshape(-1, BLOCK_STRIDE)
        for block, hexagon in enumerate(owners):
            about = hexagons[hexagon]
            blocks[block, NEXT], blocks[block, OWNER] = NONE, hexagon
            if about[BLOCKS]:
                blocks[about[LAST_BLOCK], NEXT] = block
            else:
                about[FIRST_BLOCK] = block
            about[LAST_BLOCK] = block
            about[BLOCKS] += 1
            about[FREE] += SLOTS
        self.net.counts[USED_BLOCKS] = len(owners)

    def _load_sections(self, arrays: Arrays) -> None:
        net, count = self.net, len(arrays["section_place"])
        places, rows = arrays["section_place"], np.arange(count)
        sources = self._sources(arrays["section_origin"])
        net.slot_rows[places], net.slot_sources[places] = rows, sources
        blocks, about = places // SLOTS, net.blocks.reshape(-1, BLOCK_STRIDE)
        np.maximum.at(about[:, TOP], blocks, places % SLOTS + 1)
        np.subtract.at(net.hexagons.reshape(-1, HEXAGON_STRIDE)[:, FREE], about[blocks, OWNER], 1)
        heads, marks = net.heads.reshape(-1, HEAD_STRIDE)[:count], net.marks.reshape(-1, MARK_STRIDE)[:count]
        marks[:, START] = arrays["section_start"]
        marks[:, COUNT], marks[:, PLACE] = arrays["section_size"], places
        marks[:, SOURCE], marks[:, KIND] = sources, self._kinds(sources)
        heads[:, [LOWER, RANGE]], heads[:, TOLERATED] = arrays["section_span"], arrays["section_tolerance"]
        net.counts[USED_ROWS] = count
        net.counts[USED_SYNAPSES] = allocate.load_synapses(net, arrays, marks)

    def _sources(self, origins: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return the sources that origins of a state stand for."""
        firsts = np.array([self.places.get(item.name, 0) for item in self.template.inputs], np.int64)
        places, numbers = origins.T.astype(np.int64)
        inputs = np.maximum(-1 - places, 0)
        sources: Ints = np.where(places >= 0, self.base + places * WIDTH, firsts[inputs]) + numbers
        return sources

    def _kinds(self, sources: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        kinds = np.zeros(len(sources), np.int64)
        for _, begin, count, kind in self.net.inputs.reshape(-1, INTERFACE_STRIDE):
            kinds[(sources >= begin) & (sources < begin + count)] = kind
        return kinds

    def _load_links(self, arrays: Arrays) -> None:
        where = self._lanes_used()
        self.net.links.reshape(-1, LINKS)[where] = arrays["link_neuron"]
        self.net.link_weights.reshape(-1, LINKS)[where] = arrays["link_weight"]

    def _lanes_used(self) -> Ints:
        return _spans(lane_starts(self.inner), self.inner)

    def _values_used(self) -> Ints:
        return _spans(self.places, self.inputs)

    def _load_neurons(self, arrays: Arrays) -> None:
        net, neurons = self.net, self.neurons
        blocks = int(net.counts[USED_BLOCKS])
        neurons.potentials[self._values_used()] = arrays["input_potential"]
        neurons.potentials[self.base : self.base + blocks * WIDTH] = arrays["neuron_potential"].reshape(-1)
        neurons.refractory[: blocks * WIDTH] = arrays["neuron_refractory"].reshape(-1)
        growing = net.hexagons.reshape(-1, HEXAGON_STRIDE)[:, TARGETS] != NONE
        for hexagon, begin, count, _ in net.inputs.reshape(-1, INTERFACE_STRIDE):
            neurons.fresh[begin : begin + count] = growing[hexagon]
        owners = np.repeat(net.blocks.reshape(-1, BLOCK_STRIDE)[:blocks, OWNER], WIDTH)
        neurons.fresh[self.base : self.base + blocks * WIDTH] = growing[owners]
        neurons.fresh[net.slot_sources] = 0

    # Changing

    def make_room(self) -> None:
        """Double the room for sections or blocks, whichever there is too little of.

        Raises:
            BadRequest: if the network has as many sections as are allowed.
        """
        net, cycle = self.net, self.cycles
        rows, blocks = net.marks.size // MARK_STRIDE, net.blocks.size // BLOCK_STRIDE
        if net.counts[USED_ROWS] == rows:
            if rows >= MAX_SECTIONS:
                raise BadRequest("sections_exhausted", sections=rows, cycle=cycle)
            rows = min(2 * rows, MAX_SECTIONS)
        else:
            blocks *= 2
        fresh: Any = {**allocate.for_rows(rows, bool(net.activity.size)), **allocate.for_blocks(blocks, self.base)}
        for name, array in fresh.items():
            old = getattr(net, name)
            array[: old.size] = old
        self.net = net._replace(**fresh)
        before, self.neurons = self.neurons, allocate.for_neurons(self.net)
        for name in Neurons._fields:
            old, new = getattr(before, name), getattr(self.neurons, name)
            new[: old.size] = old

    def resized(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> SynapseMemory:
        """Return the network with its interfaces fitted to numbers of values, see `LiveNetwork.resize`."""
        new_inputs = self._sizes("input", [item.name for item in self.template.inputs], self.inputs, inputs)
        new_outputs = self._sizes("output", [item.name for item in self.template.outputs], self.outputs, outputs)
        if new_inputs == self.inputs and new_outputs == self.outputs:
            return self
        state = self.state()
        new_inner = inner_sizes(self.template, new_outputs)
        for name, old, new, fill in (
            ("input_potential", self.inputs, new_inputs, 0),
            ("link_neuron", self.inner, new_inner, NONE),
            ("link_weight", self.inner, new_inner, 0),
        ):
            state.arrays[name] = _spread(state.arrays[name], old, new, fill)
        state.head.inputs, state.head.outputs = new_inputs, new_outputs
        return SynapseMemory(state)

    def _sizes(self, what: str, names: list[str], old: dict[str, int], new: Mapping[str, int]) -> dict[str, int]:
        limit = MAX_INPUTS if what == "input" else MAX_OUTPUTS
        sizes = fitted(what, names, old, new, limit)
        total = sum(sizes.values()) if what == "input" else sum(inner_sizes(self.template, sizes).values())
        if total > limit:
            raise BadRequest("interfaces_size", kind=what, limit=limit)
        return sizes

    # Reading

    def head(self) -> StateHead:
        """Return the description of the network as it is now."""
        extra = msgspec.to_builtins(SynapseExtra(bool(self.net.counts[ABLE])))
        return StateHead(NAME, self.template, self.seed, self.cycles, dict(self.inputs), dict(self.outputs), extra)

    def state(self) -> NetworkState:
        """Return a copy of everything."""
        net, neurons = self.net, self.neurons
        blocks, places = int(net.counts[USED_BLOCKS]), np.flatnonzero(net.slot_rows != NONE)
        rows = net.slot_rows[places]
        marks, heads = net.marks.reshape(-1, MARK_STRIDE)[rows], net.heads.reshape(-1, HEAD_STRIDE)[rows]
        where = self._lanes_used()
        arrays: Arrays = {
            "block_hexagon": net.blocks.reshape(-1, BLOCK_STRIDE)[:blocks, OWNER].copy(),
            "section_place": places.astype(np.int32),
            "section_origin": self._origins(marks[:, SOURCE]),
            "section_start": marks[:, START].astype(np.uint8),
            "section_size": marks[:, COUNT].astype(np.uint8),
            "section_span": np.ascontiguousarray(heads[:, [LOWER, RANGE]]),
            "section_tolerance": heads[:, TOLERATED],
            **allocate.save_synapses(net, rows),
            "neuron_potential": neurons.potentials[self.base :][: blocks * WIDTH].reshape(blocks, WIDTH).copy(),
            "neuron_refractory": neurons.refractory[: blocks * WIDTH].reshape(blocks, WIDTH).copy(),
            "input_potential": neurons.potentials[self._values_used()],
            "link_neuron": net.links.reshape(-1, LINKS)[where],
            "link_weight": net.link_weights.reshape(-1, LINKS)[where],
        }
        return NetworkState(self.head(), arrays)

    def _origins(self, sources: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        neurons = sources - self.base
        places, numbers = neurons // WIDTH, neurons % WIDTH
        inputs = {item.name: number for number, item in enumerate(self.template.inputs)}
        for name, begin in self.places.items():
            here = (sources >= begin) & (sources < begin + self.inputs[name])
            places[here], numbers[here] = -1 - inputs[name], sources[here] - begin
        return np.stack([places, numbers], axis=1).astype(np.int32)


def _spans(begins: Mapping[str, int], sizes: Mapping[str, int]) -> Ints:
    """Return all places of interfaces that begin at the given ones."""
    parts = [np.arange(begins[name], begins[name] + size) for name, size in sizes.items()]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _spread(array: Array, old: Mapping[str, int], new: Mapping[str, int], fill: float) -> Array:
    """Return the values of each interface at their new place, with `fill` where there are none yet."""
    result = np.full((sum(new.values()), *array.shape[1:]), fill, array.dtype)
    old_starts, new_starts = starts(old), starts(new)
    for name, size in old.items():
        begin = new_starts[name]
        result[begin : begin + size] = array[old_starts[name] : old_starts[name] + size]
    return result
