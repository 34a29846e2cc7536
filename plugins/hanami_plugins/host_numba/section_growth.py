"""Compiled: read rows of data and let the network grow by them.

`section_reference` says the same in plain NumPy. Growth depends on the data and their order alone, never on weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.simd import (
    LANES,
    Vector,
    append_positive,
    compiled,
    inlined,
    lane_maximum,
    lane_sum,
    load,
    maximum,
    minimum,
    multiply,
    multiply_add,
    read_bytes,
    read_first_bytes,
    read_first_floats,
    read_floats,
    splat,
    store,
    subtract,
)
from hanami_plugins.host_numba.sync import LINE, NOTE, is_crowded, wait_for_all
from hanami_plugins.networks_section import (
    ALLOCATE_ROWS,
    BROKEN,
    BYTES,
    DONE,
    FLOATS,
    FULL,
    GOLDEN,
    LARGEST,
    OVERSUBSCRIBED,
    RAISE_BORDERS,
    STATUS_CYCLE,
    STATUS_GROWTH,
    STATUS_WAITS,
    WIDTH,
    Scratch,
    SectionNet,
    Sources,
)

f32 = np.float32
u32 = np.uint32
Array = Any

EXCESS = 1
"""A value is above a border that may still rise, or its source was never active."""
UNREADABLE = 2
"""A value is not finite."""


@inlined
def read_lanes(address: int, itemsize: int, left: int) -> Vector:
    """Return up to 16 values at an address as float32; lanes from `left` on are 0 and not touched in memory."""
    if itemsize == BYTES:
        if left >= LANES:
            return read_bytes(address)
        return read_first_bytes(address, left)
    if left >= LANES:
        return read_floats(address)
    return read_first_floats(address, left)


@inlined
def read_above_floors(net: SectionNet, address: int, itemsize: int, source: int, left: int) -> Vector:
    """Return values as `read_lanes` does, each less the floor of its source; lanes from `left` on are 0."""
    floors = read_lanes(net.floors.ctypes.data + source * FLOATS, FLOATS, left)
    return subtract(read_lanes(address, itemsize, left), floors)


@compiled
def read_row(
    net: SectionNet, segments: Array, cycle: int, rows: Array, values: Array, at: int
) -> tuple[int, float, int]:
    """Write the active sources of a cycle to ``rows[at:]`` and ``values[at:]``.

    Values are counted from the source's floor, divided by its border and clipped at 1. Returns the number of active
    sources, the sum of their squared values, and flags.
    """
    one, zero = splat(f32(1)), splat(f32(0))
    over, energy, broken = zero, zero, zero
    end = at
    for s in range(segments.size):
        segment = segments[s]
        count, itemsize, source = segment.count, segment.itemsize, segment.source
        address = segment.address + cycle * segment.stride
        for i in range(0, count, LANES):
            raw = read_above_floors(net, address + i * itemsize, itemsize, source + i, count - i)
            over = maximum(over, subtract(minimum(raw, load(net.limits, source + i)), load(net.borders, source + i)))
            broken = multiply_add(raw, zero, broken)
            value = maximum(minimum(multiply(raw, load(net.inverse, source + i)), one), zero)
            energy = multiply_add(value, value, energy)
            end += append_positive(value, net.row_of_source, source + i, values, rows, end)
    flags = 0
    if lane_maximum(over) > f32(0):
        flags |= EXCESS
    if lane_sum(broken) != f32(0):
        flags |= UNREADABLE
    return end - at, lane_sum(energy), flags


@inlined
def mix(x: Any) -> Any:
    """Scramble 32 bits, the same way as `initial.mix`."""
    state = u32(x * u32(747796405) + u32(2891336453))
    word = u32(((state >> u32((state >> u32(28)) + u32(4))) ^ state) * u32(277803737))
    return u32((word >> u32(22)) ^ word)


@compiled
def allocate_row(net: SectionNet, sources: Sources, source: int) -> None:
    """Give a source its row: one section a block, with the weights of `initial.sections`."""
    row = sources.count[0]
    capacity = net.weights.size // net.bias.size
    for block in range(net.bias.size // WIDTH):
        start = (block * capacity + row) * WIDTH
        key = mix(u32(sources.keys[source] + u32(block) * u32(GOLDEN)))
        for lane in range(WIDTH):
            uniform = f32(mix(u32(key + u32(lane))) >> u32(8)) * f32(2.0**-23) - f32(1)
            net.weights[start + lane] = uniform * sources.scale[0]
    net.row_of_source[source] = row
    sources.count[0] = row + 1


@compiled
def visit_sources(net: SectionNet, sources: Sources, segments: Array, cycle: int, step: int) -> int:
    """Allocate the rows of a cycle's new sources, or raise the borders to its values, as `step` says."""
    capacity = net.weights.size // net.bias.size
    for s in range(segments.size):
        segment = segments[s]
        count, itemsize, source = segment.count, segment.itemsize, segment.source
        address = segment.address + cycle * segment.stride
        for i in range(0, count, LANES):
            store(sources.lanes, 0, read_above_floors(net, address + i * itemsize, itemsize, source + i, count - i))
            for lane in range(min(LANES, count - i)):
                one = source + i + lane
                value = min(sources.lanes[lane], net.limits[one])
                if value <= net.borders[one]:
                    continue
                if step == RAISE_BORDERS:
                    net.borders[one] = value
                    net.inverse[one] = min(f32(1) / value, f32(LARGEST))
                elif net.row_of_source[one] < 0:
                    if sources.count[0] == capacity:
                        return FULL
                    allocate_row(net, sources, one)
    return DONE


