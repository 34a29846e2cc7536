"""What clients read from tables: excerpts and accuracies. It knows neither the database nor HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.datasets import Table
from hanami_core.errors import BadRequest

_CLASSES = "label"
_BLOCK = 1 << 16
_PIECE = 1 << 12
"""Values that become text without a pause; other threads of the process stand still meanwhile."""
_GLANCE = 0.00002
"""Seconds between two pieces; without them, the interpreter would be taken again before anybody else wakes up."""
_CROWDED = 0.0003
"""Seconds that this takes if others work meanwhile."""
_CALL = 0.002
"""Seconds that most calls take."""


def excerpt(table: Table, column: str, offset: int, count: int, most: int) -> npt.NDArray[np.float32]:
    """Return `count` rows of a column from row `offset` on, but never more than `most` values in several rows.

    Raises:
        BadRequest: if the table has fewer rows, or they are too many values.
    """
    if offset + count > len(table.values):
        raise BadRequest("rows_out_of_range", first=offset, last=offset + count - 1, rows=len(table.values))
    width = table.column(column).shape[1]
    if count > 1 and count * width > most:
        raise BadRequest("values_too_many", rows=count, width=width, limit=most, fitting=max(1, most // width))
    return table.column(column)[offset : offset + count].astype(np.float32)


def as_json(rows: npt.NDArray[np.float32]) -> bytes:
    """Return rows as lists of numbers; whoever makes much of that lets others go on in between."""
    width = rows.shape[1]
    if width > _PIECE:
        return b"[" + b",".join(b"[" + b",".join(_texts(row)) + b"]" for row in rows) + b"]"
    return b"[" + b",".join(_texts(rows, max(1, _PIECE // max(1, width)))) + b"]"


def _texts(values: npt.NDArray[np.float32], piece: int = _PIECE) -> Iterator[bytes]:
    """Yield the elements of a list in pieces, without its brackets."""
    for start in range(0, len(values), piece):
        yield msgspec.json.encode(values[start : start + piece].tolist())[1:-1]
        if len(values) > piece:
            _let_others_go_on()


def _let_others_go_on() -> None:
    """Give the interpreter to whoever waits for it. If somebody did, leave it to them for as long as a call takes.

    A call gives it up with every query and would get it back after the next piece only, dozens of times.
    """
    begin = time.perf_counter()
    time.sleep(_GLANCE)
    if time.perf_counter() - begin > _CROWDED:
        time.sleep(_CALL)


def accuracy(result: Table, reference: Table) -> float:
    """Return for how many rows of two tables the biggest value stands at the same place, in percent.

    Of equal values the first one counts. Rows that only one table has are left out.

    Raises:
        BadRequest: if the tables have no columns that can be compared.
    """
    given, expected = comparable(result.columns, reference.columns)
    rows = min(len(result.values), len(reference.values))
    left, right = result.column(given), reference.column(expected)
    hits = 0
    for start in range(0, rows, _BLOCK):
        end = min(start + _BLOCK, rows)
        hits += int(np.count_nonzero(left[start:end].argmax(axis=1) == right[start:end].argmax(axis=1)))
    return 100.0 * hits / rows


Ranges = Mapping[str, tuple[int, int]]
"""Columns of a table: half-open ranges of values in a row, by name."""


def comparable(result: Ranges, reference: Ranges) -> tuple[str, str]:
    """Return a column of each table, of the same width: the first of the result that fits, and the classes.

    The classes are the column ``label`` of the reference, else the last column of that width. A single value has no
    biggest one, so columns of width 1 are left out.

    Raises:
        BadRequest: if no column of the result has the width of one of the reference.
    """
    widths = {name: end - start for name, (start, end) in reference.items()}
    for name, (start, end) in result.items():
        fitting = [other for other, width in widths.items() if width == end - start > 1]
        if fitting:
            return name, _CLASSES if _CLASSES in fitting else fitting[-1]
    raise BadRequest("datasets_not_comparable")
