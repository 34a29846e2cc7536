"""Compiled: the entry points. Each works on as many cycles as it is told and returns what stopped it."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.references import reference
from hanami_plugins.host_numba.simd import compiled, inlined, kernel, shared
from hanami_plugins.host_numba.synapse_backward import backward
from hanami_plugins.host_numba.synapse_forward import (
    UNREADABLE,
    answer,
    fire,
    gather,
    read_expected,
    read_input,
    squash,
    walk_all,
)
from hanami_plugins.host_numba.synapse_growth import give_sections, split_section
from hanami_plugins.host_numba.synapse_reduction import reduce
from hanami_plugins.networks_section import weights
from hanami_plugins.networks_synapse import (
    AT_CYCLE,
    AT_HEXAGON,
    AT_PHASE,
    AT_SPLIT,
    AT_STEP,
    BLOCK_STRIDE,
    BROKEN,
    CYCLES,
    DIVERGED,
    DONE,
    FIRST_BLOCK,
    FULL,
    HEXAGON_STRIDE,
    INNER,
    INPUT,
    INTERFACE,
    INTERFACE_COUNT,
    INTERFACE_FIRST,
    INTERFACE_STRIDE,
    NEXT,
    NONE,
    OUTPUT,
    REDUCTION_PERIOD,
    ROLE,
    SPLITS,
    WALK_BEGIN,
    WALK_END,
    WALK_STRIDE,
    WALKS_OFFSET,
    WANTED,
    WIDTH,
    Floats,
    IOBinding,
    Neurons,
    SynapseNet,
)

f32 = np.float32
i64: Any = np.int64

# Numbers that kernels pass to each other. Numba would compile a function once more for each literal that it is given.
TRAINS: Any = np.bool_(True)
ASKS: Any = np.bool_(False)

weight_of, steps_of, share_of = inlined(weights.weight_of), inlined(weights.steps_of), inlined(weights.share_of)


@compiled
def visit_blocks(net: SynapseNet, neurons: Neurons, hexagon: int, role: int, train: bool) -> int:
    """Let a hexagon take its input; return whether one of its neurons wants its first section."""
    walk = WALKS_OFFSET + hexagon * WALK_STRIDE
    end = neurons.cursor[walk + WALK_BEGIN]
    block = net.hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK]
    wanted = 0
    while block != NONE:
        neurons.sums[block * WIDTH : (block + 1) * WIDTH] = f32(0)
        begin, end = end, gather(net, neurons, block, end)
        walk_all(net, neurons, block, begin, end, train)
        if role == INNER:
            wanted |= fire(net, neurons, block)
            if train:
                neurons.deltas[block * WIDTH : (block + 1) * WIDTH] = f32(0)
        else:
            squash(net, neurons, block)
        block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
    neurons.cursor[walk + WALK_END] = end
    return wanted


@shared
def visit(net: SynapseNet, neurons: Neurons, binding: IOBinding, hexagon: int, cycle: int, train: bool) -> int:
    """Let a hexagon have its turn; return whether one of its sources wants its first section, or `UNREADABLE`."""
    about = hexagon * HEXAGON_STRIDE
    role, block = net.hexagons[about + ROLE], net.hexagons[about + FIRST_BLOCK]
    walk = WALKS_OFFSET + hexagon * WALK_STRIDE
    begin = neurons.cursor[walk - WALK_STRIDE + WALK_END] if hexagon > 0 else 0
    neurons.cursor[walk + WALK_BEGIN] = neurons.cursor[walk + WALK_END] = begin
    if role == INPUT:
        interface = net.hexagons[about + INTERFACE]
        return read_input(net, neurons, binding, interface, cycle) if interface != NONE else 0
    if block == NONE:
        return 0
    wanted = visit_blocks(net, neurons, hexagon, role, train)
    if role == OUTPUT:
        answer(net, neurons, hexagon, train)
    return wanted


@compiled
def forward(net: SynapseNet, neurons: Neurons, binding: IOBinding, cycle: int) -> int:
    """Run a training cycle up to its outputs and let the network grow.

    The cursor tells where to go on if there was no room for a section.
    """
    cursor = neurons.cursor
    for hexagon in range(cursor[AT_HEXAGON], net.hexagons.size // HEXAGON_STRIDE):
        cursor[AT_HEXAGON] = hexagon
        if cursor[AT_PHASE] == 0:
            cursor[WANTED] = visit(net, neurons, binding, i64(hexagon), i64(cycle), TRAINS)
            if cursor[WANTED] == UNREADABLE:
                return BROKEN
            cursor[AT_PHASE] = 1
        if cursor[WANTED] != 0 and give_sections(net, neurons, hexagon) == FULL:
            return FULL
        cursor[AT_PHASE] = 0
    cursor[AT_HEXAGON] = net.hexagons.size // HEXAGON_STRIDE
    for split in range(cursor[AT_SPLIT], cursor[SPLITS]):
        cursor[AT_SPLIT] = split
        if split_section(net, neurons, i64(neurons.splits[split])) == FULL:
            return FULL
    cursor[AT_HEXAGON] = cursor[AT_SPLIT] = cursor[SPLITS] = 0
    return DONE


@compiled
def train_all(net: SynapseNet, neurons: Neurons, binding: IOBinding, first: int, last: int) -> int:
    """Train cycles of a task; `AT_CYCLE` of the cursor is the one that the result is about.

    A cycle that is learned in several steps comes again for each of them.
    """
    reducing = net.activity.size > 0
    for cycle in range(first, last):
        neurons.cursor[AT_CYCLE] = cycle
        weight = weight_of(binding.weights, cycle)
        steps = steps_of(weight)
        while neurons.cursor[AT_STEP] < steps:
            if not read_expected(net, neurons, binding, cycle):
                return BROKEN
            status = forward(net, neurons, binding, cycle)
            if status != DONE:
                return status
            if not backward(net, neurons, binding, share_of(weight, steps)):
                return DIVERGED
            neurons.cursor[AT_STEP] += 1
        neurons.cursor[AT_STEP] = 0
        net.counts[CYCLES] += 1
        if reducing and net.counts[CYCLES] % REDUCTION_PERIOD == 0:
            reduce(net, neurons)
    neurons.cursor[AT_CYCLE] = last
    return DONE


@compiled
def answer_all(net: SynapseNet, neurons: Neurons, binding: IOBinding, first: int, last: int, results: Floats) -> int:
    """Answer cycles of a task into `results` (cycles, lanes); return the cycle that was reached."""
    lanes = 0
    for number in range(net.outputs.size // INTERFACE_STRIDE):
        lanes = (
            net.outputs[number * INTERFACE_STRIDE + INTERFACE_FIRST]
            + net.outputs[number * INTERFACE_STRIDE + INTERFACE_COUNT]
        )
    for cycle in range(first, last):
        for hexagon in range(net.hexagons.size // HEXAGON_STRIDE):
            if visit(net, neurons, binding, i64(hexagon), i64(cycle), ASKS) == UNREADABLE:
                return cycle
        for lane in range(lanes):
            results[(cycle - first) * neurons.values.size + lane] = neurons.values[lane]
    return last


@kernel
def train_cycles(net: SynapseNet, neurons: Neurons, binding: IOBinding, first: int, last: int) -> int:
    """Train cycles of a task, see `train_all`."""
    return train_all(reference(net), reference(neurons), reference(binding), first, last)


@kernel
def answer_cycles(net: SynapseNet, neurons: Neurons, binding: IOBinding, first: int, last: int, results: Floats) -> int:
    """Answer cycles of a task, see `answer_all`."""
    return answer_all(reference(net), reference(neurons), reference(binding), first, last, results)
