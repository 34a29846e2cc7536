"""Initial weights: a function of seed, place and nothing else. Plain NumPy, the same on every host.

There is no random generator with a state, so it does not matter in which order, where or when rows are allocated.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_plugins.networks_section.section_layout import GOLDEN, WIDTH, Floats

Words = npt.NDArray[np.uint32]

INPUT = 0
OUTPUT = 1
HIDDEN = 2

ROW_GAIN = 0.7
"""Standard deviation of initial row weights, in units of ``sqrt(2 / sources)`` (He et al. 2015)."""
READOUT_GAIN = 0.3
"""Standard deviation of initial read-out weights, in units of ``sqrt(1 / hidden neurons)``."""


def mix(x: Any) -> Any:
    """Scramble uint32 values (PCG-RXS-M-XS, O'Neill 2014)."""
    state = x * np.uint32(747796405) + np.uint32(2891336453)
    word = ((state >> ((state >> np.uint32(28)) + np.uint32(4))) ^ state) * np.uint32(277803737)
    return (word >> np.uint32(22)) ^ word


def keys(seed: int, side: int, interface: int, size: int, *target: int) -> Words:
    """Return the keys of all values of an interface.

    Args:
        seed: seed of the cluster, 64 bits count.
        side: `INPUT`, `OUTPUT` or `HIDDEN`.
        interface: number of the interface in the template, or of the hidden hexagon.
        size: number of values.
        target: number of the hexagon that sections grow into, if there are several.
    """
    key = np.zeros(1, np.uint32)
    for word in (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, side, interface, *target):
        key = mix(key ^ np.uint32(word))
    result: Words = mix(key ^ np.arange(size, dtype=np.uint32))
    return result


def sections(key: Words, blocks: int, scale: np.float32) -> Floats:
    """Return uniform weights between ``-scale`` and ``scale`` of the shape (blocks, len(key), 64)."""
    steps = np.arange(blocks, dtype=np.uint32) * np.uint32(GOLDEN)
    starts = mix(key[None, :] + steps[:, None])
    words = mix(starts[:, :, None] + np.arange(WIDTH, dtype=np.uint32))
    uniform: Floats = (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return uniform * scale


def row_scale(sources: int) -> np.float32:
    """Return the scale of the rows of a network with so many sources."""
    return np.float32(math.sqrt(3) * ROW_GAIN * math.sqrt(2 / max(sources, 1)))


def readout_scale(blocks: int) -> np.float32:
    """Return the scale of the read-out of a network with so many blocks."""
    return np.float32(math.sqrt(3) * READOUT_GAIN * math.sqrt(1 / (blocks * WIDTH)))
