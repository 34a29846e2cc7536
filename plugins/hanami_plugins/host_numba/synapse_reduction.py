"""Compiled: synapses that were of no use are removed."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.simd import compiled, shared
from hanami_plugins.host_numba.synapse_growth import cell
from hanami_plugins.networks_synapse import (
    BINARY,
    BLOCK_STRIDE,
    COUNT,
    FREE,
    FREE_ROWS,
    HEAD_STRIDE,
    HEXAGON_STRIDE,
    KIND,
    LASTING_ACTIVITY,
    MARK_STRIDE,
    MATCH,
    NO_LIMIT,
    NONE,
    OWNER,
    PLACE,
    SHARE,
    SLOTS,
    SOURCE,
    SYNAPSES,
    TOP,
    TOTAL,
    USED_BLOCKS,
    USED_SYNAPSES,
    WEIGHT,
    Neurons,
    SynapseNet,
)

f32 = np.float32
i64: Any = np.int64


@shared
def reduce(net: SynapseNet, neurons: Neurons) -> None:
    """Lower the activity of all synapses that are not there to stay, and remove those that come to 0."""
    for block in range(net.counts[USED_BLOCKS]):
        for place in range(block * SLOTS, block * SLOTS + net.blocks[block * BLOCK_STRIDE + TOP]):
            row = i64(net.slot_rows[place])
            if row != NONE and lower_activity(net, row) and drop_end(net, row) == 0:
                drop_section(net, neurons, row)


@compiled
def lower_activity(net: SynapseNet, row: int) -> bool:
    """Age the synapses of a section; return whether some were removed.

    A removed synapse keeps its place among the neurons, so that the others keep theirs, but consumes and adds nothing.
    """
    removed = False
    for i in range(net.marks[row * MARK_STRIDE + COUNT]):
        activity = net.activity[row * SYNAPSES + i]
        if activity == 0 or activity >= LASTING_ACTIVITY:
            continue
        net.activity[row * SYNAPSES + i] = activity - 1
        if activity == 1:
            removed = True
            net.counts[USED_SYNAPSES] -= 1
            net.synapses[cell(net.marks, row, i) + SHARE] = f32(0)
            net.synapses[cell(net.marks, row, i) + WEIGHT] = f32(0)
            if net.marks[row * MARK_STRIDE + KIND] != MATCH:
                net.borders[row * SYNAPSES + i] = f32(0)
    return removed


@compiled
def drop_end(net: SynapseNet, row: int) -> int:
    """Give back the places of removed synapses at a section's end; return how many synapses it has now."""
    count = net.marks[row * MARK_STRIDE + COUNT]
    while count > 0 and net.activity[row * SYNAPSES + count - 1] == 0:
        count -= 1
        net.synapses[cell(net.marks, row, count)] = f32(NO_LIMIT)
        net.borders[row * SYNAPSES + count] = f32(0)
    net.marks[row * MARK_STRIDE + COUNT] = count
    if net.marks[row * MARK_STRIDE + KIND] < BINARY:
        begin = f32(0)
        for i in range(count):
            net.synapses[cell(net.marks, row, i)] = begin
            begin += net.borders[row * SYNAPSES + i]
        net.heads[row * HEAD_STRIDE + TOTAL] = begin
    return count


@compiled
def drop_section(net: SynapseNet, neurons: Neurons, row: int) -> None:
    """Give back an empty section; a source that has no other one may get a new one."""
    mark = row * MARK_STRIDE
    place, source = net.marks[mark + PLACE], net.marks[mark + SOURCE]
    net.slot_rows[place] = NONE
    net.slot_sources[place] = net.base - 1
    net.hexagons[net.blocks[place // SLOTS * BLOCK_STRIDE + OWNER] * HEXAGON_STRIDE + FREE] += 1
    net.free_rows[net.counts[FREE_ROWS]] = row
    net.counts[FREE_ROWS] += 1
    if not has_sections(net, source):
        neurons.fresh[source] = f32(1)


@compiled
def has_sections(net: SynapseNet, source: int) -> bool:
    """Tell whether a source has sections."""
    for block in range(net.counts[USED_BLOCKS]):
        for place in range(block * SLOTS, block * SLOTS + net.blocks[block * BLOCK_STRIDE + TOP]):
            if net.slot_sources[place] == source:
                return True
    return False
