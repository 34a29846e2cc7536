"""How many bytes section networks take at most. Imports no compute library.

A network takes most when every source was active once, while it is trained as a stream, which keeps an average beside
the weights, and is copied to be stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.network import Template
from hanami_plugins.networks_section import deep_graph
from hanami_plugins.networks_section.network_arrays import MIN_CAPACITY, blocks_of
from hanami_plugins.networks_section.section_layout import CHUNK, LANES, WIDTH

__all__ = ["section_bytes"]

Sizes = Mapping[str, int]

FLOAT = 4
VERSIONS = 2
"""The weights, and their average over a stream."""
ARRAYS_OF_SOURCES = 6
SCRATCH_OF_SOURCE = 64 * 2
"""Numbers that a training kernel notes of a source: row and value in each cycle of a slice."""


def section_bytes(template: Template, inputs: Sizes, outputs: Sizes) -> int:
    """Return the bytes of a network that grows by sections."""
    blocks, lanes = blocks_of(template), sum(size + LANES for size in outputs.values())
    neurons, sources = blocks * WIDTH, sum(inputs.values())
    weights = 0
    if deep_graph.is_deep(template):
        for hexagon in deep_graph.hexagons(template):
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
