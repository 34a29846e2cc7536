"""How many bytes networks take at most. Imports no compute library.

A network takes most when every source was active once, while it is trained as a stream, which keeps an average beside
the weights, and is copied to be stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.network import Template
from hanami_plugins.host_numba.deep import graph
from hanami_plugins.host_numba.layout import CHUNK, LANES, WIDTH
from hanami_plugins.host_numba.memory import MIN_CAPACITY, blocks_of
from hanami_plugins.host_numba.synapse import layout as synapse
from hanami_plugins.host_numba.synapse.arrays import room
from hanami_plugins.host_numba.synapse.memory import inner_sizes

__all__ = ["section_bytes", "synapse_bytes"]

Sizes = Mapping[str, int]

FLOAT = 4
VERSIONS = 2
"""The weights, and their average over a stream."""
ARRAYS_OF_SOURCES = 6
SCRATCH_OF_SOURCE = 64 * 2
"""Numbers that a training kernel notes of a source: row and value in each cycle of a slice."""

_IN_ROW = FLOAT * (synapse.HEAD + synapse.MARK + synapse.ROW + synapse.SYNAPSES + 4) + synapse.SYNAPSES
_IN_STATE = (2 * FLOAT + 1) * synapse.SYNAPSES + 8 * FLOAT
SECTION_BYTES = _IN_ROW + _IN_STATE
"""What a synapse network takes for a section, and for its copy."""


def section_bytes(template: Template, inputs: Sizes, outputs: Sizes) -> int:
    """Return the bytes of a network that grows by sections."""
    blocks, lanes = blocks_of(template), sum(size + LANES for size in outputs.values())
    neurons, sources = blocks * WIDTH, sum(inputs.values())
    weights = 0
    if graph.is_deep(template):
        for hexagon in graph.hexagons(template):
            fed = sum(inputs.get(name, 0) for name in hexagon.inputs)
            read = sum(outputs.get(name, 0) for name in hexagon.outputs)
            weights += neurons * (_with_copy(fed, len(hexagon.hidden) * neurons) + 2 * read)
    else:
        weights = neurons * (_with_copy(sources) + 2 * sum(outputs.values()))
    scratch = 3 * CHUNK * blocks * lanes + CHUNK * neurons + SCRATCH_OF_SOURCE * sources
    return FLOAT * (VERSIONS * weights + ARRAYS_OF_SOURCES * sources + scratch)


def _with_copy(sources: int, hidden: int = 0) -> int:
    """Return the rows that there is room for, and those that are copied to be stored."""
    capacity = max(MIN_CAPACITY, 1 << max(sources - 1, 0).bit_length()) if sources else 0
    return capacity + sources + 2 * hidden


def synapse_bytes(template: Template, inputs: Sizes, outputs: Sizes) -> int:
    """Return the bytes of a network that grows by synapses, which has a most of sections whatever its interfaces are.

    Each section takes a slot of a block, at most half of which are free when a hexagon gets another one.
    """
    hexagons = len(template.hexagons)
    sections = synapse.MAX_SECTIONS if inputs else 0
    blocks = room(4, 2 * sections // synapse.SLOTS + hexagons)
    per_block = FLOAT * (2 * synapse.SLOTS + synapse.BLOCK + 5 * synapse.WIDTH) + synapse.WIDTH
    lanes = sum(size + LANES for size in inner_sizes(template, outputs).values())
    values = 2 * sum(size + LANES for size in inputs.values()) + lanes * (2 * synapse.LINKS + 2)
    return sections * SECTION_BYTES + blocks * per_block + 2 * FLOAT * values
