"""Exports tables as CSV, in the form in which the format ``csv`` takes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from hanami_core import hookimpl
from hanami_core.datasets import Table
from hanami_core.exports import TableExport

__all__ = ["lines"]

VALUES = 1 << 16
"""Values that are written at once, at least a row."""
LONGEST = 24
"""Characters of a number of 32 bits."""


@hookimpl
def hanami_exports() -> list[TableExport]:
    """Add the format ``csv``."""
    return [TableExport("csv", "text/csv; charset=utf-8", ".csv", lines)]


def lines(table: Table) -> Iterator[bytes]:
    """Return a line with names and one for each row; a column ``a`` of several values has the names ``a[0]``, ``a[1]``.

    Numbers are written with as many digits as tell them from all others of 32 bits.
    """
    yield _line([name for column, place in table.columns.items() for name in _names(column, *place)])
    rows = max(1, VALUES // table.values.shape[1])
    for first in range(0, len(table.values), rows):
        block = table.values[first : first + rows].astype(f"U{LONGEST}").tolist()
        yield "".join(f"{','.join(row)}\n" for row in block).encode()


def _names(column: str, start: int, end: int) -> list[str]:
    return [column] if end - start == 1 else [f"{column}[{number}]" for number in range(end - start)]


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
