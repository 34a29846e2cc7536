"""Compiled: where sections and synapses come from, change and go."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.simd import compiled, inlined, shared
from hanami_plugins.networks_synapse import (
    ABLE,
    ALWAYS,
    BINARY,
    BLOCK_STRIDE,
    BLOCKS,
    COUNT,
    CYCLES,
    DONE,
    ENTRIES,
    EPSILON,
    FIRST_BLOCK,
    FOR_SECTION,
    FOR_SPLIT,
    FOR_SYNAPSE,
    FREE,
    FREE_ROWS,
    FULL,
    GROUP,
    HEAD_STRIDE,
    HEXAGON_STRIDE,
    HIDDEN,
    INPUT,
    INTERFACE,
    INTERFACE_COUNT,
    INTERFACE_FIRST,
    INTERFACE_HEXAGON,
    INTERFACE_KIND,
    INTERFACE_STRIDE,
    KIND,
    LAST_BLOCK,
    LOWER,
    MARK_STRIDE,
    MATCH,
    NEW_ACTIVITY,
    NEXT,
    NO_LIMIT,
    NONE,
    OWNER,
    PLACE,
    RANGE,
    ROLE,
    ROOM,
    ROW,
    SHARE,
    SHRINK_DIVISOR,
    SLOTS,
    SOURCE,
    SPLITS,
    START,
    SYNAPSES,
    TARGETS,
    TOLERANCE,
    TOLERANCE_DIVISOR,
    TOLERATED,
    TOP,
    TOTAL,
    USED_BLOCKS,
    USED_ROWS,
    USED_SYNAPSES,
    WEIGHT,
    WIDTH,
    Neurons,
    SynapseNet,
)

f32 = np.float32
i64: Any = np.int64
u32 = np.uint32
Array = Any

# Numbers that kernels pass to each other. Numba would compile a function once more for each literal that it is given.
FIRST: Any = np.int64(0)
ALL: Any = np.int64(WIDTH)
INNER_SOURCES: Any = np.int64(HIDDEN)


@inlined
def scramble(x: Any) -> Any:
    """Twin of `draws.scramble`."""
    state = u32(x * u32(747796405) + u32(2891336453))
    word = u32(((state >> u32((state >> u32(28)) + u32(4))) ^ state) * u32(277803737))
    return u32((word >> u32(22)) ^ word)


@compiled
def derive(key: Any, a: int, b: int, c: int) -> Any:
    """Twin of `draws.derive` for three words."""
    return scramble(u32(scramble(u32(scramble(u32(key ^ u32(a))) ^ u32(b))) ^ u32(c)))


# ---------------------------------------------------------------------------------------------------------------------
# Synapses
# ---------------------------------------------------------------------------------------------------------------------


@inlined
def cell(marks: Array, row: int, i: int) -> int:
    """Return where the begin of synapse `i` of a row is; its `SHARE` and `WEIGHT` are so many numbers later."""
    neuron = (marks[row * MARK_STRIDE + START] + i) & (WIDTH - 1)
    return row * ROW + (neuron >> 4) * GROUP + (neuron & 15)


@compiled
def new_weight(net: SynapseNet, row: int, i: int) -> float:
    """Return the first weight of a synapse, see `draws.synapse`."""
    s = derive(net.keys[FOR_SYNAPSE], net.counts[CYCLES], net.marks[row * MARK_STRIDE + PLACE], i)
    second = scramble(scramble(s))
    magnitude = f32(second) * f32(2.0**-31) / f32(10)
    return -magnitude if scramble(second) % u32(1000) < u32(500) else magnitude


@compiled
def add_synapse(net: SynapseNet, row: int, begin: float, border: float, share: float) -> None:
    """Append a synapse with a border and its `share`, which is 1 / border."""
    i = net.marks[row * MARK_STRIDE + COUNT]
    at = cell(net.marks, row, i)
    net.synapses[at] = begin
    net.synapses[at + SHARE] = share
    net.synapses[at + WEIGHT] = new_weight(net, row, i)
    net.borders[row * SYNAPSES + i] = border
    if net.activity.size:
        net.activity[row * SYNAPSES + i] = NEW_ACTIVITY
    net.marks[row * MARK_STRIDE + COUNT] = i + 1
    net.counts[USED_SYNAPSES] += 1


@compiled
def ask_for_split(net: SynapseNet, neurons: Neurons, row: int) -> None:
    """Note that a section is full."""
    neurons.splits[neurons.cursor[SPLITS]] = row
    neurons.cursor[SPLITS] += 1


@compiled
def extend(net: SynapseNet, neurons: Neurons, row: int, q: float) -> None:
    """Let a section grow that has potential left behind its last synapse; a match section takes note of its value."""
    if net.marks[row * MARK_STRIDE + KIND] == MATCH:
        learn_value(net, neurons, row, q)
        return
    if net.marks[row * MARK_STRIDE + COUNT] == SYNAPSES:
        ask_for_split(net, neurons, row)
        return
    total = net.heads[row * HEAD_STRIDE + TOTAL]
    border = q - total
    add_synapse(net, row, total, border, f32(1) / border)
    net.heads[row * HEAD_STRIDE + TOTAL] = total + border
    net.counts[ABLE] = 1


@compiled
def learn_value(net: SynapseNet, neurons: Neurons, row: int, q: float) -> None:
    """Make a value one of those that a match section knows, which are kept as ascending borders.

    A value behind the last one is appended; one between two others replaces the bigger one.
    """
    count = net.marks[row * MARK_STRIDE + COUNT]
    i = 0
    while i < count and net.borders[row * SYNAPSES + i] < q:
        i += 1
    if i == SYNAPSES - 1:
        ask_for_split(net, neurons, row)
    elif i == count:
        begin = net.borders[row * SYNAPSES + i - 1] if i > 0 else f32(-ALWAYS)
        add_synapse(net, row, begin, q, f32(ALWAYS))
        net.counts[ABLE] = 1
    else:
        net.borders[row * SYNAPSES + i] = q
        if i + 1 < count:
            net.synapses[cell(net.marks, row, i + 1)] = q


@compiled
def shrink(net: SynapseNet, neurons: Neurons, row: int, q: float) -> None:
    """Shrink the synapse in which the potential ends, and go on with what that leaves."""
    head = row * HEAD_STRIDE
    tolerance = net.heads[head + TOLERATED]
    begin = f32(0)
    for i in range(SYNAPSES):
        left = q - begin
        if i == net.marks[row * MARK_STRIDE + COUNT]:
            if left > f32(EPSILON):
                add_synapse(net, row, begin, left, f32(1) / left)
                begin += left
            break
        at = cell(net.marks, row, i)
        net.synapses[at] = begin
        covered = left * net.synapses[at + SHARE]
        if left > f32(EPSILON) and f32(0.5) - tolerance < covered < f32(0.5) + tolerance:
            border = net.borders[row * SYNAPSES + i] / f32(SHRINK_DIVISOR)
            net.borders[row * SYNAPSES + i] = border
            net.synapses[at + SHARE] = f32(1) / border
            net.synapses[at + WEIGHT] /= f32(SHRINK_DIVISOR)
            tolerance /= f32(TOLERANCE_DIVISOR)
        begin += net.borders[row * SYNAPSES + i]
    net.heads[head + TOLERATED] = tolerance
    net.heads[head + TOTAL] = begin
    net.counts[ABLE] = 1
    if net.marks[row * MARK_STRIDE + COUNT] == SYNAPSES and q - begin > f32(EPSILON):
        ask_for_split(net, neurons, row)


# ---------------------------------------------------------------------------------------------------------------------
# Sections
# ---------------------------------------------------------------------------------------------------------------------


@compiled
def add_block(net: SynapseNet, hexagon: int) -> None:
    """Give a hexagon another block, which is empty; there is room for it."""
    block = net.counts[USED_BLOCKS]
    net.counts[USED_BLOCKS] = block + 1
    about = hexagon * HEXAGON_STRIDE
    net.blocks[block * BLOCK_STRIDE + OWNER] = hexagon
    net.blocks[block * BLOCK_STRIDE + NEXT] = NONE
    last = net.hexagons[about + LAST_BLOCK]
    if last == NONE:
        net.hexagons[about + FIRST_BLOCK] = block
    else:
        net.blocks[last * BLOCK_STRIDE + NEXT] = block
    net.hexagons[about + LAST_BLOCK] = block
    net.hexagons[about + BLOCKS] += 1
    net.hexagons[about + FREE] += SLOTS


@inlined
def has_room(net: SynapseNet, blocks: int) -> bool:
    """Tell whether the arrays have room for another section and some blocks."""
    rows = net.marks.size // MARK_STRIDE
    no_row = net.counts[USED_ROWS] == rows and net.counts[FREE_ROWS] == 0
    return not no_row and net.counts[USED_BLOCKS] + blocks <= net.blocks.size // BLOCK_STRIDE


@compiled
def free_slot(net: SynapseNet, hexagon: int, number: int) -> int:
    """Return the lowest free slot (block * SLOTS + slot) from a block of a hexagon on, going round; one is free."""
    block = net.hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK]
    for _ in range(number):
        block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
    while True:
        for slot in range(SLOTS):
            if net.slot_rows[block * SLOTS + slot] == NONE:
                return block * SLOTS + slot
        block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
        if block == NONE:
            block = net.hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK]


@compiled
def place_section(net: SynapseNet, hexagon: int, source: int, kind: int, draw: Any) -> int:
    """Put an empty section into a random block of a hexagon and return its row."""
    draw = scramble(draw)
    place = free_slot(net, hexagon, i64(draw % u32(net.hexagons[hexagon * HEXAGON_STRIDE + BLOCKS])))
    if net.counts[FREE_ROWS] > 0:
        net.counts[FREE_ROWS] -= 1
        row = i64(net.free_rows[net.counts[FREE_ROWS]])
    else:
        row = net.counts[USED_ROWS]
        net.counts[USED_ROWS] += 1
    block = place // SLOTS
    net.slot_rows[place] = row
    net.slot_sources[place] = source
    net.blocks[block * BLOCK_STRIDE + TOP] = max(net.blocks[block * BLOCK_STRIDE + TOP], place % SLOTS + 1)
    net.hexagons[hexagon * HEXAGON_STRIDE + FREE] -= 1
    mark = row * MARK_STRIDE
    net.marks[mark + START] = i64(scramble(draw) % u32(WIDTH))
    net.marks[mark + COUNT] = 0
    net.marks[mark + SOURCE] = source
    net.marks[mark + KIND] = kind
    net.marks[mark + PLACE] = place
    clear_row(net, row, kind)
    return row


@compiled
def clear_row(net: SynapseNet, row: int, kind: int) -> None:
    """Make a row that of a new section; a binary one has all its synapses at once."""
    head = row * HEAD_STRIDE
    net.heads[head + LOWER] = f32(0)
    net.heads[head + RANGE] = f32(NO_LIMIT)
    net.heads[head + TOLERATED] = f32(TOLERANCE)
    net.heads[head + TOTAL] = f32(0)
    for i in range(SYNAPSES):
        at = cell(net.marks, row, i)
        net.synapses[at] = f32(NO_LIMIT)
        net.synapses[at + SHARE] = f32(0)
        net.synapses[at + WEIGHT] = f32(0)
        net.borders[row * SYNAPSES + i] = f32(0)
    if kind == MATCH:
        net.heads[head + TOTAL] = f32(-ALWAYS)
    elif kind == BINARY:
        net.heads[head + TOTAL] = f32(NO_LIMIT)
        for _ in range(SYNAPSES):
            add_synapse(net, row, f32(-ALWAYS), f32(0), f32(ALWAYS))
        net.counts[ABLE] = 1


@compiled
def give_section(net: SynapseNet, neurons: Neurons, hexagon: int, number: int, source: int, kind: int) -> int:
    """Give a source its first section; `number` is the source's number in its hexagon."""
    draw = derive(net.keys[FOR_SECTION], net.counts[CYCLES], hexagon, number)
    target = net.hexagons[hexagon * HEXAGON_STRIDE + TARGETS + i64(draw % u32(ENTRIES))]
    lacks = net.hexagons[target * HEXAGON_STRIDE + FREE] < ROOM
    if not has_room(net, i64(lacks)):
        return FULL
    if lacks:
        add_block(net, target)
        # Sources without a target keep a 0 here; the new neurons are not inputs and so may have one.
        wake_block(net, neurons, target, net.counts[USED_BLOCKS] - 1)
    place_section(net, target, source, kind, draw)
    neurons.fresh[source] = f32(0)
    return DONE


