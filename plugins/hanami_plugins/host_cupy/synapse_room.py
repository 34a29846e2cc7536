"""Room for what may grow in a batch: a kernel begins none without it."""

from __future__ import annotations

from typing import Any

from hanami_core.errors import BadRequest
from hanami_plugins.networks_synapse import (
    HEXAGON_STRIDE,
    MARK_STRIDE,
    SLOTS,
    USED_BLOCKS,
    USED_ROWS,
    SynapseMemory,
    for_blocks,
    for_neurons,
    for_rows,
    room,
)

__all__ = ["MOST_BLOCKS", "MOST_HEXAGONS", "has_room", "roomier"]

MOST_BLOCKS, MOST_HEXAGONS = 1280, 256
"""Of a network that a kernel can train."""


def needed(memory: SynapseMemory, unallocated: int) -> tuple[int, int]:
    """Return the rows and blocks that a network must have room for before a batch, as `synapse_train.cu` asks for it.

    In a batch each section may be split, and each source may get its first section.
    """
    counts, hexagons = memory.net.counts, memory.net.hexagons.size // HEXAGON_STRIDE
    used = int(counts[USED_ROWS])
    most = 2 * (used + unallocated) + 256 * hexagons
    return used + most, int(counts[USED_BLOCKS]) + most // 256 + hexagons + 1


def has_room(memory: SynapseMemory, unallocated: int) -> bool:
    """Tell whether a network has room for whatever may grow in a batch."""
    rows, blocks = needed(memory, unallocated)
    return rows <= memory.net.marks.size // MARK_STRIDE and blocks <= memory.net.slot_rows.size // SLOTS


def roomier(memory: SynapseMemory, unallocated: int) -> SynapseMemory:
    """Return the network with room for many batches; the old one stays as it is.

    Raises:
        BadRequest: if the network has as many sections as a GPU can train.
    """
    rows, blocks = needed(memory, unallocated)
    net = memory.net
    if blocks > MOST_BLOCKS:
        raise BadRequest("sections_exhausted", sections=int(net.counts[USED_ROWS]), cycle=memory.cycles)
    fresh: Any = {
        **for_rows(room(1, rows + rows // 4), bool(net.activity.size)),
        **for_blocks(min(MOST_BLOCKS, room(1, blocks + blocks // 4)), memory.base),
    }
    for name, array in fresh.items():
        old = getattr(net, name)
        array[: old.size] = old
    other = object.__new__(SynapseMemory)
    vars(other).update(vars(memory))
    other.net = net._replace(**fresh, hexagons=net.hexagons.copy(), links=net.links.copy(), counts=net.counts.copy())
    other.net = other.net._replace(link_weights=net.link_weights.copy())
    other.neurons = for_neurons(other.net)
    for name in other.neurons._fields:
        before, after = getattr(memory.neurons, name), getattr(other.neurons, name)
        after[: before.size] = before
    return other
