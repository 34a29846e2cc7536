"""The two compiled entry points of deep section growth: `train_deep` and `answer_deep`.

`deep_layout` describes their arguments, `deep_reference` is the definition of what they compute.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_plugins.host_numba.layers import (
    base_of,
    forward_block,
    is_finite,
    is_right,
    keep_score,
    learn_rows,
    learning_rate,
    read_out_block,
    squash,
    subtract_expected,
)
from hanami_plugins.host_numba.section_growth import UNREADABLE, read_row, visit_sources
from hanami_plugins.host_numba.simd import (
    LANES,
    add,
    append_positive,
    compiled,
    element,
    inlined,
    kernel,
    lane_sum,
    load,
    multiply,
    multiply_add,
    splat,
    store,
    where_positive,
)
from hanami_plugins.networks_section import (
    ALLOCATE_ROWS,
    BATCH,
    BROKEN,
    CONFIDENT,
    DONE,
    FAILURE,
    FAILURE_DECAY,
    FARTHEST,
    FULL,
    RAISE_BORDERS,
    STATUS_CYCLE,
    WIDTH,
    WRONG,
    ZERO,
    CycleSpan,
    DeepAnswers,
    DeepInputs,
    DeepNet,
    DeepScratch,
    SectionNet,
    Sources,
    deep_layout,
    weights,
)

f32 = np.float32
Array = Any

part = inlined(deep_layout.part)
weight_of, steps_of, share_of = inlined(weights.weight_of), inlined(weights.steps_of), inlined(weights.share_of)


@compiled
def append_hidden(net: DeepNet, hexagon: int, hidden: Array, h: int, rows: Array, values: Array, end: int) -> int:
    """Append the active neurons that feed a hexagon to its lists and return their new end."""
    origins = net.places[hexagon].origins
    for row in range(0, origins.end - origins.begin, LANES):
        value = load(hidden, h + np.int64(net.origins[origins.begin + row]))
        end += append_positive(value, net.labels, row, values, rows, end)
    return end


@compiled
def run_hexagon(
    mine: SectionNet, rows: Array, values: Array, at: int, count: int, hidden: Array, h: int, partials: Array, p: int
) -> None:
    """Run a hexagon forward and leave what it adds to the outputs in ``partials[p:]``."""
    lanes = mine.readout_bias.size
    for block in range(mine.bias.size // WIDTH):
        forward_block(mine, block, rows, values, at, count, hidden, h + block * WIDTH)
        read_out_block(mine, block, hidden, h + block * WIDTH, partials, p + lanes)
        for i in range(p, p + lanes, LANES):
            total = load(partials, i + lanes)
            store(partials, i, add(load(partials, i), total) if block else total)


@inlined
def add_lanes(target: Array, to: int, source: Array, at: int, lanes: int) -> None:
    """Add ``source[at:]`` to ``target[to:]``."""
    for i in range(0, lanes, LANES):
        store(target, to + i, add(load(target, to + i), load(source, at + i)))


@kernel
def answer_deep(net: DeepNet, answers: DeepAnswers, inputs: DeepInputs, first: int, last: int) -> int:
    """Write the outputs of the cycles ``first .. last - 1`` to ``answers.results``; the network stays as it is.

    Returns `last`, or a cycle whose inputs are not finite.
    """
    lanes, hexagons = net.readout_bias.size, net.places.size
    width = net.bias.size // hexagons
    for cycle in range(first, last):
        for i in range(0, lanes, LANES):
            store(answers.results, (cycle - first) * lanes + i, load(net.readout_bias, i))
    for begin in range(first, last, BATCH):
        for k in range(hexagons):
            mine, segments = part(net, k), inputs.segments[inputs.bounds[k] : inputs.bounds[k + 1]]
            for cycle in range(begin, min(begin + BATCH, last)):
                h, to = (cycle - begin) * net.bias.size, (cycle - first) * lanes
                count, _, flags = read_row(mine, segments, cycle, answers.rows, answers.values, ZERO)
                if flags & UNREADABLE:
                    return cycle
                count = append_hidden(net, k, answers.hidden, h, answers.rows, answers.values, count)
                h, p = h + k * width, 2 * k * lanes
                run_hexagon(mine, answers.rows, answers.values, ZERO, count, answers.hidden, h, answers.partials, p)
                add_lanes(answers.results, to, answers.partials, p, lanes)
    for cycle in range(last - first):
        squash(net.groups, answers.results, cycle * lanes)
    return last


# ---------------------------------------------------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------------------------------------------------


@compiled
def read_cycle(net: DeepNet, scratch: DeepScratch, inputs: DeepInputs, cycle: int) -> tuple[float, int]:
    """Read the inputs of a cycle for each hexagon; return the highest energy and all flags."""
    energy: Any = f32(0)
    flags = 0
    for k in range(net.places.size):
        counts, segments = scratch.counts[k], inputs.segments[inputs.bounds[k] : inputs.bounds[k + 1]]
        counts.inputs = 0
        if segments.size == 0:
            continue
        at = net.places[k].entries.begin
        count, square, found = read_row(part(net, k), segments, cycle, scratch.rows, scratch.values, at)
        counts.inputs = count
        energy, flags = max(energy, square), flags | found
    return energy, flags


@compiled
def visit_inputs(net: DeepNet, sources: Sources, inputs: DeepInputs, cycle: int, step: int) -> int:
    """Allocate the rows of a cycle's new sources in all hexagons, or raise borders, as `step` says."""
    for k in range(net.places.size):
        span = net.places[k].sources
        mine = Sources(
            sources.keys[span.begin : span.end], sources.scale[k : k + 1], sources.count[k : k + 1], sources.lanes
        )
        segments = inputs.segments[inputs.bounds[k] : inputs.bounds[k + 1]]
        if visit_sources(part(net, k), mine, segments, cycle, step) == FULL:
            return FULL
    return DONE


