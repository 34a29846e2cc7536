"""Native routes of predictions."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Route
from hanami_core.ids import Uuid
from hanami_plugins.predictions.questions import Values
from hanami_plugins.predictions.service import predict

ACTION = "clusters.predict"
PATH = "/cluster/predict"

Table = list[list[float]]


class Predict(msgspec.Struct, forbid_unknown_fields=True):
    """A cluster, and rows of values for each of its inputs; a cluster with one input needs no name for it."""

    uuid: Uuid
    inputs: dict[str, Table] | Table


class PredictionAnswer(msgspec.Struct):
    """The rows of each output; `version` and `age` in seconds are those of the stored state that has answered."""

    uuid: str
    outputs: dict[str, Table]
    version: int
    age: float | None


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PATH, ACTION, Predict, PredictionAnswer, create, reads=True),
    ]


def create(call: Call, request: Predict) -> dict[str, Any]:
    """Predict: answer rows at once, also while the cluster is trained."""
    given = request.inputs
    inputs = {name: _array(rows) for name, rows in given.items()} if isinstance(given, dict) else _array(given)
    found = predict(call.runtime, call.access, request.uuid, inputs)
    outputs = {name: values.tolist() for name, values in found.outputs.items()}
    return {"uuid": request.uuid.lower(), "outputs": outputs, "version": found.version, "age": found.age}


def _array(rows: Table) -> Values:
    widths = list(map(len, rows))
    if len(set(widths)) > 1:
        row = next(number for number, width in enumerate(widths) if width != widths[0])
        raise BadRequest("prediction_ragged", row=row, width=widths[row], expected=widths[0])
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused as such
        return np.array(rows, np.float32).reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)
