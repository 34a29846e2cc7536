"""How cycles are learned in batches: the schedule, and in plain NumPy what the kernels are tested against.

A GPU answers a batch of cycles with the weights before it and moves them by the sum of the gradients of those that were
not answered with confidence (summed, not averaged: see the spec of the rates in `networks_section.schedule`, which are
those of single cycles). As many cycles come together as let a few of them fail, so batches grow while a network learns.
The size is chosen anew every `SLICE` cycles, so a run that goes on at the begin of a slice goes on as if it had never
stopped. A cycle that weighs much is there several times, each time with a part of its weight.

Which rows are allocated and how far borders rise does not depend on batches, see `section_rows.cu`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_plugins.networks_section import (
    FAILURE_DECAY,
    CycleSpan,
    Floats,
    ReferenceNetwork,
    steps_and_shares,
)

__all__ = ["BATCH_FAILURES", "MOST_STEPS", "SLICE", "BatchReference", "batch_size", "entries_of"]

f32 = np.float32
SLICE = 512
"""Cycles after which the size of batches is chosen anew."""
BATCH_FAILURES = 16.0
"""Failures to expect in a batch: it has ``BATCH_FAILURES / failure rate`` cycles."""
LEAST = 8
"""Batches have a multiple of so many cycles, if they may be as big."""
MOST_STEPS = 32.0
"""Single steps that a batch comes to at most; the steps of one that is heavier are shortened alike."""


def batch_size(failure: np.float32, most: int) -> int:
    """Return how many cycles come together for a network that fails so often."""
    size = int(f32(BATCH_FAILURES) / max(f32(failure), f32(0.001))) // LEAST * LEAST
    return min(most, max(LEAST, size))


def entries_of(weights: Floats, first: int, last: int) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return the entries of some cycles that do not all weigh 1, in their order.

    Returns:
        For each entry its cycle, counted from `first`, and what it weighs: negative if the cycle was there before, and
        does not count in averages once more.
    """
    steps, shares = steps_and_shares(weights[first:last])
    entries = -np.repeat(shares, steps)
    entries[np.cumsum(steps) - steps] = shares
    return np.repeat(np.arange(len(steps), dtype=np.int32), steps), entries


class BatchReference(ReferenceNetwork):
    """Section growth that learns in batches of up to `most` cycles."""

    most = 64

    def learn(self, table: Floats, targets: Floats, span: CycleSpan) -> None:
        """Grow and learn by some cycles of a task, whose survey has been seen; see `ReferenceNetwork.learn`.

        `span.slice` counts for nothing. A span begins with a slice of entries.

        Raises:
            FloatingPointError: if what the network says is no longer finite.
        """
        known = []
        for values in table:
            self.grow(values)
            known.append(self.sources(values))
        if span.weights.size:
            cycles, shares = entries_of(span.weights, span.first, span.last)
        else:
            cycles, shares = np.arange(len(table), dtype=np.int32), np.ones(len(table), f32)
        for first in range(0, len(cycles), SLICE):
            last, size = min(first + SLICE, len(cycles)), batch_size(self.failure, self.most)
            for begin in range(first, last, size):
                chosen = slice(begin, min(begin + size, last))
                self._learn_batch(cycles[chosen], shares[chosen], known, targets, span)

    def _learn_batch(
        self, cycles: npt.NDArray[np.int32], shares: Floats, known: list[Any], targets: Floats, span: CycleSpan
    ) -> None:
        moves, weight, counted, failing = [], f32(0), 0, 0
        for cycle, share in zip(cycles.tolist(), shares.tolist(), strict=True):
            rows, values = known[cycle]
            hidden, sums = self.forward(rows, values)
            gradient, failed = self.judge(self.readout_bias + sums, targets[cycle], span.first + cycle, 1)
            counted += share >= 0
            failing += failed and share >= 0
            if failed:
                weight += f32(abs(share))
                step = -self.rate(span.first + cycle, values, span) * f32(abs(share)) * gradient
                moves.append((hidden, rows, values, step))
        if counted:
            self.failure += (f32(1) - f32(1 - FAILURE_DECAY) ** counted) * (f32(failing / counted) - self.failure)
        scale = min(f32(1), f32(MOST_STEPS) / max(weight, f32(1e-30)))
        backs = [
            np.where(hidden > 0, np.einsum("q,bqw->bw", step * scale, self.readout), f32(0))
            for hidden, _, _, step in moves
        ]
        for (hidden, rows, values, step), back in zip(moves, backs, strict=True):
            self.readout_bias += step * scale
            self.readout += (step * scale)[None, :, None] * hidden[:, None, :]
            self.bias += back
            self.weights[:, rows] += values[None, :, None] * back[:, None, :]
