"""What the api asks the sidecar for a prediction, and what it gets. Knows neither HTTP nor networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.host_calls import Piece

__all__ = ["CALL", "Answer", "Question", "Shape", "Values", "pack", "shapes_of", "unpack"]

CALL = "predictions.predict"
"""Name of the call of a host."""

Values = npt.NDArray[np.float32]
Shape = tuple[int, int]
"""Number of rows and of columns."""


class Question(msgspec.Struct, array_like=True):
    """Rows for each input of a cluster; `version` is that of the stored state which the asker has seen."""

    shapes: dict[str, Shape]
    cluster: str
    version: int


class Answer(msgspec.Struct, array_like=True):
    """Rows of each output; `version` is that of the stored state which has answered, `stored_at` since when it exists.

    `stored_at` is in seconds since 1970, None if it is not known.
    """

    shapes: dict[str, Shape]
    version: int
    stored_at: float | None


Head = TypeVar("Head", Question, Answer)


def shapes_of(arrays: Mapping[str, Values]) -> dict[str, Shape]:
    """Return the shapes of arrays, each of rows."""
    return {name: (len(array), array.shape[1]) for name, array in arrays.items()}


def pack(head: Question | Answer, arrays: Mapping[str, Values]) -> list[Piece]:
    """Return as they travel a question or an answer, and the arrays whose shapes it tells."""
    values = (np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays.values())
    return [msgspec.msgpack.encode(head), *values]


def unpack(pieces: Sequence[Piece], kind: type[Head]) -> tuple[Head, dict[str, Values]]:
    """Return what `pack` was given; the arrays may be read-only."""
    head = msgspec.msgpack.decode(pieces[0], type=kind)
    arrays = {
        name: np.frombuffer(piece, np.float32).reshape(shape)
        for (name, shape), piece in zip(head.shapes.items(), pieces[1:], strict=True)
    }
    return head, arrays
