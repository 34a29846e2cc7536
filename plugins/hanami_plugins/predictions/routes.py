"""Native routes of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Page, Route
from hanami_core.ids import Uuid
from hanami_plugins.clusters import get_cluster, interfaces
from hanami_plugins.predictions import arrays
from hanami_plugins.predictions.questions import Values
from hanami_plugins.predictions.service import Prediction, predict

ACTION = "clusters.predict"
PATH = "/cluster/predict"
NPY = "application/x-npy"
LARGEST_ARRAY = 1 << 26
VERSION, AGE = "Hanami-State-Version", "Hanami-State-Age"
"""Headers of an answer that is an array."""

Table = list[list[float]]


class Predict(msgspec.Struct, forbid_unknown_fields=True):
    """A cluster, and for each of its inputs some rows of values."""

    uuid: Uuid
    inputs: dict[str, Table]


class PredictionAnswer(msgspec.Struct):
    """The rows of each output; `version` and `age` in seconds are those of the stored state that has answered."""

    uuid: str
    outputs: dict[str, Table]
    version: int
    age: float | None


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PATH, ACTION, Predict, PredictionAnswer, create),
        Route("POST", f"{PATH}/npy", ACTION, None, Page, create_from_array, max_body=LARGEST_ARRAY),
    ]


def create(call: Call, request: Predict) -> dict[str, Any]:
    """Predict: answer rows at once, also while the cluster is trained."""
    inputs = {name: _array(name, rows) for name, rows in request.inputs.items()}
    found = predict(call.runtime, call.access, request.uuid, inputs)
    outputs = {name: values.tolist() for name, values in found.outputs.items()}
    return {"uuid": request.uuid.lower(), "outputs": outputs, "version": found.version, "age": found.age}


def _array(name: str, rows: Table) -> Values:
    widths = list(map(len, rows))
    if len(set(widths)) > 1:
        row = next(number for number, width in enumerate(widths) if width != widths[0])
        raise BadRequest("prediction_ragged", input=name, row=row, width=widths[row], expected=widths[0])
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused as such
        return np.array(rows, np.float32).reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)


def create_from_array(call: Call, _: object) -> Page:
    """Predict from a NumPy array in the body, and answer with one.

    The query has the cluster's `uuid`, and the names of `input` and `output` where the cluster has several.
    """
    uuid = call.req.get_param("uuid") or ""
    inputs, outputs = interfaces(get_cluster(call.access, uuid))
    given = _one_of(inputs, "input", call.req.get_param("input"))
    wanted = _one_of(outputs, "output", call.req.get_param("output")) if outputs else ""
    found = predict(call.runtime, call.access, uuid, {given: arrays.read(b"".join(call.body))})
    _tell_state(call, found)
    return Page(arrays.write(found.outputs[wanted]), NPY)


def _one_of(known: Mapping[str, int], field: str, given: str | None) -> str:
    names = ", ".join(known)
    if given is None and len(known) == 1:
        return next(iter(known))
    if given is None:
        raise BadRequest("prediction_name_missing", field=field, known=names)
    if given not in known:
        raise BadRequest("prediction_name_unknown", field=field, name=given, known=names)
    return given


def _tell_state(call: Call, found: Prediction) -> None:
    call.resp.set_header(VERSION, str(found.version))
    if found.age is not None:
        call.resp.set_header(AGE, f"{found.age:.3f}")
