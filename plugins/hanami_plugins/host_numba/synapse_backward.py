"""Compiled: from the error of the outputs to new weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.simd import (
    LANES,
    Vector,
    compiled,
    inlined,
    lane_sum,
    load,
    multiply,
    multiply_add,
    shared,
    splat,
    store,
    subtract,
)
from hanami_plugins.host_numba.synapse_forward import AHEAD, fetch_row, reach
from hanami_plugins.host_numba.synapse_growth import cell
from hanami_plugins.host_numba.synapse_vectors import all_below, bigger_magnitude, peek, where_above
from hanami_plugins.networks_synapse import (
    BLOCK_STRIDE,
    COUNT,
    EPSILON,
    FIRST_BLOCK,
    GROUP,
    GROUPS,
    HEXAGON_STRIDE,
    HIDDEN,
    INPUT,
    INTERFACE,
    INTERFACE_COUNT,
    INTERFACE_FIRST,
    INTERFACE_STRIDE,
    KIND,
    LARGEST_WEIGHT,
    LASTING_ACTIVITY,
    LINKS,
    MARK_STRIDE,
    NEXT,
    NONE,
    OUTPUT,
    PLACE,
    RATE,
    ROLE,
    ROW,
    SLOT_BITS,
    SLOTS,
    SOURCE,
    START,
    SYNAPSES,
    WALK_BEGIN,
    WALK_END,
    WALK_STRIDE,
    WALKS_OFFSET,
    WEIGHT,
    WIDTH,
    IOBinding,
    Neurons,
    SynapseNet,
)

f32 = np.float32
i64: Any = np.int64
Array = Any


@compiled
def learn_links(net: SynapseNet, neurons: Neurons, interface: int, share: float) -> bool:
    """Move the links of an output and collect the gradients of their neurons; return whether all weights are sound.

    The gradient is that of half the squared error through the sigmoids of output and neuron, times what the cycle
    counts.
    """
    sound = True
    lane = net.outputs[interface * INTERFACE_STRIDE + INTERFACE_FIRST]
    count = net.outputs[interface * INTERFACE_STRIDE + INTERFACE_COUNT]
    for output in range(lane, lane + count):
        value = neurons.values[output]
        step = (value - neurons.expected[output]) * value * (f32(1) - value) * share
        for place in range(output * LINKS, output * LINKS + LINKS):
            neuron = i64(net.links[place])
            if neuron == NONE:
                continue
            weight = net.link_weights[place]
            neurons.deltas[neuron] += step * weight
            weight -= f32(RATE) * step * neurons.potentials[net.base + neuron]
            net.link_weights[place] = weight
            sound = sound and abs(weight) < f32(LARGEST_WEIGHT)
    return sound


@compiled
def error(net: SynapseNet, neurons: Neurons, binding: IOBinding, hexagon: int, share: float) -> bool:
    """Leave the gradients of an output hexagon's neurons in their deltas; return whether all weights are sound."""
    sound = True
    block = net.hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK]
    while block != NONE:
        neurons.deltas[block * WIDTH : block * WIDTH + WIDTH] = f32(0)
        block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
    interface = net.hexagons[hexagon * HEXAGON_STRIDE + INTERFACE]
    if interface != NONE and binding.expected[interface].count > 0:
        sound = learn_links(net, neurons, interface, share)
    return sound


@inlined
def scale(net: SynapseNet, neurons: Neurons, block: int, output: bool) -> None:
    """Multiply the deltas of a block with the derivatives of its neurons."""
    one = splat(f32(1))
    for n in range(0, WIDTH, LANES):
        delta = load(neurons.deltas, block * WIDTH + n)
        if output:
            potential = load(neurons.potentials, net.base + block * WIDTH + n)
            delta = multiply(multiply(delta, potential), subtract(one, potential))
        else:
            delta = multiply(delta, load(neurons.slopes, block * WIDTH + n))
        store(neurons.deltas, block * WIDTH + n, delta)


