"""Tables of numbers and the formats that they are read from.

A *table* is a file of rows with the same number of values, uint8 or float32, whose columns are named ranges. A *format*
turns uploaded files into a table; it runs in a process of its own with limited memory (`hanami_core.decoding`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from hanami_core import tensorfile
from hanami_core.errors import CorruptFile, InvalidFile
from hanami_core.syncing import open_steadily

MAX_COLUMNS = 100_000
MAX_VALUES = 1 << 40
_RESERVED_HEADER = 4096
_TYPES = (np.dtype(np.uint8), np.dtype(np.float32))


@runtime_checkable
class DatasetFormat(Protocol):
    """A file format in which datasets are uploaded."""

    @property
    def name(self) -> str:
        """Name in the upload path ``dataset/upload/<name>``: lower-case letters, digits and underscores."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the files of one dataset, for example ``("input", "label")``; the first one is ``input``."""

    def decode(self, files: Mapping[str, BinaryIO], table: TableWriter) -> None:
        """Read the files and write them to `table`.

        Check sizes and counts against the size of the files before allocating memory for them.

        Raises:
            InvalidFile: if a file breaks a rule of the format; the text names the file, the place and the rule.
        """


class TableWriter:
    """Writes a table file block by block, so that a table can be larger than memory."""

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._file = open_steadily(path)
        self._columns: dict[str, int] = {}
        self._dtype: np.dtype[Any] = np.dtype(np.float32)
        self._reserved = 0
        self.rows = 0

    @property
    def width(self) -> int:
        """Number of values in a row."""
        return sum(self._columns.values())

    def begin(self, columns: Mapping[str, int], dtype: npt.DTypeLike) -> None:
        """Fix names and widths of the columns, in order, and the type of all values: uint8 or float32.

        Raises:
            InvalidFile: if there are no columns, too many, or one has no name.
        """
        self._columns, self._dtype = dict(columns), np.dtype(dtype)
        if self._dtype not in _TYPES:
            raise TypeError(f"a table holds uint8 or float32, not {self._dtype}")
        if not columns or not 0 < self.width <= MAX_COLUMNS or min(columns.values()) < 1 or "" in columns:
            raise InvalidFile(f"a dataset needs 1 to {MAX_COLUMNS} named columns, got {self.width}")
        self._reserved = len(self._header(MAX_VALUES)) + _RESERVED_HEADER
        self._reserved = len(self._header(0))
        self._file.write(bytes(self._reserved))

    def append(self, block: npt.NDArray[Any]) -> None:
        """Add rows; `block` has the shape (rows, width)."""
        if block.ndim != 2 or block.shape[1] != self.width:
            raise ValueError(f"expected rows of {self.width} values, got shape {block.shape}")
        self._file.write(np.ascontiguousarray(block, self._dtype).data)
        self.rows += len(block)

    def close(self) -> None:
        """Complete the header.

        Raises:
            InvalidFile: if no row was written.
        """
        try:
            if not self.rows:
                raise InvalidFile("the dataset has no rows")
            self._file.seek(0)
            self._file.write(self._header(self.rows))
        finally:
            self._file.close()

    def _header(self, rows: int) -> bytes:
        metadata = {"kind": "table", "columns": json.dumps(self._columns)}
        return tensorfile.header_bytes({"rows": (self._dtype, (rows, self.width))}, metadata, self._reserved)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Complete the file, or leave it incomplete after an error."""
        if kind is None:
            self.close()
        else:
            self._file.close()


@dataclass(frozen=True)
class Table:
    """A table mapped into memory. `columns` maps names to half-open ranges of values in a row."""

    values: npt.NDArray[Any]
    columns: Mapping[str, tuple[int, int]]

    @classmethod
    def open(cls, path: Path) -> Table:
        """Map a table file.

        Raises:
            CorruptFile: if the file is not a table.
        """
        values, metadata = tensorfile.open_array(path, "rows")
        try:
            widths = {name: int(width) for name, width in json.loads(metadata["columns"]).items()}
            ends = np.cumsum(list(widths.values())).tolist()
            columns = {name: (end - width, end) for (name, width), end in zip(widths.items(), ends, strict=True)}
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise CorruptFile("the table's description is broken") from error
        fits = values.ndim == 2 and ends and ends[-1] == values.shape[1] and min(widths.values()) > 0
        if not fits or values.dtype not in _TYPES:
            raise CorruptFile("the table's description does not fit its values")
        return cls(values, columns)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return the values of one column, shape (rows, width), without a copy."""
        start, end = self.columns[name]
        return self.values[:, start:end]
