"""Tables of the user as CSV files that a network can learn from. Takes lists, tuples or arrays; needs no NumPy."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Numbers: TypeAlias = Iterable[Any]
"""Rows of numbers: a list of lists, an array of two dimensions, ..."""


@dataclass(frozen=True)
class Scale:
    """Brings columns of numbers into the range from 0 to 1, in which outputs of a network are, and back.

    Attributes:
        lows: smallest value of each column; becomes 0.
        highs: biggest value of each column; becomes 1.
    """

    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @classmethod
    def of(cls, rows: Numbers) -> Scale:
        """Return the scale of a table.

        Raises:
            ValueError: there are no rows, or they differ in length.
        """
        columns = list(zip(*_checked(rows), strict=True))
        if not columns:
            raise ValueError("a scale needs at least one row")
        return cls(tuple(map(min, columns)), tuple(map(max, columns)))

    def apply(self, rows: Numbers) -> list[list[float]]:
        """Return rows with values from 0 to 1; values beyond those of the scale are cut off, 0 if all were equal."""
        return [[_share(*column) for column in zip(row, self.lows, self.highs, strict=True)] for row in _checked(rows)]

    def restore(self, rows: Numbers) -> list[list[float]]:
        """Return rows with the values that `apply` was given, such as answers in their own units."""
        return [
            [low + value * (high - low) for value, low, high in zip(row, self.lows, self.highs, strict=True)]
            for row in _checked(rows)
        ]


def csv_table(
    values: Numbers,
    labels: Iterable[object] | None = None,
    *,
    classes: Sequence[object] | None = None,
    targets: Numbers | None = None,
) -> bytes:
    """Return a CSV file for `Client.upload_csv`.

    Args:
        values: rows of numbers; they become the column `input`.
        labels: class of each row; they become the column `label` with one value for each class, one of them 1.
        classes: all classes, in the order of the values of `label`; if not given, those of `labels`, sorted. Give it
            if not every table holds all classes.
        targets: rows of numbers from 0 to 1, see `Scale`; they become the column `target`.

    Raises:
        ValueError: rows differ in length or number, a number is not finite, a label is none of the classes, a target
            is not between 0 and 1.
    """
    parts = [("input", _checked(values))]
    if labels is not None:
        parts.append(("label", _one_hot(labels, classes)))
    if targets is not None:
        parts.append(("target", _targets(targets)))
    return _csv(parts)


def table_of(
    inputs: Mapping[str, object],
    outputs: Mapping[str, object],
    classes: Mapping[str, Sequence[object] | None],
    weights: Mapping[str, object] | None = None,
) -> bytes:
    """Return a CSV file with a column for each input and output.

    Args:
        inputs: rows of numbers by the name of the column: lists, an array, a table of pandas or Arrow.
        outputs: rows of numbers from 0 to 1 likewise, or one class for each row.
        classes: all classes of an output, in the order of the values of its column; None for rows of numbers.
        weights: a number from 0 on for each row, by the name of a further column.

    Raises:
        ValueError: as `csv_table`, or a weight is negative.
    """
    parts = [(name, _checked(_plain(rows))) for name, rows in inputs.items()]
    parts += [(name, _expected(rows, classes[name])) for name, rows in outputs.items()]
    return _csv([*parts, *((name, _weights(column)) for name, column in (weights or {}).items())])


def classes_of(rows: object, classes: Sequence[object] | None) -> Sequence[Any] | None:
    """Return the classes of an output, by default those that are there, sorted; None if it has rows of numbers.

    Raises:
        ValueError: classes are numbers with a fraction.
    """
    given = list(_plain(rows))
    if all(hasattr(row, "__len__") and not isinstance(row, str) for row in given):
        return None
    if any(isinstance(value, float) and not value.is_integer() for value in given):
        raise ValueError("numbers with a fraction are not classes; give rows of numbers from 0 to 1, see Scale")
    return sorted(set(given)) if classes is None else classes


def _weights(column: object) -> list[list[float]]:
    rows = _checked([value] for value in _plain(column))
    for number, (weight,) in enumerate(rows):
        if weight < 0:
            raise ValueError(f"the weight of row {number} is {weight}, it must be 0 or more")
    return rows


def rows_of(rows: object) -> list[list[float]]:
    """Return rows as lists, whatever library they come from."""
    return [[float(value) for value in row] for row in _plain(rows)]


def _plain(rows: object) -> Any:
    if hasattr(rows, "to_pylist"):  # Arrow: a row of a table is a mapping from columns to values
        return [list(row.values()) if isinstance(row, Mapping) else row for row in rows.to_pylist()]
    if hasattr(rows, "to_numpy"):  # pandas and Polars; iterating their tables yields columns
        return rows.to_numpy()
    return rows


def _expected(rows: object, classes: Sequence[object] | None) -> list[list[float]]:
    given = list(_plain(rows))
    return _targets(given) if classes is None else _one_hot(given, classes)


def _csv(parts: Sequence[tuple[str, list[list[float]]]]) -> bytes:
    for name, rows in parts:
        if len(rows) != len(parts[0][1]) or not rows:
            raise ValueError(f"there are {len(parts[0][1])} rows of values, but {len(rows)} of column '{name}'")
    header = [f"{name}[{number}]" for name, rows in parts for number in range(len(rows[0]))]
    lines = (",".join(_cells(pieces)) for pieces in zip(*(rows for _, rows in parts), strict=True))
    return "\n".join([",".join(header), *lines, ""]).encode()


def _cells(pieces: tuple[Sequence[float], ...]) -> Iterator[str]:
    # Nine digits are enough to get the same number of 32 bits back.
    return (f"{value:.9g}" for piece in pieces for value in piece)


def _checked(rows: Numbers) -> list[list[float]]:
    result = [[float(value) for value in row] for row in rows]
    for number, row in enumerate(result):
        if len(row) != len(result[0]) or not row:
            raise ValueError(f"row {number} has {len(row)} values, row 0 has {len(result[0])}")
        if not all(map(math.isfinite, row)):
            raise ValueError(f"row {number} has a value that is not finite")
    return result


def _one_hot(labels: Iterable[Hashable], classes: Sequence[Hashable] | None) -> list[list[float]]:
    given = list(labels)
    known: Sequence[object] = sorted(set[Any](given)) if classes is None else classes
    places = {label: place for place, label in enumerate(known)}
    for number, label in enumerate(given):
        if label not in places:
            raise ValueError(f"label {label!r} of row {number} is none of the classes")
    return [[float(place == places[label]) for place in range(len(known))] for label in given]


def _targets(rows: Numbers) -> list[list[float]]:
    result = _checked(rows)
    for number, row in enumerate(result):
        if not 0 <= min(row) <= max(row) <= 1:
            raise ValueError(f"row {number} has a target that is not between 0 and 1, see Scale")
    return result


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0
