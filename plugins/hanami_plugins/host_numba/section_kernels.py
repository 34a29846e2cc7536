"""The two compiled entry points of section growth: `train_rows` and `answer_rows`.

`section_layout` describes their arguments, `section_reference` is the definition of what they compute. Results are the
same bit by bit for any number of threads: reading is split by cycles, everything else by blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.layers import (
    add_rows,
    base_of,
    begin_block,
    is_finite,
    is_right,
    keep_score,
    learn_readout,
    learn_rows,
    learning_rate,
    read_out_block,
    rectify,
    squash,
    subtract_expected,
)
from hanami_plugins.host_numba.section_growth import UNREADABLE, prepare_slice, read_row
from hanami_plugins.host_numba.simd import LANES, add, compiled, inlined, kernel, load, multiply, splat, store
from hanami_plugins.host_numba.sync import start_clock, wait_for_all
from hanami_plugins.networks_section import (
    BROKEN,
    CHUNK,
    CHUNK_FAILURES,
    CHUNK_STEPS,
    CONFIDENT,
    DONE,
    FAILURE,
    FAILURE_DECAY,
    FARTHEST,
    ONE,
    STATUS_CYCLE,
    TILE,
    WIDTH,
    WRONG,
    ZERO,
    Answers,
    Chunk,
    CycleSpan,
    Scratch,
    SectionNet,
    Sources,
    weights,
)

f32 = np.float32
Array = Any
Vector = Any

weight_of, steps_of, share_of = inlined(weights.weight_of), inlined(weights.steps_of), inlined(weights.share_of)
light_cycles = inlined(weights.light_cycles)


@inlined
def tile_bits(scratch: Scratch | Answers, chunk: Chunk) -> int:
    """Return in how many tiles the rows of a chunk's cycles are read, as a power of two: as many as hold `TILE` rows.

    What one cycle of a tile has read is still in the nearest cache when the next one does.
    """
    active, bits = 0, 0
    if chunk.size > 1:
        for k in range(chunk.first, chunk.first + chunk.size):
            active += scratch.counts[k]
        while active >> (bits + 1) >= chunk.size * TILE:
            bits += 1
    return bits


@compiled
def forward_chunk(net: SectionNet, scratch: Scratch | Answers, chunk: Chunk, block: int, bits: int) -> None:
    """Run a chunk forward in a block."""
    lanes, blocks = net.readout_bias.size, net.bias.size // WIDTH
    length, base = scratch.rows.size // scratch.counts.size, base_of(net, block)
    for c in range(chunk.size):
        begin_block(net, block, scratch.hidden, c * net.bias.size + block * WIDTH)
    for tile in range(1 << bits):
        for c in range(chunk.size):
            at, count = (chunk.first + c) * length, scratch.counts[chunk.first + c]
            begin, end = at + (count * tile >> bits), at + (count * (tile + 1) >> bits)
            h = c * net.bias.size + block * WIDTH
            add_rows(net, base, scratch.rows, scratch.values, begin, end, scratch.hidden, h)
    for c in range(chunk.size):
        h = c * net.bias.size + block * WIDTH
        rectify(scratch.hidden, h)
        partial = ((chunk.turn * CHUNK + c) * blocks + block) * lanes
        read_out_block(net, block, scratch.hidden, h, scratch.partials, partial)


@inlined
def add_blocks(net: SectionNet, partials: Array, at: int, i: int, total: Vector) -> Vector:
    """Return the sum of `total` and what all blocks add to 16 outputs, those from `i` on."""
    for block in range(net.bias.size // WIDTH):
        total = add(total, load(partials, at + block * net.readout_bias.size + i))
    return total


@kernel
def answer_rows(net: SectionNet, answers: Answers, segments: Array, first: int, last: int) -> int:
    """Write the outputs of the cycles ``first .. last - 1`` to ``answers.results``; the network stays as it is.

    Returns `last`, or the cycle whose inputs are not finite.
    """
    lanes, blocks, length = net.readout_bias.size, net.bias.size // WIDTH, answers.rows.size // answers.counts.size
    cycle, readable = first, True
    while cycle < last and readable:
        size = min(answers.counts.size, last - cycle)
        for c in range(size):
            answers.counts[c], _, flags = read_row(net, segments, cycle + c, answers.rows, answers.values, c * length)
            if flags & UNREADABLE:
                size, readable = c, False
                break
        chunk = Chunk(ZERO, size, ZERO)
        bits = tile_bits(answers, chunk)
        for block in range(blocks):
            forward_chunk(net, answers, chunk, block, bits)
        for c in range(size):
            to = (cycle + c - first) * lanes
            for i in range(0, lanes, LANES):
                total = add_blocks(net, answers.partials, c * blocks * lanes, i, load(net.readout_bias, i))
                store(answers.results, to + i, total)
            squash(net.groups, answers.results, to)
        cycle += size
    return cycle


@inlined
def sum_outputs(net: SectionNet, scratch: Scratch, partials: int, mine: int, delta: int) -> None:
    """Add what all blocks say to the thread's copy of the biases, into ``scratch.deltas[delta:]``."""
    lanes = net.readout_bias.size
    for i in range(0, lanes, LANES):
        store(scratch.deltas, delta + i, add_blocks(net, scratch.partials, partials, i, load(scratch.biases, mine + i)))


