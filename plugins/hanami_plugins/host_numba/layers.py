"""Compiled: the two layers of a network, forward and backward, for one cycle and one block of hidden neurons.

`section_reference` says the same in plain NumPy. A sum over blocks is always taken in the order of the blocks, so
that it does not matter which thread works on which block.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hanami_plugins.host_numba.section_growth import read_lanes
from hanami_plugins.host_numba.simd import (
    LANES,
    add,
    compiled,
    divide,
    element,
    exponential,
    inlined,
    lane_maximum,
    lane_sum,
    load,
    maximum,
    multiply,
    multiply_add,
    splat,
    store,
    subtract,
    where_positive,
)
from hanami_plugins.networks_section import (
    ACCURACY,
    ENERGY_BASE,
    ENERGY_HIGH,
    ENERGY_LOW,
    GRADED_FACTOR,
    LOSS,
    SCORE_DECAY,
    SCORED,
    SMOOTHING,
    SOFTMAX,
    WIDTH,
    WRONG,
    CycleSpan,
    SectionNet,
)

f32 = np.float32
Array = Any


@inlined
def base_of(net: SectionNet, block: int) -> int:
    """Return where the rows of a block begin in the weights."""
    return block * (net.weights.size // net.bias.size) * WIDTH


@inlined
def begin_block(net: SectionNet, block: int, hidden: Array, to: int) -> None:
    """Write the biases of a block to ``hidden[to:to + 64]``."""
    for i in range(0, WIDTH, LANES):
        store(hidden, to + i, load(net.bias, block * WIDTH + i))


@inlined
def add_rows(
    net: SectionNet, base: int, rows: Array, values: Array, first: int, last: int, hidden: Array, to: int
) -> None:
    """Add ``value * row`` of the active sources ``first .. last - 1`` of the block at `base` to the hidden neurons."""
    h0, h1, h2, h3 = load(hidden, to), load(hidden, to + 16), load(hidden, to + 32), load(hidden, to + 48)
    for i in range(first, last):
        w = base + np.int64(element(rows, i)) * WIDTH
        x = splat(element(values, i))
        h0 = multiply_add(x, load(net.weights, w), h0)
        h1 = multiply_add(x, load(net.weights, w + 16), h1)
        h2 = multiply_add(x, load(net.weights, w + 32), h2)
        h3 = multiply_add(x, load(net.weights, w + 48), h3)
    store(hidden, to, h0)
    store(hidden, to + 16, h1)
    store(hidden, to + 32, h2)
    store(hidden, to + 48, h3)


@inlined
def rectify(hidden: Array, to: int) -> None:
    """Replace what is below 0 in ``hidden[to:to + 64]``."""
    for i in range(to, to + WIDTH, LANES):
        store(hidden, i, maximum(load(hidden, i), splat(f32(0))))


@inlined
def forward_block(
    net: SectionNet, block: int, rows: Array, values: Array, at: int, count: int, hidden: Array, to: int
) -> None:
    """Write ``relu(bias + sum of value * row)`` of a block to ``hidden[to:to + 64]``."""
    begin_block(net, block, hidden, to)
    add_rows(net, base_of(net, block), rows, values, at, at + count, hidden, to)
    rectify(hidden, to)


@inlined
def read_out_block(net: SectionNet, block: int, hidden: Array, at: int, partials: Array, to: int) -> None:
    """Write what a block adds to each output before squashing to ``partials[to:]``."""
    outputs = net.readout.size // net.bias.size
    h0, h1, h2, h3 = load(hidden, at), load(hidden, at + 16), load(hidden, at + 32), load(hidden, at + 48)
    for g in range(net.groups.size):
        group = net.groups[g]
        first, lane = group.first, group.lane
        for q in range(group.count):
            w = (block * outputs + first + q) * WIDTH
            low = multiply_add(h0, load(net.readout, w), multiply(h1, load(net.readout, w + 16)))
            high = multiply_add(h2, load(net.readout, w + 32), multiply(h3, load(net.readout, w + 48)))
            partials[to + lane + q] = lane_sum(add(low, high))


@inlined
def softmax(x: Array, at: int, end: int) -> None:
    """Replace ``x[at:end]`` by its softmax; unused lanes hold a huge negative number and become 0."""
    peak = load(x, at)
    for i in range(at + LANES, end, LANES):
        peak = maximum(peak, load(x, i))
    shift = splat(lane_maximum(peak))
    total = splat(f32(0))
    for i in range(at, end, LANES):
        e = exponential(subtract(load(x, i), shift))
        store(x, i, e)
        total = add(total, e)
    share = splat(f32(1) / lane_sum(total))
    for i in range(at, end, LANES):
        store(x, i, multiply(load(x, i), share))


@inlined
def sigmoid(x: Array, at: int, end: int) -> None:
    """Replace each value of ``x[at:end]`` by ``1 / (1 + exp(-x))``."""
    one, zero = splat(f32(1)), splat(f32(0))
    for i in range(at, end, LANES):
        store(x, i, divide(one, add(one, exponential(subtract(zero, load(x, i))))))


@compiled
def squash(groups: Array, x: Array, at: int) -> None:
    """Turn sums into probabilities, output interface by output interface."""
    for g in range(groups.size):
        group = groups[g]
        start = at + group.lane
        end = start + group.count
        if group.squashing == SOFTMAX:
            softmax(x, start, end)
        else:
            sigmoid(x, start, end)


@inlined
def is_finite(x: Array, at: int, count: int) -> bool:
    """Tell whether ``x[at:at + count]`` holds numbers only."""
    zero = splat(f32(0))
    total = zero
    for i in range(at, at + count, LANES):
        total = multiply_add(load(x, i), zero, total)
    return bool(lane_sum(total) == f32(0))


@compiled
def subtract_expected(groups: Array, outputs: Array, cycle: int, x: Array, at: int) -> float:
    """Replace probabilities by the gradient of the cross-entropy and return the worst distance from what is expected.

    The gradient is ``probability - expected`` for both squashing functions (Bishop, Pattern Recognition and Machine
    Learning, 4.3.6); for one-hot rows with the expected values smoothed (Szegedy et al. 2016, section 7). An output
    that the task does not train has none. Unused lanes get gradients, which change nothing: their bias absorbs them.
    """
    worst = f32(0)
    zero, one, factor = splat(f32(0)), splat(f32(1)), splat(f32(GRADED_FACTOR))
    for g in range(groups.size):
        group, segment = groups[g], outputs[g]
        count, itemsize = segment.count, segment.itemsize
        address = segment.address + cycle * segment.stride
        smoothing = f32(SMOOTHING) if group.squashing == SOFTMAX else f32(0)
        keep, spread = splat(f32(1) - smoothing), splat(smoothing / f32(group.count))
        for i in range(0, group.count, LANES):
            to = at + group.lane + i
            if count == 0:
                store(x, to, zero)
                continue
            expected = read_lanes(address + i * itemsize, itemsize, count - i)
            answer = load(x, to)
            store(x, to, subtract(answer, multiply_add(expected, keep, spread)))
            distance = maximum(subtract(answer, expected), subtract(expected, answer))
            graded = multiply(expected, subtract(one, expected))
            worst = max(worst, lane_maximum(where_positive(graded, multiply(distance, factor), distance)))
    return worst


@compiled
def is_right(groups: Array, x: Array, at: int) -> bool:
    """Tell from the gradients of a cycle whether its answer was right: the likeliest class, else on the right side.

    Where a class has lost most of its probability, its gradient is the lowest one and ``1 - SMOOTHING`` below what the
    gradient of another class with the same probability is.
    """
    zero = splat(f32(0))
    for g in range(groups.size):
        group = groups[g]
        start = at + group.lane
        highest, lowest = load(x, start), subtract(zero, load(x, start))
        for i in range(start + LANES, start + group.count, LANES):
            highest, lowest = maximum(highest, load(x, i)), maximum(lowest, subtract(zero, load(x, i)))
        high, low = lane_maximum(highest), lane_maximum(lowest)
        softmax_ = group.squashing == SOFTMAX
        if (softmax_ and high + low > f32(1 - SMOOTHING)) or (not softmax_ and max(high, low) >= f32(WRONG)):
            return False
    return True


@compiled
def keep_score(record: Array, cycles: int, likelihood: float, right: int) -> None:
    """Take some cycles into the moving averages of loss and accuracy.

    Args:
        record: of the network.
        cycles: how many there were.
        likelihood: product of ``1 - distance`` over the cycles, with the distance of the output that is farthest from
            what is expected; ``-ln`` of it is the cross-entropy where outputs are classes. One logarithm for all
            cycles costs next to nothing.
        right: how many of them were answered right.
    """
    record[SCORED] = min(record[SCORED] + f32(cycles), f32(1 / SCORE_DECAY))
    share = f32(1) / record[SCORED]
    record[LOSS] += share * (f32(-math.log(likelihood)) - f32(cycles) * record[LOSS])
    record[ACCURACY] += share * (f32(right) - f32(cycles) * record[ACCURACY])


@inlined
def learning_rate(job: CycleSpan, cycle: int, energy: float) -> float:
    """Return the rate of a cycle.

    It falls linearly over the task. As in normalised least mean squares (Haykin, Adaptive Filter Theory), a row with
    much input is learned with a smaller and one with little input with a bigger step.
    """
    rate = job.first_rate + (job.last_rate - job.first_rate) * (f32(cycle) / f32(job.total))
    base = f32(ENERGY_BASE) + energy
    return rate * min(max(f32(1), f32(ENERGY_LOW) / base), f32(ENERGY_HIGH) / base)


@inlined
def learn_readout(
    net: SectionNet, block: int, steps: Array, at: int, hidden: Array, h: int, gradient: Array, to: int
) -> None:
    """Move a block's read-out weights and biases; leave the steps of its rows in ``gradient[to:to + 64]``.

    ``steps[at:]`` holds ``-rate * gradient`` of the outputs.
    """
    outputs = net.readout.size // net.bias.size
    zero = splat(f32(0))
    for j in range(0, WIDTH, LANES):
        active = load(hidden, h + j)
        back = zero
        for g in range(net.groups.size):
            group = net.groups[g]
            first, lane = group.first, group.lane
            for q in range(group.count):
                step = splat(element(steps, at + lane + q))
                w = (block * outputs + first + q) * WIDTH + j
                weight = load(net.readout, w)
                back = multiply_add(step, weight, back)
                store(net.readout, w, multiply_add(step, active, weight))
        back = where_positive(active, back, zero)
        store(gradient, to + j, back)
        store(net.bias, block * WIDTH + j, add(load(net.bias, block * WIDTH + j), back))


@inlined
def learn_rows(
    net: SectionNet, base: int, rows: Array, values: Array, at: int, count: int, gradient: Array, g: int
) -> None:
    """Add ``value * gradient[g:g + 64]`` to the rows of the block at `base`."""
    g0, g1, g2, g3 = load(gradient, g), load(gradient, g + 16), load(gradient, g + 32), load(gradient, g + 48)
    for i in range(at, at + count):
        w = base + np.int64(element(rows, i)) * WIDTH
        x = splat(element(values, i))
        store(net.weights, w, multiply_add(x, g0, load(net.weights, w)))
        store(net.weights, w + 16, multiply_add(x, g1, load(net.weights, w + 16)))
        store(net.weights, w + 32, multiply_add(x, g2, load(net.weights, w + 32)))
        store(net.weights, w + 48, multiply_add(x, g3, load(net.weights, w + 48)))