@compiled
def forward_cycle(net: DeepNet, scratch: DeepScratch) -> None:
    """Run a cycle that was read forward; leave the sums of the outputs in ``scratch.deltas``."""
    lanes, hexagons = net.readout_bias.size, net.places.size
    width = net.bias.size // hexagons
    for i in range(0, lanes, LANES):
        store(scratch.deltas, i, load(net.readout_bias, i))
    for k in range(hexagons):
        counts, at = scratch.counts[k], net.places[k].entries.begin
        end = append_hidden(net, k, scratch.hidden, ZERO, scratch.rows, scratch.values, at + counts.inputs)
        counts.all = end - at
        p = 2 * k * lanes
        run_hexagon(
            part(net, k), scratch.rows, scratch.values, at, end - at, scratch.hidden, k * width, scratch.partials, p
        )
        add_lanes(scratch.deltas, ZERO, scratch.partials, p, lanes)


@inlined
def learn_neurons(mine: SectionNet, block: int, steps: Array, hidden: Array, gradient: Array, h: int) -> None:
    """Move a block's read-out weights and biases; add the steps of its neurons to those in ``gradient[h:h + 64]``."""
    outputs = mine.readout.size // mine.bias.size
    zero = splat(f32(0))
    for j in range(0, WIDTH, LANES):
        active, back = load(hidden, h + j), load(gradient, h + j)
        for g in range(mine.groups.size):
            group = mine.groups[g]
            first, lane = group.first, group.lane
            for q in range(group.count):
                step = splat(element(steps, lane + q))
                w = (block * outputs + first + q) * WIDTH + j
                weight = load(mine.readout, w)
                back = multiply_add(step, weight, back)
                store(mine.readout, w, multiply_add(step, active, weight))
        back = where_positive(active, back, zero)
        store(gradient, h + j, back)
        store(mine.bias, block * WIDTH + j, add(load(mine.bias, block * WIDTH + j), back))


@inlined
def learn_links(
    mine: SectionNet, base: int, rows: Array, values: Array, at: int, end: int, origins: Array, gradient: Array, g: int
) -> None:
    """Move the rows of hidden neurons in the block at `base`; add the steps of these neurons to ``gradient``."""
    g0, g1, g2, g3 = load(gradient, g), load(gradient, g + 16), load(gradient, g + 32), load(gradient, g + 48)
    for i in range(at, end):
        row = np.int64(element(rows, i))
        w, x = base + row * WIDTH, splat(element(values, i))
        w0, w1 = load(mine.weights, w), load(mine.weights, w + 16)
        w2, w3 = load(mine.weights, w + 32), load(mine.weights, w + 48)
        low, high = multiply_add(w0, g0, multiply(w1, g1)), multiply_add(w2, g2, multiply(w3, g3))
        gradient[np.int64(origins[row])] += lane_sum(add(low, high))
        store(mine.weights, w, multiply_add(x, g0, w0))
        store(mine.weights, w + 16, multiply_add(x, g1, w1))
        store(mine.weights, w + 32, multiply_add(x, g2, w2))
        store(mine.weights, w + 48, multiply_add(x, g3, w3))