@inlined
def take_step(net: SectionNet, scratch: Scratch, delta: int, mine: int, rate: float) -> None:
    """Turn the gradients of a cycle into steps, and the thread's copy of the biases by them."""
    for i in range(0, net.readout_bias.size, LANES):
        step = multiply(load(scratch.deltas, delta + i), splat(-rate))
        store(scratch.deltas, delta + i, step)
        store(scratch.biases, mine + i, add(load(scratch.biases, mine + i), step))


@compiled
def learn_chunk(
    net: SectionNet, scratch: Scratch, chunk: Chunk, block: int, learned: Array, count: int, deltas: int
) -> None:
    """Learn some cycles of a chunk, ``learned[:count]``, in a block, by the steps in ``scratch.deltas[deltas:]``."""
    length, base, g = scratch.rows.size // scratch.counts.size, base_of(net, block), block * WIDTH
    for n in range(count):
        c = learned[n]
        k, h, steps = chunk.first + c, c * net.bias.size + block * WIDTH, deltas + c * net.readout_bias.size
        learn_readout(net, block, scratch.deltas, steps, scratch.hidden, h, scratch.gradient, g)
        learn_rows(net, base, scratch.rows, scratch.values, k * length, scratch.counts[k], scratch.gradient, g)


@inlined
def chunk_size(failure: Any) -> int:
    """Return how many cycles may be answered before the first of them is learned."""
    return int(min(f32(CHUNK), max(f32(1), f32(CHUNK_FAILURES) / max(failure, f32(0.001)))))


