"""From the bytes of NumPy's files to rows: ``.npy`` with one array, ``.npz`` with an array for each input.

Only plain numbers are read, and nothing that NumPy would have to execute or unpack. A file is checked against its own
length before an array is made, so that a short one cannot ask for much memory.
"""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np
from numpy.lib import format as npy

from hanami_core.errors import BadRequest
from hanami_plugins.predictions.questions import Values

__all__ = ["NPY", "NPZ", "from_npy", "from_npz"]

NPY, NPZ = "application/x-npy", "application/x-npz"
"""Media types."""
_KINDS = "biuf"
"""Kinds of numbers that rows may have: truth values, whole numbers with and without sign, and floats."""
_ENDING = ".npy"
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""What reads the head of a file, by the version of the format."""


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
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, OverflowError) as error:
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
    if min(shape) < 0 or math.prod(shape) * kind.itemsize != len(content) - begin:
        raise BadRequest("prediction_array_invalid", reason="its length is not that of its shape")
    array = np.frombuffer(content, kind, offset=begin).reshape(shape, order="F" if columns_first else "C")
    with np.errstate(over="ignore"):
        return np.atleast_2d(array).astype(np.float32, order="C", copy=False)


def _head(content: bytes) -> tuple[np.dtype[np.generic], bool, tuple[int, ...], int]:
    """Return the kind of values, whether columns come first, the shape, and where the values begin."""
    file = io.BytesIO(content)
    try:
        shape, columns_first, kind = _READERS[npy.read_magic(file)](file)
    except KeyError:
        raise BadRequest("prediction_array_invalid", reason="its version is unknown") from None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise BadRequest("prediction_array_invalid", reason=f"its head cannot be read ({error})") from None
    return kind, columns_first, shape, file.tell()
