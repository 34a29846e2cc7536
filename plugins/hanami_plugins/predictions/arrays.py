"""NumPy's file format for a single array, read and written without pickle and without believing its head."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest
from hanami_plugins.predictions.questions import Values

__all__ = ["read", "write"]

_HEADS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
NUMBERS = "biuf"
"""Kinds of NumPy types that are read."""


def read(data: bytes) -> Values:
    """Return the rows in a file of the format ``.npy``; an array with one dimension is one row.

    Raises:
        BadRequest: if it is no such file, holds no numbers, or another number of them than its head says.
    """
    file = io.BytesIO(data)
    try:
        shape, fortran, dtype = _HEADS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # NumPy reads the head like a Python expression, with all that can be wrong with one
        raise BadRequest("array_no_npy", reason=str(error)) from None
    rest = memoryview(data)[file.tell() :]
    if dtype.kind not in NUMBERS or dtype.hasobject:
        raise BadRequest("array_no_numbers", type=str(dtype))
    if len(shape) not in (1, 2):
        raise BadRequest("array_dimensions", dimensions=len(shape))
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise BadRequest("array_size", expected=math.prod(shape) * dtype.itemsize, size=len(rest))
    found: npt.NDArray[Any] = np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused as such
        return np.atleast_2d(found).astype(np.float32, order="C", copy=False)


def write(values: Values) -> bytes:
    """Return an array in the format ``.npy``."""
    file = io.BytesIO()
    np.lib.format.write_array(file, values, allow_pickle=False)
    return file.getvalue()
