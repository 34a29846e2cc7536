"""The compiled inner loops of section growth: read rows, grow, forward, learn.

Two entry points, `train_rows` and `answer_rows`; all else is compiled into them. `layout` describes their arguments,
`reference` says the same in plain NumPy and is the definition of what is computed. Results do not depend on the number
of threads: blocks are split over the threads, and sums over blocks are taken in the order of the blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.layout import (
    BROKEN,
    BYTES,
    CHUNK,
    CHUNK_FAILURES,
    CONFIDENT,
    DONE,
    FAILURE_DECAY,
    FULL,
    GOLDEN,
    GRADED_FACTOR,
    GROUP,
    LARGEST,
    SEGMENT,
    SOFTMAX,
    WIDTH,
    Job,
    Net,
    Scratch,
    Sources,
)
from hanami_plugins.host_numba.simd import (
    LANES,
    Vector,
    add,
    append_positive,
    divide,
    exponential,
    inlined,
    kernel,
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
    where_positive,
)
from hanami_plugins.host_numba.sync import wait_for_all

f32 = np.float32
u32 = np.uint32
Array = Any

EXCESS = 1
UNREADABLE = 2


# ---------------------------------------------------------------------------------------------------------------------
# Rows of data
# ---------------------------------------------------------------------------------------------------------------------


@inlined
def read_lanes(address: int, kind: int, left: int) -> Vector:
    """Return up to 16 values at an address as float32; lanes from `left` on are 0 and not touched in memory."""
    if kind == BYTES:
        if left >= LANES:
            return read_bytes(address)
        return read_first_bytes(address, left)
    if left >= LANES:
        return read_floats(address)
    return read_first_floats(address, left)


@inlined
def read_row(net: Net, segments: Array, cycle: int, rows: Array, values: Array, at: int) -> tuple[int, float, int]:
    """Write the active sources of a cycle to ``rows[at:]`` and ``values[at:]``.

    Values are divided by the source's border and clipped at 1. Returns the number of active sources, the sum of their
    squared values, and flags: `EXCESS` if a value is above its border (or its source was never seen), `UNREADABLE` if
    one is not finite.
    """
    one, zero = splat(f32(1)), splat(f32(0))
    over, energy, broken = zero, zero, zero
    end = at
    for s in range(0, segments.size, SEGMENT):
        kind, count, source = segments[s + 3], segments[s + 2], segments[s + 4]
        address = segments[s] + cycle * segments[s + 1]
        for i in range(0, count, LANES):
            raw = read_lanes(address + i * kind, kind, count - i)
            over = maximum(over, subtract(raw, load(net.borders, source + i)))
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
    """Scramble 32 bits (PCG-RXS-M-XS, O'Neill 2014), the same as `initial.mix`."""
    state = u32(x * u32(747796405) + u32(2891336453))
    word = u32(((state >> u32((state >> u32(28)) + u32(4))) ^ state) * u32(277803737))
    return u32((word >> u32(22)) ^ word)


@inlined
def give_birth(net: Net, sources: Sources, source: int) -> None:
    """Give a source its row: one section a block, with initial weights that depend on seed, source, block and lane."""
    row = sources.count[0]
    blocks = net.bias.size // WIDTH
    capacity = net.weights.size // net.bias.size
    for block in range(blocks):
        start = (block * capacity + row) * WIDTH
        key = mix(sources.keys[source] + u32(block) * u32(GOLDEN))
        for lane in range(WIDTH):
            uniform = f32(mix(key + u32(lane)) >> u32(8)) * f32(2.0**-23) - f32(1)
            net.weights[start + lane] = uniform * sources.scale[0]
    net.row_of_source[source] = row
    sources.count[0] = row + 1


@inlined
def visit_sources(net: Net, sources: Sources, segments: Array, cycle: int, raise_borders: bool) -> int:
    """Give birth to the rows of all active sources of a cycle, or raise their borders to the values of the cycle."""
    capacity = net.weights.size // net.bias.size
    for s in range(0, segments.size, SEGMENT):
        kind, count, source = segments[s + 3], segments[s + 2], segments[s + 4]
        address = segments[s] + cycle * segments[s + 1]
        for i in range(0, count, LANES):
            store(sources.lanes, 0, read_lanes(address + i * kind, kind, count - i))
            for lane in range(min(LANES, count - i)):
                value, one = sources.lanes[lane], source + i + lane
                if not value > net.borders[one]:
                    continue
                if raise_borders:
                    net.borders[one] = value
                    net.inverse[one] = min(f32(1) / value, f32(LARGEST))
                elif net.row_of_source[one] < 0:
                    if sources.count[0] == capacity:
                        return FULL
                    give_birth(net, sources, one)
    return DONE


@inlined
def keep_row(net: Net, scratch: Scratch, segments: Array, cycle: int, k: int) -> int:
    """Read a cycle as row `k` of the slice and return its flags."""
    length = scratch.rows.size // scratch.counts.size
    count, energy, flags = read_row(net, segments, cycle, scratch.rows, scratch.values, k * length)
    scratch.counts[k], scratch.energy[k], scratch.flags[k] = count, energy, flags
    return flags


@inlined
def grow(net: Net, sources: Sources, scratch: Scratch, segments: Array, first: int, last: int) -> int:
    """Grow the network by the cycles of a slice, in their order, and read them again.

    All births come before the first border is raised: if there is no room left, the caller makes room and starts the
    slice again, and nothing of its order is lost.
    """
    for cycle in range(first, last):
        if scratch.flags[cycle - first] != 0 and visit_sources(net, sources, segments, cycle, False) == FULL:
            return FULL
    for cycle in range(first, last):
        if keep_row(net, scratch, segments, cycle, cycle - first) != 0:
            visit_sources(net, sources, segments, cycle, True)
            keep_row(net, scratch, segments, cycle, cycle - first)
    return DONE


@inlined
def prepare_slice(
    thread: int,
    threads: int,
    sync: Array,
    net: Net,
    sources: Sources,
    scratch: Scratch,
    segments: Array,
    first: int,
    last: int,
) -> int:
    """Read all cycles of a slice, split over the threads; one thread alone grows if there is something to grow."""
    for cycle in range(first + thread, last, threads):
        keep_row(net, scratch, segments, cycle, cycle - first)
    wait_for_all(sync, thread, threads)
    flags = 0
    for k in range(last - first):
        flags |= scratch.flags[k]
        if flags & UNREADABLE:
            scratch.status[1] = first + k
            return BROKEN
    if flags == 0:
        return DONE
    if thread == 0:
        scratch.status[0] = grow(net, sources, scratch, segments, first, last)
    wait_for_all(sync, thread, threads)
    return int(scratch.status[0])


# ---------------------------------------------------------------------------------------------------------------------
# Forward
# ---------------------------------------------------------------------------------------------------------------------


@inlined
def forward_block(
    net: Net, block: int, rows: Array, values: Array, at: int, count: int, hidden: Array, to: int
) -> None:
    """Write ``relu(bias + sum(value * row))`` of a block to ``hidden[to:to + 64]``."""
    base = block * (net.weights.size // net.bias.size) * WIDTH
    bias = block * WIDTH
    zero = splat(f32(0))
    h0, h1, h2, h3 = load(net.bias, bias), load(net.bias, bias + 16), load(net.bias, bias + 32), load(net.bias, bias + 48)
    for i in range(at, at + count):
        w = base + np.int64(rows[i]) * WIDTH
        x = splat(values[i])
        h0 = multiply_add(x, load(net.weights, w), h0)
        h1 = multiply_add(x, load(net.weights, w + 16), h1)
        h2 = multiply_add(x, load(net.weights, w + 32), h2)
        h3 = multiply_add(x, load(net.weights, w + 48), h3)
    store(hidden, to, maximum(h0, zero))
    store(hidden, to + 16, maximum(h1, zero))
    store(hidden, to + 32, maximum(h2, zero))
    store(hidden, to + 48, maximum(h3, zero))


@inlined
def read_out_block(net: Net, block: int, hidden: Array, at: int, partials: Array, to: int) -> None:
    """Write the block's part of every output before squashing to ``partials[to:]``."""
    outputs = net.readout.size // net.bias.size
    h0, h1, h2, h3 = load(hidden, at), load(hidden, at + 16), load(hidden, at + 32), load(hidden, at + 48)
    for g in range(0, net.groups.size, GROUP):
        start, size, lane = net.groups[g], net.groups[g + 1], net.groups[g + 2]
        for q in range(size):
            w = (block * outputs + start + q) * WIDTH
            total = multiply_add(h0, load(net.readout, w), multiply(h1, load(net.readout, w + 16)))
            total = add(total, multiply_add(h2, load(net.readout, w + 32), multiply(h3, load(net.readout, w + 48))))
            partials[to + lane + q] = lane_sum(total)


@inlined
def softmax(x: Array, at: int, end: int) -> None:
    """Replace ``x[at:end]`` by its softmax; lanes that no output uses hold a huge negative number."""
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


@inlined
def squash(groups: Array, x: Array, at: int) -> None:
    """Turn sums into probabilities, output by output."""
    for g in range(0, groups.size, GROUP):
        start = at + groups[g + 2]
        end = start + groups[g + 1]
        if groups[g + 3] == SOFTMAX:
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


@kernel
def answer_rows(net: Net, first: int, last: int, segments: Array, rows: Array, values: Array, results: Array) -> int:
    """Write the outputs of the cycles ``first .. last - 1`` to ``results``, one row of lanes a cycle.

    Nothing else is written. `rows` and `values` are scratch for one cycle; the tail of `results` behind the last row
    has room for one block and one row. Returns `last`, or the cycle whose inputs are not finite.
    """
    lanes = net.readout_bias.size
    hidden = (last - first) * lanes
    partials = hidden + WIDTH
    for cycle in range(first, last):
        to = (cycle - first) * lanes
        count, _, flags = read_row(net, segments, cycle, rows, values, 0)
        if flags & UNREADABLE:
            return cycle
        for i in range(0, lanes, LANES):
            store(results, to + i, load(net.readout_bias, i))
        for block in range(net.bias.size // WIDTH):
            forward_block(net, block, rows, values, 0, count, results, hidden)
            read_out_block(net, block, results, hidden, results, partials)
            for i in range(0, lanes, LANES):
                store(results, to + i, add(load(results, to + i), load(results, partials + i)))
        squash(net.groups, results, to)
    return last


# ---------------------------------------------------------------------------------------------------------------------
# Learn
# ---------------------------------------------------------------------------------------------------------------------


@inlined
def subtract_expected(groups: Array, outputs: Array, cycle: int, x: Array, at: int) -> float:
    """Replace probabilities by their distance from what was expected and return the worst one.

    An output that the task does not train gets the distance 0. Between 0 and 1, where an expected value is a
    measurement and not a class, a distance counts ten times.
    """
    worst = f32(0)
    zero, one, factor = splat(f32(0)), splat(f32(1)), splat(f32(GRADED_FACTOR))
    for g in range(0, groups.size, GROUP):
        s = g // GROUP * SEGMENT
        count, kind = outputs[s + 2], outputs[s + 3]
        address = outputs[s] + cycle * outputs[s + 1]
        for i in range(0, groups[g + 1], LANES):
            to = at + groups[g + 2] + i
            if count == 0:
                store(x, to, zero)
                continue
            expected = read_lanes(address + i * kind, kind, count - i)
            distance = subtract(load(x, to), expected)
            store(x, to, distance)
            size = maximum(distance, subtract(zero, distance))
            graded = multiply(expected, subtract(one, expected))
            worst = max(worst, lane_maximum(where_positive(graded, multiply(size, factor), size)))
    return worst


@inlined
def learn_readout(net: Net, block: int, deltas: Array, at: int, hidden: Array, h: int, gradient: Array, to: int) -> None:
    """Move the block's read-out weights and leave the step of its hidden neurons in ``gradient[to:to + 64]``."""
    outputs = net.readout.size // net.bias.size
    zero = splat(f32(0))
    for j in range(0, WIDTH, LANES):
        active = load(hidden, h + j)
        step = zero
        for g in range(0, net.groups.size, GROUP):
            start, size, lane = net.groups[g], net.groups[g + 1], net.groups[g + 2]
            for q in range(size):
                delta = splat(deltas[at + lane + q])
                w = (block * outputs + start + q) * WIDTH + j
                weight = load(net.readout, w)
                step = multiply_add(delta, weight, step)
                store(net.readout, w, multiply_add(delta, active, weight))
        step = where_positive(active, step, zero)
        store(gradient, to + j, step)
        store(net.bias, block * WIDTH + j, add(load(net.bias, block * WIDTH + j), step))


@inlined
def learn_block(
    net: Net, block: int, rows: Array, values: Array, at: int, count: int, gradient: Array, g: int
) -> None:
    """Add ``value * gradient`` to the rows of a block."""
    base = block * (net.weights.size // net.bias.size) * WIDTH
    g0, g1, g2, g3 = load(gradient, g), load(gradient, g + 16), load(gradient, g + 32), load(gradient, g + 48)
    for i in range(at, at + count):
        w = base + np.int64(rows[i]) * WIDTH
        x = splat(values[i])
        store(net.weights, w, multiply_add(x, g0, load(net.weights, w)))
        store(net.weights, w + 16, multiply_add(x, g1, load(net.weights, w + 16)))
        store(net.weights, w + 32, multiply_add(x, g2, load(net.weights, w + 32)))
        store(net.weights, w + 48, multiply_add(x, g3, load(net.weights, w + 48)))


@inlined
def sum_outputs(net: Net, scratch: Scratch, partials: int, at: int) -> None:
    """Add the blocks' parts of a cycle in the order of the blocks, on top of the thread's copy of the biases."""
    lanes = net.readout_bias.size
    for i in range(0, lanes, LANES):
        total = load(scratch.biases, at + i)
        for block in range(net.bias.size // WIDTH):
            total = add(total, load(scratch.partials, partials + block * lanes + i))
        store(scratch.deltas, at + i, total)


@inlined
def learn_row(net: Net, scratch: Scratch, thread: int, c: int, k: int, low: int, high: int, rate: float) -> None:
    """Learn cycle `c` of the chunk, row `k` of the slice, in the blocks ``low .. high - 1`` of this thread."""
    lanes = net.readout_bias.size
    mine = thread * lanes
    step = splat(-rate)
    for i in range(mine, mine + lanes, LANES):
        delta = multiply(load(scratch.deltas, i), step)
        store(scratch.deltas, i, delta)
        store(scratch.biases, i, add(load(scratch.biases, i), delta))
    length = scratch.rows.size // scratch.counts.size
    for block in range(low, high):
        h = c * net.bias.size + block * WIDTH
        learn_readout(net, block, scratch.deltas, mine, scratch.hidden, h, scratch.gradient, block * WIDTH)
        learn_block(
            net, block, scratch.rows, scratch.values, k * length, scratch.counts[k], scratch.gradient, block * WIDTH
        )


@inlined
def rate_of(job: Job, cycle: int, energy: float) -> float:
    """Learning rate of a cycle: falls linearly over the task; many or big inputs make it smaller."""
    rate = job.first_rate + (job.last_rate - job.first_rate) * (f32(cycle) / f32(job.total))
    return rate * (f32(100) / (f32(20) + energy))


@inlined
def forward_chunk(
    net: Net, scratch: Scratch, k: int, size: int, turn: int, low: int, high: int
) -> None:
    """Run the cycles of a chunk forward in the blocks ``low .. high - 1`` of this thread."""
    lanes, blocks = net.readout_bias.size, net.bias.size // WIDTH
    length = scratch.rows.size // scratch.counts.size
    for c in range(size):
        for block in range(low, high):
            h = c * net.bias.size + block * WIDTH
            at = (k + c) * length
            forward_block(net, block, scratch.rows, scratch.values, at, scratch.counts[k + c], scratch.hidden, h)
            partial = ((turn * CHUNK + c) * blocks + block) * lanes
            read_out_block(net, block, scratch.hidden, h, scratch.partials, partial)


@inlined
def learn_slice(
    thread: int,
    threads: int,
    sync: Array,
    net: Net,
    scratch: Scratch,
    outputs: Array,
    job: Job,
    first: int,
    last: int,
    failure: float,
) -> tuple[int, float]:
    """Learn the cycles of a prepared slice, chunk by chunk; returns a status and the new failure rate.

    The cycles of a chunk are all answered before the first one is learned, so that threads need to meet only once a
    chunk. Two sets of partial sums take turns: the next chunk may start while a slower thread still reads this one.
    """
    lanes, blocks = net.readout_bias.size, net.bias.size // WIDTH
    low, high = blocks * thread // threads, blocks * (thread + 1) // threads
    mine = thread * lanes
    turn = 0
    cycle = first
    while cycle < last:
        size = min(CHUNK, max(1, int(f32(CHUNK_FAILURES) / failure)), last - cycle)
        forward_chunk(net, scratch, cycle - first, size, turn, low, high)
        wait_for_all(sync, thread, threads)
        for c in range(size):
            sum_outputs(net, scratch, (turn * CHUNK + c) * blocks * lanes, mine)
            if not is_finite(scratch.deltas, mine, lanes):
                scratch.status[1] = cycle + c
                return BROKEN, failure
            squash(net.groups, scratch.deltas, mine)
            failed = subtract_expected(net.groups, outputs, cycle + c, scratch.deltas, mine) >= f32(CONFIDENT)
            failure += f32(FAILURE_DECAY) * ((f32(1) if failed else f32(0)) - failure)
            if failed:
                k = cycle + c - first
                learn_row(net, scratch, thread, c, k, low, high, rate_of(job, cycle + c, scratch.energy[k]))
        turn = 1 - turn
        cycle += size
    return DONE, failure


@kernel
def train_rows(
    thread: int,
    threads: int,
    sync: Array,
    net: Net,
    sources: Sources,
    scratch: Scratch,
    inputs: Array,
    outputs: Array,
    job: Job,
) -> int:
    """Train the cycles ``job.first .. job.last - 1``, slice by slice; all threads call it with the same arguments.

    Returns a status: `DONE`, `FULL` if rows are needed before slice `scratch.status[1]` can be trained, or `BROKEN`
    if values of cycle `scratch.status[1]` are not finite.
    """
    lanes = net.readout_bias.size
    for i in range(lanes):
        scratch.biases[thread * lanes + i] = net.readout_bias[i]
    failure = net.failure[0]
    status, cycle = DONE, job.first
    while cycle < job.last and status == DONE:
        end = min(job.last, (cycle // job.slice + 1) * job.slice)
        status = prepare_slice(thread, threads, sync, net, sources, scratch, inputs, cycle, end)
        if status == DONE:
            status, failure = learn_slice(
                thread, threads, sync, net, scratch, outputs, job, cycle, end, failure
            )
            cycle = end
        elif status == FULL:
            scratch.status[1] = cycle
    wait_for_all(sync, thread, threads)
    if thread == 0:
        net.failure[0] = failure
        for i in range(lanes):
            net.readout_bias[i] = scratch.biases[i]
    return status