@inlined
def learn_section(synapses: Array, deltas: Array, row: int, first: int, to: int, q: float) -> tuple[Vector, Vector]:
    """Move the weights that the potential reached; return the gradient of the source in 16 parts, and weights' sizes.

    Every synapse that was reached learns the whole gradient, however far it was covered.
    """
    vector, epsilon, rate = splat(q), splat(f32(EPSILON)), splat(f32(-RATE))
    flow, largest = splat(f32(0)), splat(f32(0))
    group = first
    while True:
        at = row * ROW + group * GROUP
        left = subtract(vector, load(synapses, at))
        delta = where_above(left, epsilon, load(deltas, to + group * LANES))
        weight = load(synapses, at + WEIGHT)
        flow = multiply_add(delta, weight, flow)
        weight = multiply_add(delta, rate, weight)
        store(synapses, at + WEIGHT, weight)
        largest = bigger_magnitude(largest, weight)
        group = (group + 1) & (GROUPS - 1)
        if group == first or q - peek(synapses, row * ROW + group * GROUP) <= f32(EPSILON):
            return flow, largest


@compiled
def rate_section(net: SynapseNet, neurons: Neurons, row: int, q: float, output: bool) -> None:
    """Raise the activity of synapses that fit the state of their neurons: positive and active, or neither."""
    begin = net.base + net.marks[row * MARK_STRIDE + PLACE] // SLOTS * WIDTH
    start = net.marks[row * MARK_STRIDE + START]
    threshold = f32(0.5) if output else f32(0)
    for i in range(net.marks[row * MARK_STRIDE + COUNT]):
        at, activity = cell(net.marks, row, i), net.activity[row * SYNAPSES + i]
        if q - net.synapses[at] <= f32(EPSILON) or activity == 0 or activity >= LASTING_ACTIVITY:
            continue
        potential = neurons.potentials[begin + (start + i) % WIDTH]
        if (potential > threshold) == (net.synapses[at + WEIGHT] > f32(0)):
            net.activity[row * SYNAPSES + i] = activity + 1


@compiled
def clear_removed(net: SynapseNet, row: int) -> None:
    """Undo what learning did to synapses that were removed, whose weight stays 0."""
    for i in range(net.marks[row * MARK_STRIDE + COUNT]):
        if net.activity[row * SYNAPSES + i] == 0:
            net.synapses[cell(net.marks, row, i) + WEIGHT] = f32(0)


@compiled
def learn_sections(net: SynapseNet, neurons: Neurons, begin: int, end: int, output: bool) -> bool:
    """Move the weights of all sections of a hexagon that had a potential; return whether all weights are sound."""
    largest = splat(f32(0))
    rating = net.activity.size > 0
    for k in range(begin, end):
        fetch_row(net, neurons, min(k + AHEAD, end - 1))
        row = peek(neurons.walk_rows, k)
        q = reach(net.heads, row, peek(neurons.walk_potentials, k))
        if q <= f32(EPSILON):
            continue
        mark = row * MARK_STRIDE
        if rating:
            rate_section(net, neurons, row, q, output)
        first, to = peek(net.marks, mark + START) >> 4, (peek(net.marks, mark + PLACE) >> SLOT_BITS) * WIDTH
        flow, size = learn_section(net.synapses, neurons.deltas, row, first, to, q)
        largest = bigger_magnitude(largest, size)
        if peek(net.marks, mark + KIND) == HIDDEN:
            neurons.deltas[peek(net.marks, mark + SOURCE) - net.base] += lane_sum(flow)
        if rating:
            clear_removed(net, row)
    return bool(all_below(largest, splat(f32(LARGEST_WEIGHT))))


@shared
def backward(net: SynapseNet, neurons: Neurons, binding: IOBinding, share: float) -> bool:
    """Learn from a cycle, in a step that counts as much as `share`; return whether all weights are sound."""
    sound = True
    for hexagon in range(net.hexagons.size // HEXAGON_STRIDE - 1, -1, -1):
        role = net.hexagons[hexagon * HEXAGON_STRIDE + ROLE]
        block = net.hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK]
        if role == INPUT or block == NONE:
            continue
        if role == OUTPUT:
            sound = error(net, neurons, binding, hexagon, share) and sound
        while block != NONE:
            scale(net, neurons, block, role == OUTPUT)
            block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
        walk = WALKS_OFFSET + hexagon * WALK_STRIDE
        begin, end = neurons.cursor[walk + WALK_BEGIN], neurons.cursor[walk + WALK_END]
        sound = learn_sections(net, neurons, begin, end, role == OUTPUT) and sound
    return sound
