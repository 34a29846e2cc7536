"""What can be done with predictions, for routes of any Api and for other plugins. Knows no HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hanami_core.access import Access
from hanami_core.errors import BadRequest, Conflict, Unprocessable
from hanami_core.runtime import Runtime
from hanami_plugins.clusters import Cluster, get_cluster, interfaces
from hanami_plugins.predictions.questions import CALL, Answer, Question, Values, pack, shapes_of, unpack

__all__ = ["LIMIT", "TIMEOUT", "Prediction", "predict"]

LIMIT, TIMEOUT = "predictions.max_values", "predictions.timeout"
"""Names of settings."""


class Prediction(NamedTuple):
    """What a cluster answers.

    Attributes:
        outputs: for each output an array of the shape (rows, values of the output).
        version: number of the stored state that has answered; it grows with each state that is stored.
        age: seconds since that state was stored, None if it is older than that is kept.
    """

    outputs: dict[str, Values]
    version: int
    age: float | None


def predict(runtime: Runtime, access: Access, cluster: str, inputs: Mapping[str, Values] | Values) -> Prediction:
    """Return what a cluster answers to rows, by its last stored state: at once, also while a task trains it.

    Args:
        runtime: the process' runtime.
        access: what the actor may do; whoever sees a cluster may ask it.
        cluster: uuid of the cluster.
        inputs: for each input of the cluster an array of the shape (rows, values of the input); of a cluster with one
            input, the array alone.

    Raises:
        NotFound: if there is no such cluster that the actor may see.
        Conflict: if the cluster was never trained.
        BadRequest: if inputs are missing or unknown, or rows have a wrong width, differ in number or are not finite.
        Unprocessable: if there are too many rows, or the network would take too much memory.
        Unavailable: if the host of the cluster does not answer.
    """
    row = get_cluster(access, cluster)
    known, outputs = interfaces(row)
    if not outputs:
        raise Conflict("cluster_never_trained", uuid=row.uuid)
    inputs = inputs if isinstance(inputs, Mapping) else {_only(known): inputs}
    _check(inputs, known)
    rows = len(next(iter(inputs.values())))
    values = rows * (sum(known.values()) + sum(outputs.values()))
    if values > (most := runtime.settings[LIMIT]):
        raise Unprocessable("prediction_too_large", rows=rows, values=values, limit=most, setting=LIMIT)
    return _asked(runtime, row, inputs)


def _only(known: Mapping[str, int]) -> str:
    if len(known) > 1:
        raise BadRequest("prediction_names_missing", known=", ".join(known))
    return next(iter(known))


def _check(inputs: Mapping[str, Values], known: Mapping[str, int]) -> None:
    names = ", ".join(known)
    for name in inputs:
        if name not in known:
            raise BadRequest("prediction_input_unknown", input=name, known=names)
    for name, width in known.items():
        if name not in inputs:
            raise BadRequest("prediction_input_missing", input=name, known=names)
        given = inputs[name]
        if given.ndim != 2 or not len(given):
            raise BadRequest("prediction_rows_missing", input=name)
        if given.shape[1] != width:
            raise BadRequest("prediction_width", input=name, width=given.shape[1], expected=width)
        if not np.isfinite(given).all():
            row = int(np.argmin(np.isfinite(given).all(axis=1)))
            raise BadRequest("prediction_input_not_finite", input=name, row=row)
    counts = {name: len(given) for name, given in inputs.items()}
    if len(set(counts.values())) > 1:
        raise BadRequest("prediction_rows_differ", counts=", ".join(f"{name} {rows}" for name, rows in counts.items()))


def _asked(runtime: Runtime, row: Cluster, inputs: Mapping[str, Values]) -> Prediction:
    question = pack(Question(shapes_of(inputs), row.uuid, row.version), inputs)
    found = runtime.host_calls.ask(row.host, CALL, question, runtime.settings[TIMEOUT])
    answer, outputs = unpack(found, Answer)
    age = None if answer.stored_at is None else max(0.0, time.time() - answer.stored_at)
    return Prediction(outputs, answer.version, age)