@compiled
def learn_hexagon(net: DeepNet, mine: SectionNet, scratch: DeepScratch, hexagon: int) -> None:
    """Learn a cycle in a hexagon whose followers have learned it."""
    place, counts = net.places[hexagon], scratch.counts[hexagon]
    h, at = hexagon * mine.bias.size, place.entries.begin
    middle, end = at + counts.inputs, at + counts.all
    origins = net.origins[place.origins.begin :]
    for block in range(mine.bias.size // WIDTH):
        base, g = base_of(mine, block), h + block * WIDTH
        learn_neurons(mine, block, scratch.deltas, scratch.hidden, scratch.gradient, g)
        learn_rows(mine, base, scratch.rows, scratch.values, at, middle - at, scratch.gradient, g)
        learn_links(mine, base, scratch.rows, scratch.values, middle, end, origins, scratch.gradient, g)


@compiled
def learn_cycle(net: DeepNet, scratch: DeepScratch, rate: float) -> None:
    """Learn a cycle that was run forward, from the last hexagon to the first."""
    zero = splat(f32(0))
    for i in range(0, net.readout_bias.size, LANES):
        step = multiply(load(scratch.deltas, i), splat(-rate))
        store(scratch.deltas, i, step)
        store(net.readout_bias, i, add(load(net.readout_bias, i), step))
    for i in range(0, net.bias.size, LANES):
        store(scratch.gradient, i, zero)
    hexagons = net.places.size
    for k in range(hexagons):
        learn_hexagon(net, part(net, hexagons - 1 - k), scratch, hexagons - 1 - k)


@compiled
def grow_cycle(
    net: DeepNet, sources: Sources, scratch: DeepScratch, inputs: DeepInputs, cycle: int
) -> tuple[float, int]:
    """Read a cycle and let the network grow by it; returns the energy and a status.

    Rows are allocated before the first border is raised: if there is no room left, the caller makes room and begins the
    cycle again.
    """
    energy, flags = read_cycle(net, scratch, inputs, cycle)
    if flags & UNREADABLE:
        return energy, BROKEN
    if flags != 0:
        if visit_inputs(net, sources, inputs, cycle, ALLOCATE_ROWS) == FULL:
            return energy, FULL
        visit_inputs(net, sources, inputs, cycle, RAISE_BORDERS)
        energy, _ = read_cycle(net, scratch, inputs, cycle)
    return energy, DONE


@kernel
def train_deep(
    net: DeepNet, sources: Sources, scratch: DeepScratch, inputs: DeepInputs, outputs: Array, job: CycleSpan
) -> int:
    """Train the cycles ``job.first .. job.last - 1``, one by one.

    Returns a status, with a cycle in ``scratch.status[STATUS_CYCLE]``: `DONE`; `FULL` if all before that cycle is done
    and room for rows is needed; `BROKEN` if values of that cycle are not finite, which leaves the network in between.
    """
    lanes, cycle, step = net.readout_bias.size, job.first, ZERO
    status = DONE
    while cycle < job.last:
        energy, status = grow_cycle(net, sources, scratch, inputs, cycle)
        if status != DONE:
            break
        steps = steps_of(weight_of(job.weights, cycle))
        forward_cycle(net, scratch)
        if not is_finite(scratch.deltas, ZERO, lanes):
            status = BROKEN
            break
        squash(net.groups, scratch.deltas, ZERO)
        distance = subtract_expected(net.groups, outputs, cycle, scratch.deltas, ZERO)
        right = distance < f32(WRONG) or is_right(net.groups, scratch.deltas, ZERO)
        failed = distance >= f32(CONFIDENT)
        if step == 0:
            keep_score(net.record, 1, 1.0 - float(min(distance, FARTHEST)), int(right))
            net.record[FAILURE] += f32(FAILURE_DECAY) * ((f32(1) if failed else f32(0)) - net.record[FAILURE])
        if failed:
            share = share_of(weight_of(job.weights, cycle), steps)
            learn_cycle(net, scratch, learning_rate(job, cycle, energy) * share)
        step += 1
        if step == steps or not failed:
            cycle += 1
            step = ZERO
    scratch.status[STATUS_CYCLE] = cycle
    return status
