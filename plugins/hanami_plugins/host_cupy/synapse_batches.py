"""How cycles are learned in batches by synapse networks on GPUs.

All cycles of a batch are answered with the weights before it, and the weights move by the sum of their gradients
(summed, not averaged). A network grows by the first cycle of a batch only. So a young one, which has much to grow, is
trained cycle by cycle, as on a processor, and later in batches that become bigger. The size is chosen anew every
`SLICE` cycles, so a run that goes on at the begin of a slice goes on as if it had never stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanami_plugins.host_cupy.batches import entries_of
from hanami_plugins.networks_synapse import RATE, Floats

__all__ = ["SLICE", "TILE", "BatchPlan", "batch_size", "grown_size", "rate_of"]

f32 = np.float32
SLICE = 512
"""Cycles after which the size of batches is chosen anew."""
TILE = 64
"""Cycles of a batch at most."""
SIZES = ((512, 1), (2048, 8))
"""Up to so many training cycles since creation batches have so many cycles; afterwards as many as `grown_size` says."""
LEAST = 8
VALUES_OF_A_CYCLE = 8
"""Input values that a grown network must have for each cycle of a batch: rows of few values are much alike, and the sum
of what many of them want alike is too big a step."""
FULL_RATE = 1.5
"""Full batches learn at so many times the rate of single cycles: growing less, networks need fewer synapses to move."""


def grown_size(values: int) -> int:
    """Return how many cycles come together in a grown network with so many input values."""
    return min(TILE, max(LEAST, values // VALUES_OF_A_CYCLE // LEAST * LEAST))


def batch_size(cycles: int, most: int) -> int:
    """Return how many cycles come together in a network that was trained for so many, `most` in a grown one."""
    return min(most, next((size for limit, size in SIZES if cycles < limit), most))


def rate_of(size: int, shares: Floats) -> np.float32:
    """Return the rate of a batch in a slice of batches of some size, whose cycles count `shares` (empty: 1 each).

    A batch that weighs more than so many cycles is learned in a step that is shorter accordingly.
    """
    rate = f32(RATE) * f32(FULL_RATE if size == TILE else 1)
    weight = float(np.abs(shares).sum(dtype=f32))
    return f32(rate * min(1.0, size / max(weight, 1e-30)))


@dataclass(frozen=True)
class BatchPlan:
    """The batches of some cycles of a task.

    Attributes:
        starts: first entry of each batch, and behind the last one.
        rates: (batches).
        entries: cycle of each entry, counted from the first; empty if each cycle is an entry.
        shares: what each entry counts, see `batches.entries_of`; empty with `entries`.
    """

    starts: npt.NDArray[np.int32]
    rates: Floats
    entries: npt.NDArray[np.int32]
    shares: Floats

    @classmethod
    def of(cls, span: tuple[int, int], trained: int, weights: Floats, most: int) -> BatchPlan:
        """Return the batches of the cycles ``first .. last - 1`` of a task.

        Args:
            span: first cycle, a multiple of `SLICE`, and the one behind the last.
            trained: training cycles of the network before the task.
            weights: of all cycles of the task, empty if all are 1.
            most: cycles of a batch at most, see `grown_size`.
        """
        first, last = span
        starts, rates, entries, shares = [0], [], [np.zeros(0, np.int32)], [np.zeros(0, f32)]
        for begin in range(first, last, SLICE):
            end = min(begin + SLICE, last)
            size, count, counted = batch_size(trained + begin, most), end - begin, np.zeros(0, f32)
            if weights.size:
                found, counted = entries_of(weights, begin, end)
                entries.append(found + np.int32(begin - first))
                shares.append(counted)
                count = len(found)
            for at in range(0, count, size):
                stop = min(at + size, count)
                rates.append(rate_of(size, counted[at:stop]))
                starts.append(starts[-1] + stop - at)
        return cls(np.array(starts, np.int32), np.array(rates, f32), np.concatenate(entries), np.concatenate(shares))

    @classmethod
    def single(cls) -> BatchPlan:
        """Return the batch of a single cycle."""
        return cls(np.array([0, 1], np.int32), np.full(1, RATE, f32), np.zeros(0, np.int32), np.zeros(0, f32))
