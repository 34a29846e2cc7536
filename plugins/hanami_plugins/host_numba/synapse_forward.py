"""Compiled: from input values to outputs, with growth where a cycle trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.section_growth import read_lanes
from hanami_plugins.host_numba.simd import (
    LANES,
    Vector,
    add,
    compiled,
    divide,
    exponential,
    inlined,
    lane_maximum,
    lane_sum,
    load,
    maximum,
    minimum,
    multiply,
    multiply_add,
    shared,
    splat,
    store,
    subtract,
)
from hanami_plugins.host_numba.synapse_growth import derive, extend, scramble, shrink
from hanami_plugins.host_numba.synapse_vectors import (
    any_between,
    append_active,
    fetch,
    logarithm,
    peek,
    where_above,
    where_not_zero,
)
from hanami_plugins.networks_synapse import (
    ABLE,
    BLOCK_STRIDE,
    BLOCKS,
    CYCLES,
    EPSILON,
    FIRST_BLOCK,
    FOR_LINK,
    GROUP,
    GROUPS,
    HEAD_STRIDE,
    HEXAGON_STRIDE,
    HIDDEN,
    INTERFACE,
    INTERFACE_COUNT,
    INTERFACE_FIRST,
    INTERFACE_NUMBER,
    INTERFACE_STRIDE,
    KIND,
    LINK_CHANCE,
    LINKS,
    LOWER,
    MARK_STRIDE,
    NEXT,
    NONE,
    RANGE,
    ROW,
    SHARE,
    SLOPE,
    SLOTS,
    START,
    TOLERATED,
    TOP,
    TOTAL,
    WEIGHT,
    WIDTH,
    IOBinding,
    Neurons,
    SynapseNet,
)

f32 = np.float32
u32 = np.uint32
i64: Any = np.int64
Array = Any

UNREADABLE = -1
"""Instead of whether a hexagon wants sections: an input is not finite."""
AHEAD = 4
"""Sections that are fetched before they are needed."""

# ---------------------------------------------------------------------------------------------------------------------
# Inputs
# ---------------------------------------------------------------------------------------------------------------------


@compiled
def read_input(net: SynapseNet, neurons: Neurons, binding: IOBinding, interface: int, cycle: int) -> int:
    """Take over the values of an input; those that are not above 0 count as 0.

    Returns whether a source wants its first section, or `UNREADABLE`.
    """
    zero = splat(f32(0))
    broken, wanted = zero, zero
    begin = net.inputs[interface * INTERFACE_STRIDE + INTERFACE_FIRST]
    count = net.inputs[interface * INTERFACE_STRIDE + INTERFACE_COUNT]
    neurons.potentials[begin : begin + count] = f32(0)
    for s in range(binding.bounds[interface], binding.bounds[interface + 1]):
        segment = binding.segments[s]
        size, itemsize, source = segment.count, segment.itemsize, segment.source
        address = segment.address + cycle * segment.stride
        for i in range(0, size, LANES):
            raw = read_lanes(address + i * itemsize, itemsize, size - i)
            broken = multiply_add(raw, zero, broken)
            value = maximum(raw, zero)
            wanted = maximum(multiply(value, load(neurons.fresh, source + i)), wanted)
            # Lanes behind the last value are 0: the next segment or the padding of the input comes there.
            store(neurons.potentials, source + i, value)
    if lane_sum(broken) != f32(0):
        return UNREADABLE
    return i64(lane_maximum(wanted) > f32(0))


@shared
def read_expected(net: SynapseNet, neurons: Neurons, binding: IOBinding, cycle: int) -> bool:
    """Take over what the outputs should be; return whether all of it is finite."""
    zero = splat(f32(0))
    broken = zero
    for number in range(net.outputs.size // INTERFACE_STRIDE):
        lane, segment = net.outputs[number * INTERFACE_STRIDE + INTERFACE_FIRST], binding.expected[number]
        size, itemsize = segment.count, segment.itemsize
        address = segment.address + cycle * segment.stride
        if size == 0:
            neurons.expected[lane : lane + net.outputs[number * INTERFACE_STRIDE + INTERFACE_COUNT]] = f32(0)
        for i in range(0, size, LANES):
            values = read_lanes(address + i * itemsize, itemsize, size - i)
            broken = multiply_add(values, zero, broken)
            store(neurons.expected, lane + i, values)
    return lane_sum(broken) == f32(0)


# ---------------------------------------------------------------------------------------------------------------------
# Sections
# ---------------------------------------------------------------------------------------------------------------------


@inlined
def gather(net: SynapseNet, neurons: Neurons, block: int, end: int) -> int:
    """Append the sections of a block whose sources have a potential to the walk; return where it ends."""
    first = block * SLOTS
    for place in range(first, first + peek(net.blocks, block * BLOCK_STRIDE + TOP), LANES):
        end += append_active(
            neurons.potentials, net.slot_sources, net.slot_rows, place, neurons.walk_potentials, neurons.walk_rows, end
        )
    return end


@inlined
def reach(heads: Array, row: int, potential: float) -> float:
    """Return how much of its source's potential a section has to spend."""
    q = potential - peek(heads, row * HEAD_STRIDE + LOWER)
    limit = peek(heads, row * HEAD_STRIDE + RANGE)
    return q if q < limit else limit


