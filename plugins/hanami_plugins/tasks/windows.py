"""Windows: several rows of a table that are one row for a network, and their way back to rows. Knows no task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hanami_plugins.tasks.plans import TableBinding

__all__ = ["Means", "rows_of"]

Values = npt.NDArray[np.float32]


def rows_of(values: npt.NDArray[np.generic], binding: TableBinding) -> npt.NDArray[np.generic]:
    """Return the rows of a binding: row ``c`` holds `binding.rows` rows of `values` from row ``c + binding.first`` on.

    Of several rows the values of the column are copied once, however many windows see them.
    """
    values = values[binding.first :]
    if binding.rows == 1:
        return values
    width = values.shape[1]
    flat = np.ascontiguousarray(values).reshape(-1)
    return np.lib.stride_tricks.sliding_window_view(flat, binding.rows * width)[::width]


class Means:
    """The mean of what overlapping windows say of each row, piece by piece.

    Window ``c`` of a column with M values is about the rows ``c - M + 1 .. c``; what lies before row 0 is dropped.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        """Start; `widths` are the numbers of values of the windows of each column."""
        self._columns = [_Mean(width) for width in widths]
        self._waiting: list[Values] = [np.zeros(0, np.float32) for _ in widths]

    def add(self, windows: Sequence[Values]) -> Values:
        """Take further windows of each column, and return the rows that no later window of any is about."""
        found = [mean.add(some) for mean, some in zip(self._columns, windows, strict=True)]
        return self._rows(found)

    def rest(self) -> Values:
        """Return the last rows."""
        return self._rows([mean.rest() for mean in self._columns])

    def _rows(self, found: Sequence[Values]) -> Values:
        waiting = [np.concatenate(pair) for pair in zip(self._waiting, found, strict=True)]
        ready = min(map(len, waiting))
        self._waiting = [some[ready:] for some in waiting]
        return np.stack([some[:ready] for some in waiting], axis=1)


class _Mean:
    """The means of one column. The last `width` - 1 rows wait for the windows that will be about them, too."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._sums = np.zeros(0, np.float64)
        self._counts = np.zeros(0, np.int64)
        self._dropped = width - 1  # rows before row 0 that the first windows are about

    def add(self, windows: Values) -> Values:
        more = len(windows) + (self._width - 1 if not len(self._sums) else 0)
        self._sums = np.concatenate([self._sums, np.zeros(more)])
        self._counts = np.concatenate([self._counts, np.zeros(more, np.int64)])
        start = len(self._sums) - len(windows) - self._width + 1
        for offset in range(self._width):
            part = slice(start + offset, start + offset + len(windows))
            self._sums[part] += windows[:, offset]
            self._counts[part] += 1
        return self._take(len(self._sums) - self._width + 1)

    def rest(self) -> Values:
        return self._take(len(self._sums))

    def _take(self, count: int) -> Values:
        means = self._sums[:count] / np.maximum(1, self._counts[:count])
        self._sums, self._counts = self._sums[count:], self._counts[count:]
        dropped = min(self._dropped, count)
        self._dropped -= dropped
        return means[dropped:].astype(np.float32)
