"""Files of NumPy's arrays, made block by block (numpy.lib.format, "Format Version 1.0")."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from hanami_core.datasets import Table

__all__ = ["Archive", "array_file", "npy", "npz"]

BLOCK = 1 << 20
"""Bytes of values that are copied at once, at least a row."""


class _ZipSink(io.RawIOBase):
    """Takes what a zip file is written as, until it is sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Say so."""
        return True

    def write(self, data: Any, /) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return what came since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class Archive:
    """A zip file that is sent while it is made: without compression, and without a time."""

    def __init__(self) -> None:
        """Begin it."""
        self._sink = _ZipSink()
        self._zip = zipfile.ZipFile(cast("io.BufferedIOBase", self._sink), "w", zipfile.ZIP_STORED)

    def add(self, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Add a file, and return the bytes of the archive as they come."""
        with self._zip.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
            for part in parts:
                file.write(part)
                yield self._sink.taken()

    def end(self) -> bytes:
        """Return the end of the archive."""
        self._zip.close()
        return self._sink.taken()


def npy(table: Table) -> Iterator[bytes]:
    """Return a file with all values of a table, in an array of the shape (rows, width)."""
    return array_file(table.values)


def npz(table: Table) -> Iterator[bytes]:
    """Return a file with an array for each column, of the shape (rows,) for a single value, else (rows, width)."""
    archive = Archive()
    for name in table.columns:
        values = table.column(name)
        yield from archive.add(f"{name}.npy", array_file(values[:, 0] if values.shape[1] == 1 else values))
    yield archive.end()


def array_file(values: npt.NDArray[Any]) -> Iterator[bytes]:
    """Return a file of an array, block by block."""
    head = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(values.dtype), "fortran_order": False, "shape": values.shape}
    np.lib.format.write_array_header_1_0(head, description)
    yield head.getvalue()
    rows = max(1, BLOCK // max(1, values.itemsize * int(np.prod(values.shape[1:]))))
    for first in range(0, len(values), rows):
        yield np.ascontiguousarray(values[first : first + rows]).tobytes()
