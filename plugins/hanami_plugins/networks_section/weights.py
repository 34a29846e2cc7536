"""How much a cycle counts, and in how many steps it is learned. Imports no compute library; kernels use it, too.

A step that is many times bigger than usual would throw the network past what the row says. So a cycle that weighs much
is learned in several steps, each of which sees what the one before has changed, and which end when the row is answered
well: what many repetitions of the row would come to (Karampatziakis and Langford 2011, importance weights).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hanami_plugins.networks_section.section_layout import HEAVY, MOST_STEPS, Floats, Ints

f32 = np.float32
i64: Any = np.int64
Array = Any


def weight_of(weights: Array, cycle: int) -> Any:
    """Return how much a cycle counts."""
    return weights[cycle] if weights.size > 0 else f32(1)


def steps_of(weight: Any) -> Any:
    """Return in how many steps a cycle of a weight is learned."""
    return max(i64(1), i64(math.ceil(min(weight / f32(HEAVY), f32(MOST_STEPS)))))


def share_of(weight: Any, steps: Any) -> Any:
    """Return what each of these steps counts."""
    return min(weight / f32(steps), f32(HEAVY))


def steps_and_shares(weights: Floats) -> tuple[Ints, Floats]:
    """Return `steps_of` and `share_of` of many cycles at once."""
    steps = np.maximum(np.ceil(np.minimum(weights / f32(HEAVY), f32(MOST_STEPS))), f32(1))
    return steps.astype(np.int64), np.minimum(weights / steps, f32(HEAVY))


def light_cycles(weights: Array, cycle: int, most: int) -> Any:
    """Return how many cycles, up to `most`, may be answered before the first is learned: a heavy one stands alone."""
    if weights.size == 0:
        return most
    count = i64(1)
    if weights[cycle] <= f32(HEAVY):
        while count < most and weights[cycle + count] <= f32(HEAVY):
            count += 1
    return count
