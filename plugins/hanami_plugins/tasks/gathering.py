"""Rows of a task in another order, gathered piece by piece into memory, or into a file if they are many.

A window of rows that are one input is gathered as one row. Must not know why the order is what it is, nor why some rows
count more than others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import numpy.typing as npt

from hanami_core.compute import Columns, Rows, memory
from hanami_core.network import Array
from hanami_core.runtime import Runtime

__all__ = ["Gathered", "gathering"]

Ints = npt.NDArray[np.int64]
Picks = Callable[[int, int], Ints]
Weigh = Callable[[Ints], npt.NDArray[np.float32]]

IN_MEMORY = 256 << 20
"""Bytes of gathered rows up to which they lie in memory, if a task may copy as many; more lie in a file."""
PIECE = 4 << 20
"""Bytes that are gathered at once."""


class Gathered:
    """Room for as many rows as an epoch has."""

    def __init__(self, rows: Rows, count: int, places: list[Array], weigh: Weigh | None, weights: Array) -> None:
        """Use rows, and a place for each of their columns and one for the weights, if rows are weighed."""
        self._sources = [_windows(item.values, rows.time_length, rows.cycles) for item in rows.inputs]
        self._sources += [item.values[: rows.cycles] for item in rows.outputs]
        self._places, self._count = places, count
        self._weigh, self._weights = weigh, weights
        names = [item.name for item in (*rows.inputs, *rows.outputs)]
        columns = [Columns(name, place) for name, place in zip(names, places, strict=True)]
        inputs, outputs = tuple(columns[: len(rows.inputs)]), tuple(columns[len(rows.inputs) :])
        self.rows = Rows(inputs, outputs, weights=None if weigh is None else weights)

    def fill(self, picks: Picks, go_on: Callable[[], bool]) -> bool:
        """Gather what `picks` tells for all positions; return False if that was cut off."""
        widest = max(place.itemsize * place.shape[1] for place in self._places)
        piece = max(1, PIECE // widest)
        for first in range(0, self._count, piece):
            last = min(first + piece, self._count)
            picked = picks(first, last)
            for source, place in zip(self._sources, self._places, strict=True):
                place[first:last] = source[picked].reshape(last - first, -1)
            if self._weigh is not None:
                self._weights[first:last] = self._weigh(picked)
            if last < self._count and not go_on():
                return False
        return True


def _windows(values: Array, length: int, cycles: int) -> Array:
    if length == 1:
        return values[:cycles]
    return np.lib.stride_tricks.sliding_window_view(values, length, axis=0).transpose(0, 2, 1)[:cycles]


@contextmanager
def gathering(runtime: Runtime, rows: Rows, count: int, weigh: Weigh | None = None) -> Iterator[Gathered]:
    """Lend room for `count` of some rows, and for what `weigh` says of each.

    Raises:
        OSError: if they need a file, and the disk is full.
    """
    widths = [item.values.shape[1] * rows.time_length for item in rows.inputs]
    widths += [item.values.shape[1] for item in rows.outputs]
    types = [item.values.dtype for item in (*rows.inputs, *rows.outputs)]
    widths, types = [*widths, 1 if weigh else 0], [*types, np.dtype(np.float32)]
    sizes = [count * width * kind.itemsize for width, kind in zip(widths, types, strict=True)]
    in_file = sum(sizes) > min(IN_MEMORY, memory.task_limit(runtime.settings))
    with ExitStack() as files:
        if in_file:
            runtime.reserve.require(sum(sizes))
        places: list[Array] = []
        for width, kind, size in zip(widths, types, sizes, strict=True):
            if in_file and size:
                path = files.enter_context(runtime.blobs.staging())
                places.append(np.memmap(path, kind, "w+", shape=(count, width)))
            else:
                places.append(np.empty((count, width), kind))
        yield Gathered(rows, count, places[:-1], weigh, places[-1].reshape(-1))
