"""How often rows count in a `fit` of scikit-learn, and in which order they go to the server. It knows no estimator.

scikit-learn asks that a row of weight 3 is the same as the row three times, and one of weight 0 the same as no row. So
weights that are whole numbers become repetitions, as long as these do not make the table much longer, and all others
scale the steps of learning. Rows go in an order that depends on their values alone: equal rows give equal networks, in
whatever order they come. Training shuffles them anyway.
"""

from __future__ import annotations

from numbers import Number
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[Any]

MOST_COPIES = 8
"""How many times longer a table may become by repetitions."""


class Counted(NamedTuple):
    """Rows as they are trained; `weights` is how much each counts, None if all count the same."""

    features: Floats
    targets: Values
    weights: Floats | None


def counted(features: Floats, targets: Values, sample_weight: object) -> Counted:
    """Return the rows of a training.

    Args:
        features: shape (rows, features).
        targets: shape (rows,) or (rows, targets).
        sample_weight: how much each row counts, None if all count the same.

    Raises:
        ValueError: weights are not one number from 0 on for each row, or all of them are zero.
    """
    if sample_weight is None:
        order = _order(features, targets, None)
        return Counted(features[order], targets[order], None)
    weights: Floats | None = checked_weights(sample_weight, len(features))
    assert weights is not None
    there = np.flatnonzero(weights)
    weights = weights[there]
    if (weights == np.rint(weights)).all() and weights.sum() <= MOST_COPIES * len(weights):
        there, weights = there.repeat(weights.astype(np.int64)), None
    elif (weights == weights[0]).all():
        weights = None
    features, targets = features[there], targets[there]
    order = _order(features, targets, weights)
    return Counted(features[order], targets[order], None if weights is None else weights[order])


def checked_weights(sample_weight: object, rows: int) -> Floats:
    """Return weights as an array.

    Raises:
        ValueError: as `counted`.
    """
    if isinstance(sample_weight, Number):
        sample_weight = np.full(rows, sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight has the shape {weights.shape}, it must be ({rows},)")
    if (weights < 0).any():
        raise ValueError("sample_weight has negative values")
    if not weights.any():
        raise ValueError("sample_weight is zero for all rows")
    result: Floats = weights
    return result


def _order(features: Floats, targets: Values, weights: Floats | None) -> npt.NDArray[np.int64]:
    """Return the order of rows by a hash of their values, the finaliser of SplitMix64; equal rows are neighbours."""
    codes = np.unique(targets, return_inverse=True)[1].reshape(len(features), -1)
    found = np.zeros(len(features), np.uint64)
    for column in (*features.T, *codes.T, *(() if weights is None else (weights,))):
        # Adding 0 makes the two zeros one.
        values = (np.ascontiguousarray(column, np.float64) + 0.0).view(np.uint64)
        found = _mixed((found ^ values) + np.uint64(0x9E3779B97F4A7C15))
    return np.argsort(found, kind="stable")


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
