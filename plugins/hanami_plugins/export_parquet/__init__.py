"""Exports tables as Parquet. Needs the library `pyarrow`: ``pip install 'hanami[parquet]'``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core import hookimpl
from hanami_core.datasets import Table
from hanami_core.exports import TableExport, library

__all__ = ["row_groups"]

VALUES = 1 << 22
"""Values of a row group, at least a row."""


@hookimpl
def hanami_exports() -> list[TableExport]:
    """Add the format ``parquet``."""
    return [TableExport("parquet", "application/vnd.apache.parquet", ".parquet", row_groups)]


class _ParquetSink(io.RawIOBase):
    """Takes what a file is written as, until it is sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Say so."""
        return True

    def tell(self) -> int:
        """Return how much was written."""
        return self._written

    def write(self, data: Any, /) -> int:
        """Keep a piece."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        """Return what came since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def row_groups(table: Table) -> Iterator[bytes]:
    """Return a file with a column for each of the table; one of several values holds lists of that size.

    Raises:
        Unprocessable: if the library is missing.
    """
    arrow, parquet = library("pyarrow", "parquet"), library("pyarrow.parquet", "parquet")
    return _written(table, arrow, parquet)


def _written(table: Table, arrow: Any, parquet: Any) -> Iterator[bytes]:
    kind = arrow.from_numpy_dtype(table.values.dtype)
    fields = [
        (name, kind if end - start == 1 else arrow.list_(kind, end - start))
        for name, (start, end) in table.columns.items()
    ]
    schema, sink = arrow.schema(fields), _ParquetSink()
    rows = max(1, VALUES // table.values.shape[1])
    with parquet.ParquetWriter(sink, schema) as writer:
        for first in range(0, len(table.values), rows):
            columns = [table.column(name)[first : first + rows] for name in table.columns]
            arrays = [_array(values, field.type, arrow) for values, field in zip(columns, schema, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _array(values: npt.NDArray[Any], kind: object, arrow: Any) -> object:
    flat = arrow.array(np.ascontiguousarray(values).reshape(-1))
    return flat if values.shape[1] == 1 else arrow.FixedSizeListArray.from_arrays(flat, type=kind)
