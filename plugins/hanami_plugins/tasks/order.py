"""In which order a training takes its rows: a pure function of a seed and an epoch, made piece by piece.

A permutation is a Feistel network over the numbers below a power of four, walked until it lands among the rows; it
needs no table of all rows, and no library's random numbers, which may change with a release. Knows no task.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["RowOrder", "key_of"]

Ints = npt.NDArray[np.int64]

ROUNDS = 8
BITS = 64
SPLIT, EPOCH = range(2)
"""What random numbers are drawn for."""


def key_of(*parts: int) -> int:
    """Return 64 bits that depend on all of some numbers."""
    key = 0
    for part in parts:
        key = _mixed(np.array([(key ^ part) & (1 << BITS) - 1], np.uint64) + np.uint64(0x9E3779B97F4A7C15))[0].item()
    return key


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a hash of each number, the finaliser of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def permutation(size: int, key: int) -> Callable[[Ints], Ints]:
    """Return the function that tells which of `size` numbers stands at some positions."""
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half)) - 1)
    keys = [np.uint64(key_of(key, number)) for number in range(ROUNDS)]

    def walk(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = values >> half, values & mask
        for round_key in keys:
            left, right = right, left ^ (_mixed(right + round_key) & mask)
        return left << half | right

    def at(positions: Ints) -> Ints:
        values = walk(positions.astype(np.uint64))
        outside = values >= size
        while outside.any():
            values[outside] = walk(values[outside])
            outside = values >= size
        return values.astype(np.int64)

    return at


class RowOrder:
    """The rows of a task: which are for training, in which order each epoch takes them, and which are held back.

    Args:
        rows: number of rows.
        seed: 64 bits that decide everything.
        shuffle: whether each epoch has an order of its own; else all take the rows as they come.
        held: how many rows are held back for validation: any of them, or the last ones.
        scatter: a seed that decides which these are; None takes the last ones.
    """

    def __init__(self, rows: int, seed: int, *, shuffle: bool, held: int = 0, scatter: int | None = None) -> None:
        self.rows, self.held = rows - held, held
        self._seed, self._shuffle = seed, shuffle
        self._split = None if scatter is None or not held else permutation(rows, key_of(scatter, SPLIT))

    def training(self, first: int, last: int) -> Ints:
        """Return which rows are for training, from a number on up to another."""
        positions = np.arange(first, last, dtype=np.int64)
        return positions if self._split is None else self._split(positions)

    def validation(self, first: int, last: int) -> Ints:
        """Return which rows are held back, from a number on up to another."""
        return self.training(self.rows + first, self.rows + last)

    def epoch(self, epoch: int, first: int, last: int) -> Ints:
        """Return the rows of an epoch from a position on up to another."""
        positions = np.arange(first, last, dtype=np.int64)
        if self._shuffle:
            positions = permutation(self.rows, key_of(self._seed, EPOCH, epoch))(positions)
        return positions if self._split is None else self._split(positions)
