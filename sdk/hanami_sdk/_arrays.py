"""Rows of numbers as the bytes of a file of NumPy, for calls that take one. Takes lists or arrays; needs no NumPy.

The format is described in https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from io import BytesIO
from typing import Any

__all__ = ["NPY", "NPZ", "to_npy", "to_npz"]

NPY, NPZ = "application/x-npy", "application/x-npz"
"""Media types."""
LEAST_VALUES = 256
"""Lists with fewer values are as quick to send as text."""
_KINDS = "biuf"
_ALIGNMENT = 64
_FLOATS = "<f4" if sys.byteorder == "little" else ">f4"
"""Numbers of a list, in the precision that networks have."""


def to_npz(arrays: Mapping[str, bytes]) -> bytes:
    """Return a file with several arrays, each given as the content of an ``.npy`` file."""
    from zipfile import ZipFile

    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def to_npy(rows: Any) -> bytes | None:
    """Return rows as the content of an ``.npy`` file.

    None if they are few, or differ in length, or are not plain numbers.
    """
    if hasattr(rows, "to_numpy"):  # pandas and Polars
        rows = rows.to_numpy()
    if hasattr(rows, "mask"):  # what is masked has no value
        return None
    if all(hasattr(rows, name) for name in ("dtype", "shape", "tobytes")):
        plain = len(rows.shape) == 2 and getattr(rows.dtype, "kind", "") in _KINDS
        return _head(rows.dtype.str, *rows.shape) + rows.tobytes() if plain else None
    return _of_lists(rows) if isinstance(rows, list | tuple) else None


def _of_lists(rows: list[Any] | tuple[Any, ...]) -> bytes | None:
    if not rows or not all(isinstance(row, list | tuple) for row in rows):
        return None
    width = len(rows[0])
    if len(rows) * width < LEAST_VALUES or any(len(row) != width for row in rows):
        return None
    try:
        values = [array("f", row).tobytes() for row in rows]
    except (TypeError, OverflowError):
        return None
    return b"".join([_head(_FLOATS, len(rows), width), *values])


def _head(kind: str, rows: int, width: int) -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {width}), }}"
    begin = 10  # what is before the text
    padded = text + " " * (-(begin + len(text) + 1) % _ALIGNMENT) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()
