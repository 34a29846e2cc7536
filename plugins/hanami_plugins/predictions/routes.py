"""Native routes of predictions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, ContentBody, Route, RouteGroup, media_type
from hanami_core.ids import Uuid
from hanami_plugins.predictions.arrays import NPY, NPZ, from_npy, from_npz
from hanami_plugins.predictions.matrices import matrix
from hanami_plugins.predictions.questions import Values
from hanami_plugins.predictions.service import predict

GROUP = RouteGroup("predictions", "Let a trained cluster answer rows at once.", 500)
ACTION = "clusters.predict"
PATH = "/cluster/predict"

LARGEST = 1 << 26

Table = list[list[float]]


class Predict(msgspec.Struct, forbid_unknown_fields=True):
    """Rows that a cluster answers.

    Attributes:
        uuid: UUID of the cluster.
        inputs: for each input, its rows, which are lists of values; a cluster with one input needs no name for it.
    """

    uuid: Uuid
    inputs: Annotated[dict[str, Table] | Table, Meta(examples=[{"size_hex": [[1.4, 0.2], [4.7, 1.4]]}])]


class PredictArrays(msgspec.Struct, forbid_unknown_fields=True):
    """Rows that a cluster answers, as NumPy stores them: the body is the content of an ``.npy`` or ``.npz`` file.

    Attributes:
        uuid: UUID of the cluster, if the body is a file of NumPy.
    """

    uuid: Uuid


class PredictionAnswer(msgspec.Struct):
    """The answers of a cluster.

    Attributes:
        uuid: UUID of the cluster.
        outputs: for each output, one row of values for each row of the inputs.
        version: number of the stored state that answered; it grows whenever a state is stored.
        age: seconds since that state was stored; null if unknown.
    """

    uuid: Uuid
    outputs: Annotated[dict[str, Table], Meta(examples=[{"kind_hex": [[0.97, 0.03], [0.04, 0.96]]}])]
    version: Annotated[int, Meta(examples=[3])]
    age: Annotated[float | None, Meta(examples=[12.5])]


ARRAYS = ContentBody((NPY, NPZ), PredictArrays, LARGEST)


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("POST", PATH, ACTION, Predict, PredictionAnswer, create, reads=True, content=ARRAYS),
    )


def create(call: Call, request: Predict | PredictArrays) -> dict[str, Any]:
    """Predict: answer rows at once, also while the cluster is trained.

    The body can be a file of NumPy instead of JSON, with `uuid` in the query: ``.npy`` for a cluster with one input,
    or ``.npz`` with an array for each input.
    """
    inputs = _rows_of(request.inputs) if isinstance(request, Predict) else _read(call)
    found = predict(call.runtime, call.access, request.uuid, inputs)
    outputs = {name: values.tolist() for name, values in found.outputs.items()}
    return {"uuid": request.uuid.lower(), "outputs": outputs, "version": found.version, "age": found.age}


def _read(call: Call) -> dict[str, Values] | Values:
    content = b"".join(call.body)
    return from_npz(content) if media_type(call.req) == NPZ else from_npy(content)


def _rows_of(given: dict[str, Table] | Table) -> dict[str, Values] | Values:
    return {name: _array(rows) for name, rows in given.items()} if isinstance(given, dict) else _array(given)


def _array(rows: Table) -> Values:
    widths = list(map(len, rows))
    if len(set(widths)) > 1:
        row = next(number for number, width in enumerate(widths) if width != widths[0])
        raise BadRequest("prediction_ragged", row=row, width=widths[row], expected=widths[0])
    return matrix(rows, widths[0] if widths else 0)
