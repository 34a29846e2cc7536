"""The compiled entry point that answers from a snapshot."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.integers import add_products, clip_bytes, no_ints, to_floats
from hanami_plugins.host_numba.layers import read_out_block, squash
from hanami_plugins.host_numba.simd import (
    LANES,
    add,
    compiled,
    inlined,
    kernel,
    load,
    maximum,
    multiply_add,
    splat,
    store,
)
from hanami_plugins.networks_section import WIDTH, ZERO, QuadAnswers, Snapshot

f32 = np.float32
Array = Any


@compiled
def read_quads(snapshot: Snapshot, answers: QuadAnswers, segments: Array, cycle: int) -> int:
    """Write the values of a cycle, clipped at their borders, to `answers`; return how many quads are not zero."""
    for s in range(segments.size):
        segment = segments[s]
        count, source = segment.count, segment.source
        address = segment.address + cycle * segment.stride
        for i in range(0, count, LANES):
            limits, to = snapshot.limits.ctypes.data + source + i, answers.values.ctypes.data + source + i
            clip_bytes(address + i, limits, to, count - i)
    found = 0
    for place in range(answers.active.size - 1):
        quad = answers.values[place]
        answers.active[found], answers.places[found] = quad, place
        found += quad != 0
    return found


@inlined
def forward_quads(snapshot: Snapshot, block: int, answers: QuadAnswers, found: int) -> None:
    """Write ``relu(bias + sum of value * row)`` of a block to ``answers.hidden``."""
    neurons, first, zero = snapshot.scale.size, block * WIDTH, splat(f32(0))
    s0, s1, s2, s3 = no_ints(), no_ints(), no_ints(), no_ints()
    for i in range(found):
        quad, w = answers.active[i], np.int64(answers.places[i]) * neurons + first
        s0 = add_products(s0, quad, snapshot.weights, w)
        s1 = add_products(s1, quad, snapshot.weights, w + 16)
        s2 = add_products(s2, quad, snapshot.weights, w + 32)
        s3 = add_products(s3, quad, snapshot.weights, w + 48)
    scale, bias, hidden = snapshot.scale, snapshot.net.bias, answers.hidden
    store(hidden, 0, maximum(multiply_add(to_floats(s0), load(scale, first), load(bias, first)), zero))
    store(hidden, 16, maximum(multiply_add(to_floats(s1), load(scale, first + 16), load(bias, first + 16)), zero))
    store(hidden, 32, maximum(multiply_add(to_floats(s2), load(scale, first + 32), load(bias, first + 32)), zero))
    store(hidden, 48, maximum(multiply_add(to_floats(s3), load(scale, first + 48), load(bias, first + 48)), zero))


@kernel
def answer_quads(snapshot: Snapshot, answers: QuadAnswers, inputs: Array, first: int, last: int) -> int:
    """Write the outputs of the cycles ``first .. last - 1`` to ``answers.results`` and return `last`."""
    net = snapshot.net
    lanes = net.readout_bias.size
    for cycle in range(first, last):
        to = (cycle - first) * lanes
        found = read_quads(snapshot, answers, inputs, cycle)
        for i in range(0, lanes, LANES):
            store(answers.results, to + i, load(net.readout_bias, i))
        for block in range(net.bias.size // WIDTH):
            forward_quads(snapshot, block, answers, found)
            read_out_block(net, block, answers.hidden, ZERO, answers.partials, ZERO)
            for i in range(0, lanes, LANES):
                store(answers.results, to + i, add(load(answers.results, to + i), load(answers.partials, i)))
        squash(net.groups, answers.results, to)
    return last
