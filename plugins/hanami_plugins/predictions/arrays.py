"""From the bytes of NumPy's files to rows: ``.npy`` with one array, ``.npz`` with an array for each input.

Only plain numbers are read, and nothing that NumPy would have to execute or unpack. A file is checked against its own
length before an array is made, so that a short one cannot ask for much memory. The format is described in
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import ast
import io
import math
import struct
import zipfile

import numpy as np

from hanami_core.errors import BadRequest
from hanami_plugins.predictions.questions import Values

__all__ = ["NPY", "NPZ", "from_npy", "from_npz"]

NPY, NPZ = "application/x-npy", "application/x-npz"
"""Media types."""
_MAGIC = b"\x93NUMPY"
_KINDS = "biuf"
"""Kinds of numbers that rows may have: truth values, whole numbers with and without sign, and floats."""
_LONGEST_HEAD = 1 << 14
_ENDING = ".npy"


def from_npz(content: bytes) -> dict[str, Values]:
    """Return the arrays of a file as ``numpy.savez`` writes it, by their names.

    Raises:
        BadRequest: if it is none, is compressed, or one of its arrays cannot be rows.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = file.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise BadRequest("prediction_array_compressed")
            if sum(member.file_size for member in members) > len(content):
                raise BadRequest("prediction_array_invalid", reason="its parts are larger than the whole")
            return {member.filename.removesuffix(_ENDING): from_npy(file.read(member)) for member in members}
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, OverflowError, OSError) as error:
        raise BadRequest("prediction_array_invalid", reason=str(error) or type(error).__name__) from None


def from_npy(content: bytes) -> Values:
    """Return the array of a file as ``numpy.save`` writes it, as rows of float32; one of one dimension is a single row.

    What float32 cannot hold becomes infinite.

    Raises:
        BadRequest: if it is none, or cannot be rows.
    """
    kind, columns_first, shape, begin = _head(content)
    if kind.kind not in _KINDS or kind.hasobject:
        raise BadRequest("prediction_array_kind", kind=str(kind))
    if len(shape) not in (1, 2):
        raise BadRequest("prediction_array_dimensions", dimensions=len(shape))
    if math.prod(shape) * kind.itemsize != len(content) - begin:
        raise BadRequest("prediction_array_invalid", reason="its length is not that of its shape")
    array = np.frombuffer(content, kind, offset=begin).reshape(shape, order="F" if columns_first else "C")
    with np.errstate(over="ignore"):
        return np.atleast_2d(array).astype(np.float32, order="C", copy=False)


def _head(content: bytes) -> tuple[np.dtype[np.generic], bool, tuple[int, ...], int]:
    """Return the kind of values, whether columns come first, the shape, and where the values begin.

    NumPy's own reader takes a damaged head for one of Python 2, with warnings and errors of its tokenizer.
    """
    if content[: len(_MAGIC)] != _MAGIC:
        raise BadRequest("prediction_array_invalid", reason="it does not begin as one")
    size = 2 if content[len(_MAGIC) : len(_MAGIC) + 1] == b"\x01" else 4
    begin = len(_MAGIC) + 2 + size
    try:
        (length,) = struct.unpack_from("<H" if size == 2 else "<I", content, len(_MAGIC) + 2)
        if length > min(_LONGEST_HEAD, len(content) - begin):
            raise ValueError("its head is too long")
        head = ast.literal_eval(content[begin : begin + length].decode("latin-1"))
        kind, columns_first, shape = np.dtype(head["descr"]), bool(head["fortran_order"]), tuple(head["shape"])
        if not all(type(one) is int and one >= 0 for one in shape):
            raise ValueError("its shape is none")
    except (ValueError, TypeError, KeyError, SyntaxError, struct.error, RecursionError, MemoryError) as error:
        raise BadRequest("prediction_array_invalid", reason=f"its head cannot be read ({error})") from None
    return kind, columns_first, shape, begin + length