@compiled
def learn_slice(
    thread: int,
    threads: int,
    sync: Array,
    net: SectionNet,
    scratch: Scratch,
    outputs: Array,
    job: CycleSpan,
    first: int,
    last: int,
    failure: float,
) -> tuple[int, float]:
    """Learn the cycles of a prepared slice, chunk by chunk; returns a status and the new failure rate.

    The cycles of a chunk are all answered before the first one is learned, so that threads need to meet only once a
    chunk. Two sets of partial sums take turns: the next chunk may start while a slower thread still reads this one. A
    block learns a chunk right before it answers the next one, while its weights are in the cache. A cycle that is
    learned in several steps is a chunk of its own, which comes again for each of them.
    """
    lanes, blocks = net.readout_bias.size, net.bias.size // WIDTH
    low, high = blocks * thread // threads, blocks * (thread + 1) // threads
    mine, deltas = thread * lanes, thread * CHUNK * lanes
    learned = scratch.learned[thread * CHUNK : (thread + 1) * CHUNK]
    turn, cycle, step, count, before = ZERO, first, ZERO, ZERO, Chunk(ZERO, ZERO, ZERO)
    while cycle < last:
        size = light_cycles(job.weights, cycle, min(chunk_size(failure), last - cycle))
        steps = steps_of(weight_of(job.weights, cycle)) if size == 1 else ONE
        chunk = Chunk(cycle - first, size, turn)
        bits = tile_bits(scratch, chunk)
        for block in range(low, high):
            learn_chunk(net, scratch, before, block, learned, count, deltas)
            forward_chunk(net, scratch, chunk, block, bits)
        wait_for_all(sync, thread, threads)
        likelihood, right, failed, done, count = 1.0, ZERO, False, f32(0), ZERO
        for c in range(size):
            delta = deltas + c * lanes
            sum_outputs(net, scratch, (turn * CHUNK + c) * blocks * lanes, mine, delta)
            if not is_finite(scratch.deltas, delta, lanes):
                scratch.status[STATUS_CYCLE] = cycle + c
                return BROKEN, failure
            squash(net.groups, scratch.deltas, delta)
            distance = subtract_expected(net.groups, outputs, cycle + c, scratch.deltas, delta)
            failed = distance >= f32(CONFIDENT)
            likelihood *= 1.0 - float(min(distance, FARTHEST))
            right += distance < f32(WRONG) or is_right(net.groups, scratch.deltas, delta)
            if step == 0:
                failure += f32(FAILURE_DECAY) * ((f32(1) if failed else f32(0)) - failure)
            if failed:
                rate = learning_rate(job, cycle + c, scratch.energy[cycle + c - first])
                share = share_of(weight_of(job.weights, cycle + c), steps)
                take_step(net, scratch, delta, mine, rate * share)
                learned[count] = c
                count += 1
                done += share
                if done >= f32(CHUNK_STEPS):
                    size = c + 1
                    break
        if thread == 0 and step == 0:
            keep_score(net.record, size, likelihood, right)
        before, turn = chunk, 1 - turn
        step += 1
        if step == steps or not failed:
            cycle += size
            step = ZERO
    for block in range(low, high):
        learn_chunk(net, scratch, before, block, learned, count, deltas)
    return DONE, failure


@kernel
def train_rows(
    thread: int,
    threads: int,
    sync: Array,
    net: SectionNet,
    sources: Sources,
    scratch: Scratch,
    inputs: Array,
    outputs: Array,
    job: CycleSpan,
) -> int:
    """Train the cycles ``job.first .. job.last - 1``, slice by slice; all threads call it with the same arguments.

    Returns a status, with a cycle in ``scratch.status[STATUS_CYCLE]``: `DONE`; `FULL` or `OVERSUBSCRIBED` if all before
    that cycle is done and room for rows is needed, or threads wait for each other too long; `BROKEN` if values of that
    cycle are not finite, which leaves the network in between.
    """
    if thread == 0:
        start_clock(sync)
    lanes = net.readout_bias.size
    for i in range(lanes):
        scratch.biases[thread * lanes + i] = net.readout_bias[i]
    failure = net.record[FAILURE]
    status, cycle = DONE, job.first
    while cycle < job.last and status == DONE:
        end = min(job.last, (cycle // job.slice + 1) * job.slice)
        status = prepare_slice(thread, threads, sync, net, sources, scratch, inputs, cycle, end)
        if status == DONE:
            status, failure = learn_slice(thread, threads, sync, net, scratch, outputs, job, cycle, end, failure)
            cycle = end
            # The rows of this slice may be overwritten by the next one only when no thread learns from them any more.
            wait_for_all(sync, thread, threads)
    wait_for_all(sync, thread, threads)
    if thread == 0:
        if status != BROKEN:
            scratch.status[STATUS_CYCLE] = cycle
        net.record[FAILURE] = failure
        for i in range(lanes):
            net.readout_bias[i] = scratch.biases[i]
    return status
