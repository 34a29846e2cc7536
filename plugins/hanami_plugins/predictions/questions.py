"""What the api asks the sidecar for a prediction, and what it gets. Knows neither HTTP nor networks."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["CALL", "Answer", "Matrix", "Question", "Values", "from_arrays", "to_arrays"]

CALL = "predictions.predict"
"""Name of the call of a host."""

Values = npt.NDArray[np.float32]


class Matrix(msgspec.Struct, array_like=True):
    """Rows of values as bytes of float32, row by row."""

    rows: int
    columns: int
    values: bytes


class Question(msgspec.Struct, array_like=True):
    """Rows for each input of a cluster; `version` is that of the stored state which the asker has seen."""

    cluster: str
    version: int
    inputs: dict[str, Matrix]


class Answer(msgspec.Struct, array_like=True):
    """Rows of each output; `version` is that of the stored state which has answered, `stored_at` since when it exists.

    `stored_at` is in seconds since 1970, None if it is not known.
    """

    version: int
    stored_at: float | None
    outputs: dict[str, Matrix]


def from_arrays(arrays: Mapping[str, Values]) -> dict[str, Matrix]:
    """Return arrays as they travel."""
    return {name: Matrix(len(array), array.shape[1], array.tobytes()) for name, array in arrays.items()}


def to_arrays(matrices: Mapping[str, Matrix]) -> dict[str, Values]:
    """Return what `from_arrays` was given; the arrays are read-only."""
    return {
        name: np.frombuffer(matrix.values, np.float32).reshape(matrix.rows, matrix.columns)
        for name, matrix in matrices.items()
    }