@inlined
def coverage(synapses: Array, at: int, q: Vector) -> Vector:
    """Return how far the potential covers each of 16 synapses, 0 to 1."""
    left = subtract(q, load(synapses, at))
    covered = minimum(multiply(left, load(synapses, at + SHARE)), splat(f32(1)))
    return where_above(left, splat(f32(EPSILON)), covered)


@inlined
def contribute(synapses: Array, sums: Array, at: int, to: int, covered: Vector) -> None:
    """Add what 16 synapses contribute to the input of their neurons."""
    store(sums, to, multiply_add(covered, load(synapses, at + WEIGHT), load(sums, to)))


@inlined
def walk(synapses: Array, sums: Array, row: int, first: int, to: int, q: float) -> None:
    """Let a potential run through a section, beginning with the group `first` of its block's neurons.

    The first group is also where the last synapses are, if the section goes all the way round.
    """
    vector = splat(q)
    group = first
    while True:
        at = row * ROW + group * GROUP
        contribute(synapses, sums, at, to + group * LANES, coverage(synapses, at, vector))
        group = (group + 1) & (GROUPS - 1)
        if group == first or q - peek(synapses, row * ROW + group * GROUP) <= f32(EPSILON):
            break


@inlined
def walk_and_grow(net: SynapseNet, neurons: Neurons, row: int, first: int, to: int, q: float) -> None:
    """Let a potential run through a section that may grow by it.

    A synapse can only be covered in part where the potential ends, so at most one of them shrinks at first; what comes
    before it stays as it was. Only the last synapses, in the first group, can be reached thereby after that group had
    its turn.
    """
    vector = splat(q)
    looking = True
    if q - peek(net.heads, row * HEAD_STRIDE + TOTAL) > f32(EPSILON):
        extend(net, neurons, row, q)
        looking = False
    tolerance = peek(net.heads, row * HEAD_STRIDE + TOLERATED)
    low, high = splat(f32(0.5) - tolerance), splat(f32(0.5) + tolerance)
    begin = row * ROW + first * GROUP
    before = splat(f32(0))
    group = first
    while True:
        at = row * ROW + group * GROUP
        covered = coverage(net.synapses, at, vector)
        if looking and any_between(covered, low, high):
            shrink(net, neurons, row, q)
            looking = False
            covered = coverage(net.synapses, at, vector)
            if group != first:
                late = subtract(coverage(net.synapses, begin, vector), before)
                contribute(net.synapses, neurons.sums, begin, to + first * LANES, late)
        if group == first:
            before = covered
        contribute(net.synapses, neurons.sums, at, to + group * LANES, covered)
        group = (group + 1) & (GROUPS - 1)
        if group == first or q - peek(net.synapses, row * ROW + group * GROUP) <= f32(EPSILON):
            break


@inlined
def fetch_row(net: SynapseNet, neurons: Neurons, k: int) -> None:
    """Ask for what a step of the walk will need first."""
    row = peek(neurons.walk_rows, k)
    begin = row * ROW + (peek(net.marks, row * MARK_STRIDE + START) >> 4) * GROUP
    fetch(net.synapses, begin)
    fetch(net.synapses, begin + SHARE)
    fetch(net.synapses, begin + WEIGHT)


@compiled
def walk_all(net: SynapseNet, neurons: Neurons, block: int, begin: int, end: int, train: bool) -> None:
    """Let potentials run through a part of the walk, which lies in a block."""
    to = block * WIDTH
    for k in range(begin, end):
        fetch_row(net, neurons, min(k + AHEAD, end - 1))
        row = peek(neurons.walk_rows, k)
        q = reach(net.heads, row, peek(neurons.walk_potentials, k))
        if q <= f32(EPSILON):
            continue
        first = peek(net.marks, row * MARK_STRIDE + START) >> 4
        if train and (peek(net.marks, row * MARK_STRIDE + KIND) != HIDDEN or peek(net.counts, ABLE) != 0):
            walk_and_grow(net, neurons, row, first, to, q)
        else:
            walk(net.synapses, neurons.sums, row, first, to, q)


