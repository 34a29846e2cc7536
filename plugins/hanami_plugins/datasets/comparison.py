"""How well a result agrees with the right answers: a confusion matrix, and errors of numbers.

Reads tables piece by piece, so memory does not depend on their rows. It knows neither the database nor HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.datasets import Table
from hanami_core.errors import BadRequest, NotFound
from hanami_plugins.datasets.tables import Ranges, comparable

__all__ = ["Comparison", "Errors", "Pair", "compare", "pair"]

PIECE = 1 << 20
"""Values of each table that are looked at together."""

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class Pair(NamedTuple):
    """A column of a result and the column with the right answers; `rows` are those that both have."""

    given: str
    expected: str
    width: int
    rows: int


class Comparison(NamedTuple):
    """What came out.

    `accuracy` tells for how many rows, in percent, the biggest value stands at the same place; None of single values.
    Errors are over all values of all rows; `r2` is the mean over the values of a row, without those that are always
    the same, and None if all are. The rest is for classes, in the order of the values of a row, and None if the right
    answers are not one-hot: `confusion[right][answered]` counts rows, and is None, too, if it would be too big;
    `precision` is the share of rows answered so that are so, `recall` the share of rows that are so and were answered
    so, None of a class without such rows.
    """

    accuracy: float | None
    mse: float
    mae: float
    r2: float | None
    confusion: list[list[int]] | None
    precision: list[float | None] | None
    recall: list[float | None] | None


def pair(result: Table, reference: Table, given: str = "", expected: str = "") -> Pair:
    """Return which columns of two tables are compared: those that are named, or else those of the same width.

    Columns of one value are paired by their name, or if each table has no other column.

    Raises:
        NotFound: if a table has no column of that name.
        BadRequest: if the columns differ in width, or it is not clear which ones are meant.
    """
    for table, name in ((result, given), (reference, expected)):
        if name and name not in table.columns:
            raise NotFound("compared_column_missing", column=name)
    left: Ranges = {given: result.columns[given]} if given else result.columns
    right: Ranges = {expected: reference.columns[expected]} if expected else reference.columns
    try:
        first, second = _single(left, right) or comparable(left, right)
    except BadRequest as error:
        raise BadRequest("compared_columns_unclear") from error
    width = _width(left[first])
    if width != _width(right[second]):
        raise BadRequest("compared_widths", column=first, width=width, other=second, expected=_width(right[second]))
    return Pair(first, second, width, min(len(result.values), len(reference.values)))


def _width(place: tuple[int, int]) -> int:
    return place[1] - place[0]


def _single(left: Ranges, right: Ranges) -> tuple[str, str] | None:
    """Return the columns if only these can be meant."""
    if len(left) == len(right) == 1:
        return next(iter(left)), next(iter(right))
    names = [name for name, place in left.items() if name in right and _width(place) == _width(right[name]) == 1]
    widths = {_width(place) for place in left.values()} & {_width(place) for place in right.values()}
    return (names[0], names[0]) if len(names) == 1 and widths == {1} else None


def compare(result: Table, reference: Table, columns: Pair, most: int) -> Comparison:
    """Compare two columns row by row; a confusion matrix has at most so many entries."""
    errors, classes = Errors(columns.width), _Classes(columns.width, most)
    for given, expected in _pieces(result, reference, columns):
        errors.add(given, expected)
        classes.add(given, expected)
    return Comparison(classes.accuracy, *errors.result(), *classes.result())


def _pieces(result: Table, reference: Table, columns: Pair) -> Iterator[tuple[Numbers, Numbers]]:
    left, right = result.column(columns.given), reference.column(columns.expected)
    step = max(1, PIECE // columns.width)
    for start in range(0, columns.rows, step):
        part = slice(start, min(start + step, columns.rows))
        yield left[part].astype(np.float64), right[part].astype(np.float64)


class Errors:
    """Errors so far, and how much the right answers vary; means and squares are merged as by Chan et al. (1979)."""

    def __init__(self, width: int) -> None:
        """Begin with no rows of so many values."""
        self._rows = 0
        self._absolute = 0.0
        self._squared = np.zeros(width)
        self._mean = np.zeros(width)
        self._spread = np.zeros(width)

    def add(self, given: Numbers, expected: Numbers) -> None:
        """Take further rows."""
        wrong = given - expected
        self._absolute += float(np.abs(wrong).sum())
        self._squared += (wrong * wrong).sum(axis=0)
        count, mean = len(expected), expected.mean(axis=0)
        apart, total = mean - self._mean, self._rows + count
        self._spread += ((expected - mean) ** 2).sum(axis=0) + apart * apart * (self._rows * count / total)
        self._mean += apart * (count / total)
        self._rows = total

    def result(self) -> tuple[float, float, float | None]:
        """Return mean squared error, mean absolute error and R², see `Comparison`."""
        values = self._rows * len(self._mean)
        varied = self._spread > 0
        r2 = float((1 - self._squared[varied] / self._spread[varied]).mean()) if varied.any() else None
        return float(self._squared.sum()) / values, self._absolute / values, r2


class _Classes:
    """Rows so far by their class and by the answer, as long as the right answers are one-hot."""

    def __init__(self, width: int, most: int) -> None:
        self._width = width
        self._rows = self._hits = 0
        self._one_hot = width > 1
        self._matrix: Counts | None = np.zeros((width, width), np.int64) if 1 < width <= most // width else None
        self._right, self._real, self._answered = np.zeros((3, width), np.int64)

    def add(self, given: Numbers, expected: Numbers) -> None:
        real, answered = expected.argmax(axis=1), given.argmax(axis=1)
        self._rows += len(real)
        self._hits += int(np.count_nonzero(real == answered))
        once = (expected == 1).sum(axis=1) == 1
        self._one_hot = self._one_hot and bool((once & ((expected != 0).sum(axis=1) == 1)).all())
        if not self._one_hot:
            return
        self._right += self._count(real[real == answered])
        self._real += self._count(real)
        self._answered += self._count(answered)
        if self._matrix is not None:
            cells = np.bincount(real * self._width + answered, minlength=self._width**2)
            self._matrix += cells.reshape(self._width, self._width)

    def _count(self, classes: Counts) -> Counts:
        return np.bincount(classes, minlength=self._width)

    @property
    def accuracy(self) -> float | None:
        return 100.0 * self._hits / self._rows if self._width > 1 else None

    def result(self) -> tuple[list[list[int]] | None, list[float | None] | None, list[float | None] | None]:
        if not self._one_hot:
            return None, None, None
        matrix = None if self._matrix is None else self._matrix.tolist()
        return matrix, _shares(self._right, self._answered), _shares(self._right, self._real)


def _shares(parts: Counts, wholes: Counts) -> list[float | None]:
    return [int(part) / int(whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]
