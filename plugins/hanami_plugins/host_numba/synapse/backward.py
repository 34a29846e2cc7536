"""Compiled: from the error of the outputs to new weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.layout import SEGMENT
from hanami_plugins.host_numba.simd import (
    LANES,
    Vector,
    lane_sum,
    load,
    multiply,
    multiply_add,
    splat,
    store,
    subtract,
)
from hanami_plugins.host_numba.synapse.forward import AHEAD, reach
from hanami_plugins.host_numba.synapse.growth import cell
from hanami_plugins.host_numba.synapse.layout import (
    COUNT,
    DOUBLE,
    EPSILON,
    FACE,
    FIRST_BLOCK,
    GROUP,
    HEXAGON,
    HIDDEN,
    INPUT,
    INTERFACE,
    KIND,
    LARGEST_WEIGHT,
    LASTING_ACTIVITY,
    LINKS,
    MARK,
    NONE,
    OFFSET,
    OUTPUT,
    RATE,
    ROLE,
    ROW,
    SOURCE,
    SYNAPSES,
    WIDTH,
    Feed,
    Net,
    Neurons,
)
from hanami_plugins.host_numba.synapse.vectors import all_below, bigger_magnitude, compiled, fetch, inlined, where_above

f32 = np.float32
Array = Any


@compiled
def learn_links(net: Net, neurons: Neurons, interface: int) -> bool:
    """Move the links of an output and collect the gradients of their neurons; return whether all weights are sound.

    The gradient is that of half the squared error through the sigmoids of output and neuron.
    """
    sound = True
    lane, count = net.outputs[interface * FACE + 1], net.outputs[interface * FACE + 2]
    for output in range(lane, lane + count):
        value = neurons.values[output]
        step = (value - neurons.expected[output]) * value * (f32(1) - value)
        for place in range(output * LINKS, output * LINKS + LINKS):
            neuron = np.int64(net.links[place])
            if neuron == NONE:
                continue
            weight = net.link_weights[place]
            neurons.deltas[neuron // WIDTH * DOUBLE + neuron % WIDTH] += step * weight
            weight -= f32(RATE) * step * neurons.potentials[net.base + neuron]
            net.link_weights[place] = weight
            sound = sound and abs(weight) < f32(LARGEST_WEIGHT)
    return sound


@compiled
def error(net: Net, neurons: Neurons, feed: Feed, hexagon: int) -> bool:
    """Leave the gradients of an output hexagon's neurons in their deltas; return whether all weights are sound."""
    sound = True
    block = net.hexagons[hexagon * HEXAGON + FIRST_BLOCK]
    while block != NONE:
        neurons.deltas[block * DOUBLE : block * DOUBLE + WIDTH] = f32(0)
        block = net.next_blocks[block]
    interface = net.hexagons[hexagon * HEXAGON + INTERFACE]
    if interface != NONE and feed.expected[interface * SEGMENT + 2] > 0:
        sound = learn_links(net, neurons, interface)
    return sound


@inlined
def scale(net: Net, neurons: Neurons, block: int, output: bool) -> None:
    """Multiply the deltas of a block with the derivatives of its neurons, and write them twice."""
    one = splat(f32(1))
    for n in range(0, WIDTH, LANES):
        delta = load(neurons.deltas, block * DOUBLE + n)
        if output:
            potential = load(neurons.potentials, net.base + block * WIDTH + n)
            delta = multiply(multiply(delta, potential), subtract(one, potential))
        else:
            delta = multiply(delta, load(neurons.slopes, block * WIDTH + n))
        store(neurons.deltas, block * DOUBLE + n, delta)
        store(neurons.deltas, block * DOUBLE + WIDTH + n, delta)