# ---------------------------------------------------------------------------------------------------------------------
# Neurons
# ---------------------------------------------------------------------------------------------------------------------


@compiled
def take_inputs(net: SynapseNet, neurons: Neurons, block: int) -> None:
    """Count down the refractory time of a block; neurons whose counter is above 0 lose their input.

    As in the reference the counter is halved, so the time between two inputs is ``floor(log2(time)) + 1`` cycles.
    """
    for n in range(WIDTH):
        left = neurons.refractory[block * WIDTH + n] >> 1
        if left == 0:
            left = net.refractory
        else:
            neurons.sums[block * WIDTH + n] = f32(0)
        neurons.refractory[block * WIDTH + n] = left


@compiled
def fire(net: SynapseNet, neurons: Neurons, block: int) -> int:
    """Compress the input of a block's neurons; return whether one of them wants its first section."""
    zero, one, slope = splat(f32(0)), splat(f32(1)), splat(f32(SLOPE))
    wanted = zero
    if net.refractory > 1:
        take_inputs(net, neurons, block)
    for n in range(0, WIDTH, LANES):
        total = load(neurons.sums, block * WIDTH + n)
        source = net.base + block * WIDTH + n
        if net.cooldown > f32(0):
            total = add(divide(load(neurons.potentials, source), splat(net.cooldown)), total)
        raised = add(total, one)
        potential = where_above(total, zero, logarithm(raised))
        store(neurons.potentials, source, potential)
        store(neurons.slopes, block * WIDTH + n, where_above(total, zero, divide(slope, raised)))
        wanted = maximum(multiply(potential, load(neurons.fresh, source)), wanted)
    return i64(lane_maximum(wanted) > f32(0))


@inlined
def sigmoid(x: Vector) -> Vector:
    """Return 1 / (1 + exp(-x))."""
    one = splat(f32(1))
    return divide(one, add(one, exponential(subtract(splat(f32(0)), x))))


@compiled
def squash(net: SynapseNet, neurons: Neurons, block: int) -> None:
    """Squash the input of a block of an output hexagon."""
    for n in range(0, WIDTH, LANES):
        total = load(neurons.sums, block * WIDTH + n)
        store(neurons.potentials, net.base + block * WIDTH + n, sigmoid(total))


# ---------------------------------------------------------------------------------------------------------------------
# Outputs
# ---------------------------------------------------------------------------------------------------------------------


@compiled
def try_link(net: SynapseNet, neurons: Neurons, hexagon: int, interface: int, output: int, link: int) -> None:
    """Link an output, with some luck, to a random neuron that got input."""
    number = net.outputs[interface * INTERFACE_STRIDE + INTERFACE_NUMBER]
    draw = derive(net.keys[FOR_LINK], net.counts[CYCLES], number, output * LINKS + link)
    if draw % u32(LINK_CHANCE) != u32(0):
        return
    draw = scramble(draw)
    block = net.hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK]
    for _ in range(i64(draw % u32(net.hexagons[hexagon * HEXAGON_STRIDE + BLOCKS]))):
        block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
    draw = scramble(draw)
    neuron = block * WIDTH + i64(draw % u32(WIDTH))
    potential = neurons.potentials[net.base + neuron]
    if potential != f32(0.5):
        weight = f32(scramble(draw)) * f32(2.0**-31)
        place = (net.outputs[interface * INTERFACE_STRIDE + INTERFACE_FIRST] + output) * LINKS + link
        net.links[place] = neuron
        net.link_weights[place] = -weight if potential < f32(0.5) else weight


@compiled
def answer(net: SynapseNet, neurons: Neurons, hexagon: int, train: bool) -> None:
    """Compute the outputs of a hexagon; an output without links is 0."""
    interface = net.hexagons[hexagon * HEXAGON_STRIDE + INTERFACE]
    if interface == NONE:
        return
    lane = net.outputs[interface * INTERFACE_STRIDE + INTERFACE_FIRST]
    count = net.outputs[interface * INTERFACE_STRIDE + INTERFACE_COUNT]
    for output in range(count):
        total = f32(0)
        for link in range(LINKS):
            place = (lane + output) * LINKS + link
            if train and net.links[place] == NONE and neurons.expected[lane + output] > f32(0):
                try_link(net, neurons, hexagon, interface, output, link)
            if net.links[place] != NONE:
                total += neurons.potentials[net.base + net.links[place]] * net.link_weights[place]
        neurons.values[lane + output] = total
    for i in range(lane, lane + count, LANES):
        total_lanes = load(neurons.values, i)
        store(neurons.values, i, where_not_zero(total_lanes, sigmoid(total_lanes)))
