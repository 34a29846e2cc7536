"""Parquet files as datasets: numbers become columns, lists of numbers become ranges of columns; all is float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from hanami_core import hookimpl
from hanami_core.datasets import MAX_COLUMNS, DatasetFormat, TableWriter
from hanami_core.errors import InvalidFile

# Only a process that decodes a file imports pyarrow, so that the server starts quickly.
if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_VALUES = 1 << 18


class ParquetFormat:
    """One file, whose columns hold numbers, booleans, or lists of numbers that all have the same length."""

    name = "parquet"
    parts = ("input",)

    def decode(self, files: Mapping[str, BinaryIO], table: TableWriter) -> None:
        """Write the rows of the file, a batch at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            for batch in _batches(pq.ParquetFile(files["input"])):
                columns = {name: _values(name, batch.column(name)) for name in batch.schema.names}
                widths = {name: values.shape[1] for name, values in columns.items()}
                if not table.rows:
                    table.begin(widths, np.float32)
                    first = widths
                if widths != first:
                    raise InvalidFile("input: the lists of a column must all have the same length")
                table.append(np.concatenate(list(columns.values()), axis=1))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InvalidFile(f"input: {error}") from error


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    names = file.schema_arrow.names
    if not 0 < len(names) <= MAX_COLUMNS or len(set(names)) < len(names):
        raise InvalidFile(f"input: the file needs 1 to {MAX_COLUMNS} columns with different names")
    batches = file.iter_batches(batch_size=max(1, BATCH_VALUES // len(names)), use_threads=False)
    return (batch for batch in batches if batch.num_rows)


def _values(name: str, column: pa.Array) -> npt.NDArray[np.float32]:
    """Return the values of a column, shape (rows, width)."""
    import pyarrow as pa

    rows = len(column)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
        _refuse_gaps(name, column)
        lengths = np.diff(column.offsets) if not pa.types.is_fixed_size_list(column.type) else column.type.list_size
        if np.unique(lengths).size > 1:
            raise InvalidFile(f"input: the lists of column '{name}' must all have the same length")
        column = column.flatten()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        raise InvalidFile(f"input: column '{name}' holds {column.type}, not numbers")
    _refuse_gaps(name, column)
    with np.errstate(over="ignore"):
        values: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False).astype(np.float32).reshape(rows, -1)
    if not np.isfinite(values).all():
        raise InvalidFile(f"input: column '{name}' holds a value that is not a number of 32 bits")
    return values


def _refuse_gaps(name: str, column: pa.Array) -> None:
    if column.null_count:
        raise InvalidFile(f"input: column '{name}' has {column.null_count} rows without a value")


@hookimpl
def hanami_dataset_formats() -> list[DatasetFormat]:
    """Add the format ``parquet``."""
    return [ParquetFormat()]