@inlined
def keep_row(net: SectionNet, scratch: Scratch, segments: Array, cycle: int, k: int) -> int:
    """Read a cycle as row `k` of the slice and return its flags."""
    length = scratch.rows.size // scratch.counts.size
    count, energy, flags = read_row(net, segments, cycle, scratch.rows, scratch.values, k * length)
    scratch.counts[k], scratch.energy[k], scratch.flags[k] = count, energy, flags
    return flags


@compiled
def grow(net: SectionNet, sources: Sources, scratch: Scratch, segments: Array, first: int, last: int) -> int:
    """Grow the network by the cycles of a slice, in their order, and read them again.

    Rows are allocated before the first border is raised: if there is no room left, the caller makes room and starts the
    slice again, and nothing of its order is lost.
    """
    for cycle in range(first, last):
        if scratch.flags[cycle - first] != 0 and visit_sources(net, sources, segments, cycle, ALLOCATE_ROWS) == FULL:
            return FULL
    for cycle in range(first, last):
        if keep_row(net, scratch, segments, cycle, cycle - first) != 0:
            visit_sources(net, sources, segments, cycle, RAISE_BORDERS)
            keep_row(net, scratch, segments, cycle, cycle - first)
    return DONE


@inlined
def first_unreadable(scratch: Scratch, first: int) -> int:
    """Return the first cycle of a slice with a value that is not finite."""
    k = 0
    while scratch.flags[k] & UNREADABLE == 0:
        k += 1
    return first + k


@compiled
def prepare_slice(
    thread: int,
    threads: int,
    sync: Array,
    net: SectionNet,
    sources: Sources,
    scratch: Scratch,
    segments: Array,
    first: int,
    last: int,
) -> int:
    """Read all cycles of a slice, split over the threads; one thread alone grows if there is something to grow.

    Whether the threads wait too long for each other is decided by one of them, before anything has changed.
    """
    if thread == 0:
        scratch.status[STATUS_WAITS] = is_crowded(sync, threads)
    found = 0
    for cycle in range(first + thread, last, threads):
        found |= keep_row(net, scratch, segments, cycle, cycle - first)
    sync[thread * LINE + NOTE] = found
    wait_for_all(sync, thread, threads)
    if scratch.status[STATUS_WAITS] != 0:
        return OVERSUBSCRIBED
    for other in range(threads):
        found |= sync[other * LINE + NOTE]
    if found & UNREADABLE:
        scratch.status[STATUS_CYCLE] = first_unreadable(scratch, first)
        return BROKEN
    if found == 0:
        return DONE
    if thread == 0:
        scratch.status[STATUS_GROWTH] = grow(net, sources, scratch, segments, first, last)
    wait_for_all(sync, thread, threads)
    return int(scratch.status[STATUS_GROWTH])