@inlined
def learn_section(net: Net, neurons: Neurons, row: int, q: float, back: bool, largest: Vector) -> Vector:
    """Move the weights that the potential reached; return the largest weight so far.

    Every synapse that was reached learns the whole gradient, however far it was covered. The source gets their sum.
    """
    vector, epsilon, rate = splat(q), splat(f32(EPSILON)), splat(f32(-RATE))
    flow = splat(f32(0))
    at, to = row * ROW, np.int64(net.marks[row * MARK + OFFSET])
    end = to + net.marks[row * MARK + COUNT]
    while to < end and q - net.synapses[at] > f32(EPSILON):
        left = subtract(vector, load(net.synapses, at))
        delta = where_above(left, epsilon, load(neurons.deltas, to))
        weight = load(net.synapses, at + 32)
        if back:
            flow = multiply_add(delta, weight, flow)
        weight = multiply_add(delta, rate, weight)
        store(net.synapses, at + 32, weight)
        largest = bigger_magnitude(largest, weight)
        at += GROUP
        to += LANES
    if back:
        flow_back(net, neurons, row, lane_sum(flow))
    return largest


@inlined
def flow_back(net: Net, neurons: Neurons, row: int, flow: float) -> None:
    """Add a gradient to the delta of a section's source."""
    neuron = np.int64(net.marks[row * MARK + SOURCE]) - net.base
    neurons.deltas[neuron // WIDTH * DOUBLE + neuron % WIDTH] += flow


@compiled
def rate_section(net: Net, neurons: Neurons, row: int, q: float, output: bool) -> None:
    """Raise the activity of synapses that fit the state of their neurons: positive and active, or neither."""
    place = net.marks[row * MARK + OFFSET]
    block, start = place // DOUBLE, place % DOUBLE
    threshold = f32(0.5) if output else f32(0)
    for i in range(net.marks[row * MARK + COUNT]):
        at, activity = cell(row, i), net.activity[row * SYNAPSES + i]
        if q - net.synapses[at] <= f32(EPSILON) or activity == 0 or activity >= LASTING_ACTIVITY:
            continue
        potential = neurons.potentials[net.base + block * WIDTH + (start + i) % WIDTH]
        if (potential > threshold) == (net.synapses[at + 32] > f32(0)):
            net.activity[row * SYNAPSES + i] = activity + 1


@compiled
def clear_removed(net: Net, row: int) -> None:
    """Undo what learning did to synapses that were removed, whose weight stays 0."""
    for i in range(net.marks[row * MARK + COUNT]):
        if net.activity[row * SYNAPSES + i] == 0:
            net.synapses[cell(row, i) + 32] = f32(0)


@compiled
def learn_sections(net: Net, neurons: Neurons, begin: int, end: int, output: bool) -> bool:
    """Move the weights of all sections of a hexagon that had a potential; return whether all weights are sound."""
    largest = splat(f32(0))
    for k in range(begin, end):
        soon = np.int64(neurons.walk_rows[min(k + AHEAD, end - 1)]) * ROW
        fetch(net.synapses, soon)
        fetch(net.synapses, soon + 32)
        row = np.int64(neurons.walk_rows[k])
        q = reach(net, row, neurons.walk_potentials[k])
        if q <= f32(EPSILON):
            continue
        if net.activity.size:
            rate_section(net, neurons, row, q, output)
        if net.marks[row * MARK + KIND] == HIDDEN:
            largest = learn_section(net, neurons, row, q, True, largest)
        else:
            largest = learn_section(net, neurons, row, q, False, largest)
        if net.activity.size:
            clear_removed(net, row)
    return all_below(largest, splat(f32(LARGEST_WEIGHT)))


@compiled
def backward(net: Net, neurons: Neurons, feed: Feed) -> bool:
    """Learn from a cycle; return whether all weights are sound."""
    sound = True
    for hexagon in range(net.hexagons.size // HEXAGON - 1, -1, -1):
        role = net.hexagons[hexagon * HEXAGON + ROLE]
        block = net.hexagons[hexagon * HEXAGON + FIRST_BLOCK]
        if role == INPUT or block == NONE:
            continue
        if role == OUTPUT:
            sound = error(net, neurons, feed, hexagon) and sound
        while block != NONE:
            scale(net, neurons, block, role == OUTPUT)
            block = net.next_blocks[block]
        begin, end = neurons.walks[2 * hexagon], neurons.walks[2 * hexagon + 1]
        sound = learn_sections(net, neurons, begin, end, role == OUTPUT) and sound
    return sound