@compiled
def wake_block(net: SynapseNet, neurons: Neurons, hexagon: int, block: int) -> None:
    """Let the neurons of a new block wait for their first section, if their hexagon can have any."""
    begin = net.base + block * WIDTH
    value = f32(0) if net.hexagons[hexagon * HEXAGON_STRIDE + TARGETS] == NONE else f32(1)
    neurons.fresh[begin : begin + WIDTH] = value


@shared
def give_sections(net: SynapseNet, neurons: Neurons, hexagon: int) -> int:
    """Give all active sources of a hexagon that wait for it their first section, in their order."""
    about = hexagon * HEXAGON_STRIDE
    if net.hexagons[about + ROLE] == INPUT:
        interface = net.hexagons[about + INTERFACE] * INTERFACE_STRIDE
        begin, count = net.inputs[interface + INTERFACE_FIRST], net.inputs[interface + INTERFACE_COUNT]
        kind = net.inputs[interface + INTERFACE_KIND]
        return serve(net, neurons, hexagon, FIRST, begin, count, kind)
    block = net.hexagons[about + FIRST_BLOCK]
    number = FIRST
    while block != NONE:
        if serve(net, neurons, hexagon, number, net.base + block * WIDTH, ALL, INNER_SOURCES) == FULL:
            return FULL
        number += WIDTH
        block = i64(net.blocks[block * BLOCK_STRIDE + NEXT])
    return DONE


