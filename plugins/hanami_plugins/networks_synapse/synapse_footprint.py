"""How many bytes synapse networks take at most, with the copy that is stored. Imports no compute library."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.network import Template
from hanami_plugins.networks_synapse import synapse_layout as synapse
from hanami_plugins.networks_synapse.arrays import LANES, room
from hanami_plugins.networks_synapse.synapse_memory import inner_sizes

__all__ = ["synapse_bytes"]

Sizes = Mapping[str, int]

FLOAT = 4

_IN_ROW = FLOAT * (synapse.HEAD_STRIDE + synapse.MARK_STRIDE + synapse.ROW + synapse.SYNAPSES + 4) + synapse.SYNAPSES
_IN_STATE = (2 * FLOAT + 1) * synapse.SYNAPSES + 8 * FLOAT
SECTION_BYTES = _IN_ROW + _IN_STATE
"""What a synapse network takes for a section, and for its copy."""


def synapse_bytes(template: Template, inputs: Sizes, outputs: Sizes) -> int:
    """Return the bytes of a network that grows by synapses, which has a most of sections whatever its interfaces are.

    Each section takes a slot of a block, at most half of which are free when a hexagon gets another one.
    """
    hexagons = len(template.hexagons)
    sections = synapse.MAX_SECTIONS if inputs else 0
    blocks = room(4, 2 * sections // synapse.SLOTS + hexagons)
    per_block = FLOAT * (2 * synapse.SLOTS + synapse.BLOCK_STRIDE + 5 * synapse.WIDTH) + synapse.WIDTH
    lanes = sum(size + LANES for size in inner_sizes(template, outputs).values())
    values = 2 * sum(size + LANES for size in inputs.values()) + lanes * (2 * synapse.LINKS + 2)
    return sections * SECTION_BYTES + blocks * per_block + 2 * FLOAT * values
