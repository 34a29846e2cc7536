"""Arrays for the kernels: making them, and packing the synapses of a state into rows. Plain NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hanami_core.network import Array
from hanami_plugins.networks_synapse.synapse_layout import (
    ALWAYS,
    BINARY,
    BLOCK_STRIDE,
    COUNT,
    GROUPS,
    HEAD_STRIDE,
    HEXAGON_STRIDE,
    KIND,
    LINKS,
    MARK_STRIDE,
    MATCH,
    NO_LIMIT,
    NONE,
    ROW,
    SLOTS,
    START,
    SYNAPSES,
    TOTAL,
    WALK_STRIDE,
    WALKS_OFFSET,
    WIDTH,
    Floats,
    Ints32,
    Neurons,
    SynapseNet,
)

Arrays = dict[str, Array]
LANES = 16
_CACHE_LINE = 64


def zeros(size: int, dtype: npt.DTypeLike = np.float32) -> Array:
    """Return a flat array that begins at a cache line. Memory that is never written takes no room."""
    needed = size * np.dtype(dtype).itemsize
    memory = np.zeros(needed + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + needed].view(dtype)


def room(least: int, used: int) -> int:
    """Return a power of two that is not below either number."""
    return max(least, 1 << max(used - 1, 0).bit_length())


def for_rows(rows: int, reduction: bool) -> Arrays:
    """Return the arrays of `SynapseNet` that hold sections."""
    return {
        "heads": zeros(rows * HEAD_STRIDE),
        "marks": zeros(rows * MARK_STRIDE, np.int32),
        "synapses": zeros(rows * ROW),
        "borders": zeros(rows * SYNAPSES),
        "activity": zeros(rows * SYNAPSES if reduction else 0, np.uint8),
        "free_rows": zeros(rows, np.int32),
    }


def for_blocks(blocks: int, base: int) -> Arrays:
    """Return the arrays of `SynapseNet` that hold blocks; the source before `base` never has a potential."""
    return {
        "slot_rows": np.full(blocks * SLOTS, NONE, np.int32),
        "slot_sources": np.full(blocks * SLOTS, base - 1, np.int32),
        "blocks": zeros(blocks * BLOCK_STRIDE, np.int32),
    }


def for_neurons(net: SynapseNet) -> Neurons:
    """Return memory for the cycles of a network."""
    rows, blocks, lanes = net.marks.size // MARK_STRIDE, net.blocks.size // BLOCK_STRIDE, net.links.size // LINKS
    sources = net.base + blocks * WIDTH + LANES
    return Neurons(
        potentials=zeros(sources),
        fresh=zeros(sources),
        refractory=np.ones(blocks * WIDTH, np.uint8),
        slopes=zeros(blocks * WIDTH),
        sums=zeros(blocks * WIDTH),
        deltas=zeros(blocks * WIDTH),
        values=zeros(lanes),
        expected=zeros(lanes),
        walk_rows=zeros(rows + LANES, np.int32),
        walk_potentials=zeros(rows + LANES),
        splits=zeros(rows, np.int32),
        cursor=zeros(WALKS_OFFSET + net.hexagons.size // HEXAGON_STRIDE * WALK_STRIDE, np.int64),
    )


def load_synapses(net: SynapseNet, arrays: Mapping[str, Array], marks: Ints32) -> int:
    """Fill the first rows of a network with the synapses of a state; return how many were not removed.

    Args:
        net: has the sections in its first rows; their synapses are empty.
        arrays: of the state.
        marks: shape (sections, `MARK_STRIDE`).
    """
    counts, kinds = marks[:, COUNT], marks[:, KIND]
    sections = len(counts)
    used = np.arange(SYNAPSES) < counts[:, None]
    borders = net.borders.reshape(-1, SYNAPSES)[:sections]
    borders[used] = arrays["synapse_border"]
    alive = used.copy()
    if net.activity.size:
        activity = net.activity.reshape(-1, SYNAPSES)[:sections]
        activity[used] = arrays["synapse_activity"]
        alive &= activity > 0
    groups = net.synapses.reshape(-1, GROUPS, 3, LANES)[:sections]
    begins, total = _begins(borders, used, kinds)
    net.heads.reshape(-1, HEAD_STRIDE)[:sections, TOTAL] = total
    weights = np.zeros_like(borders)
    weights[used] = arrays["synapse_weight"]
    for part, values in enumerate((begins, _shares(borders, alive, kinds), weights)):
        groups[:, :, part] = _by_neuron(values, marks[:, START]).reshape(sections, GROUPS, LANES)
    return int(np.count_nonzero(alive))


def responses(arrays: Mapping[str, Array], sections: slice, kinds: Array) -> tuple[Floats, Floats, Floats]:
    """Return how the neurons of a block respond to some sections of a state, each array of the shape (sections, 128).

    Args:
        arrays: of the state.
        sections: the sections, all of the same block.
        kinds: the kind of each of them.

    Returns:
        Where the synapse that points to a neuron begins, 1 / border, and its weight; without a synapse, the last two
        are 0.
    """
    sizes = arrays["section_size"].astype(np.int64)
    synapses = slice(sizes[: sections.start].sum(), sizes[: sections.stop].sum())
    used = np.arange(SYNAPSES) < sizes[sections, None]
    borders, weights = np.zeros(used.shape, np.float32), np.zeros(used.shape, np.float32)
    borders[used], weights[used] = arrays["synapse_border"][synapses], arrays["synapse_weight"][synapses]
    alive = used.copy()
    if "synapse_activity" in arrays:
        alive[used] = arrays["synapse_activity"][synapses] > 0
    parts = _begins(borders, used, kinds)[0], _shares(borders, alive, kinds), weights
    begins, shares, weights = (_by_neuron(part, arrays["section_start"][sections]) for part in parts)
    return begins, shares, weights


def _by_neuron(values: Floats, start: Array) -> Floats:
    """Return values of the synapses of sections in the order of the neurons that they point to."""
    order = (np.arange(SYNAPSES) - start[:, None].astype(np.int64)) % SYNAPSES
    return np.take_along_axis(values, order, axis=1)


def _begins(borders: Floats, used: npt.NDArray[np.bool_], kinds: Array) -> tuple[Floats, Floats]:
    """Return where each synapse begins and the total of each section, summed one by one as the kernels do."""
    sums = np.add.accumulate(borders, axis=1, dtype=np.float32)
    begins = np.concatenate([np.zeros((len(sums), 1), np.float32), sums[:, :-1]], axis=1)
    total = sums[:, -1].copy()
    match, binary = kinds == MATCH, kinds == BINARY
    begins[match, 0], begins[match, 1:] = -ALWAYS, borders[match, :-1]
    begins[binary] = -ALWAYS
    begins[~used] = NO_LIMIT
    total[match], total[binary] = -ALWAYS, NO_LIMIT
    return begins, total


def _shares(borders: Floats, alive: npt.NDArray[np.bool_], kinds: Array) -> Floats:
    shares = np.zeros_like(borders)
    shares[alive] = ALWAYS
    graded = alive & (kinds < BINARY)[:, None]
    shares[graded] = np.float32(1) / borders[graded]
    return shares


def save_synapses(net: SynapseNet, rows: Ints32) -> Arrays:
    """Return the arrays of a state that hold the synapses of some rows."""
    marks = net.marks.reshape(-1, MARK_STRIDE)[rows]
    used = np.arange(SYNAPSES) < marks[:, COUNT, None]
    by_neuron = net.synapses.reshape(-1, GROUPS, 3, LANES)[rows, :, 2].reshape(len(rows), SYNAPSES)
    order = (np.arange(SYNAPSES) + marks[:, START, None].astype(np.int64)) % SYNAPSES
    found: Arrays = {
        "synapse_border": net.borders.reshape(-1, SYNAPSES)[rows][used],
        "synapse_weight": np.take_along_axis(by_neuron, order, axis=1)[used],
    }
    if net.activity.size:
        found["synapse_activity"] = net.activity.reshape(-1, SYNAPSES)[rows][used]
    return found