@compiled
def serve(net: SynapseNet, neurons: Neurons, hexagon: int, number: int, begin: int, count: int, kind: int) -> int:
    """Serve a range of sources, of which the first one has a number in its hexagon."""
    for i in range(count):
        source = begin + i
        wanted = neurons.potentials[source] > f32(0) and neurons.fresh[source] > f32(0)
        if wanted and give_section(net, neurons, hexagon, number + i, source, kind) == FULL:
            return FULL
    return DONE


@inlined
def hexagon_of(net: SynapseNet, source: int) -> int:
    """Return the hexagon of a source."""
    if source >= net.base:
        return i64(net.blocks[(source - net.base) // WIDTH * BLOCK_STRIDE + OWNER])
    interface = 0
    while source >= net.inputs[interface + INTERFACE_FIRST] + net.inputs[interface + INTERFACE_COUNT]:
        interface += INTERFACE_STRIDE
    return net.inputs[interface + INTERFACE_HEXAGON]


@shared
def split_section(net: SynapseNet, neurons: Neurons, row: int) -> int:
    """Give the upper part of a full section's range to a new section of the same source, if there is a place for it."""
    mark, head = row * MARK_STRIDE, row * HEAD_STRIDE
    source, kind, place = net.marks[mark + SOURCE], net.marks[mark + KIND], net.marks[mark + PLACE]
    hexagon = hexagon_of(net, i64(source))
    draw = derive(net.keys[FOR_SPLIT], net.counts[CYCLES], place // SLOTS, place % SLOTS)
    target = net.hexagons[hexagon * HEXAGON_STRIDE + TARGETS + i64(draw % u32(ENTRIES))]
    if net.hexagons[target * HEXAGON_STRIDE + FREE] == 0:
        return DONE
    if not has_room(net, 1):
        return FULL
    half = net.synapses[cell(net.marks, row, SYNAPSES // 2)]
    new = place_section(net, target, i64(source), i64(kind), draw)
    net.heads[new * HEAD_STRIDE + LOWER] = net.heads[head + LOWER] + half
    net.heads[new * HEAD_STRIDE + RANGE] = net.heads[head + RANGE] - half
    net.heads[head + RANGE] = half
    if net.hexagons[target * HEXAGON_STRIDE + FREE] < ROOM:
        add_block(net, target)
        wake_block(net, neurons, target, net.counts[USED_BLOCKS] - 1)
    return DONE
