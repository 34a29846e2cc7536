"""How much each row of a training counts: what a column says of it, times what its classes count.

Only the ratio of weights matters. They are scaled so that their mean over the rows of an epoch is 1, and weights of 1
are 1 exactly. All of it depends on the stored rows alone, so whoever goes on with a task comes to the same. Knows no
task and no network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hanami_core.compute import Rows
from hanami_core.errors import BadRequest
from hanami_core.network import Array
from hanami_plugins.tasks.plans import BALANCED, Fit

__all__ = ["BYTES_OF_WEIGHT", "Weighing", "check_class_weight", "weighing"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Picks = Callable[[int, int], Ints]

PIECE = 1 << 20
"""Values that are looked at at once."""
BYTES_OF_WEIGHT = 4
LONGEST_NUMBER = 9


def number_of_classes(width: int) -> int:
    """Return how many classes an output with so many values tells apart; a single value is 0 or 1."""
    return max(2, width)


def check_class_weight(fit: Fit, outputs: Mapping[str, int]) -> None:
    """Raise unless the weights of classes are those of some outputs, whose numbers of values are given by name.

    Raises:
        BadRequest: if a class does not exist, or a weight is none.
    """
    given = fit.class_weight
    if given is None or isinstance(given, str):
        return
    if len(outputs) > 1:
        raise BadRequest("class_weight_outputs", outputs=", ".join(outputs))
    ((interface, width),) = outputs.items()
    classes = number_of_classes(width)
    for name, weight in given.items():
        is_number = name.isascii() and name.isdigit() and len(name) <= LONGEST_NUMBER and str(int(name)) == name
        if not is_number or int(name) >= classes:
            raise BadRequest("class_unknown", name=name, interface=interface, last=classes - 1)
        if not math.isfinite(weight) or weight < 0:
            raise BadRequest("class_weight_odd", name=name, weight=str(weight))
    if len(given) == classes and not any(given.values()):
        raise BadRequest("class_weight_zero")


class Weighing:
    """The weights of some rows.

    Args:
        rows: what is weighed.
        sample: the weight of each row by itself, if they have any.
        factors: what each class of each output counts; none if classes do not matter.
        scale: what makes the mean 1.
    """

    def __init__(self, rows: Rows, sample: Array | None, factors: Sequence[Floats] = (), scale: float = 1.0) -> None:
        self._rows, self._sample, self.factors, self._scale = rows, sample, factors, scale

    def __call__(self, picked: Ints) -> npt.NDArray[np.float32]:
        """Return the weights of some rows, in their order."""
        return (self.unscaled(picked) * self._scale).astype(np.float32)

    def all(self, count: int) -> npt.NDArray[np.float32]:
        """Return the weights of the first rows."""
        weights = np.empty(count, np.float32)
        for first in range(0, count, PIECE):
            last = min(first + PIECE, count)
            weights[first:last] = self(np.arange(first, last))
        return weights

    def unscaled(self, picked: Ints) -> Floats:
        """Return the weights before they are scaled."""
        weights = self.own(picked)
        for item, factor in zip(self._rows.outputs, self.factors, strict=False):
            weights = weights * factor[classes_of(item.values[picked], item.name, picked)]
        return weights

    def own(self, picked: Ints) -> Floats:
        """Return what rows count by themselves.

        Raises:
            BadRequest: if a weight is negative or no number.
        """
        if self._sample is None:
            return np.ones(len(picked))
        weights = self._sample[picked].astype(np.float64)
        odd = ~(np.isfinite(weights) & (weights >= 0))
        if odd.any():
            first = int(odd.argmax())
            raise BadRequest("weight_odd", row=int(picked[first]), weight=str(weights[first]))
        return weights


def classes_of(expected: Array, interface: str, picked: Ints) -> Ints:
    """Return the class of each row of expected values.

    Raises:
        BadRequest: if a row is not one-hot, or, of single values, neither 0 nor 1.
    """
    ones = (expected == 1).sum(axis=1)
    good = ((expected == 0) | (expected == 1)).all(axis=1) & ((ones == 1) | (expected.shape[1] == 1))
    if not good.all():
        raise BadRequest("class_weight_no_class", interface=interface, row=int(picked[int((~good).argmax())]))
    found: Ints = ones if expected.shape[1] == 1 else expected.argmax(axis=1)
    return found


def weighing(
    fit: Fit, rows: Rows, sample: Array | None, picks: Picks, count: int, go_on: Callable[[], bool]
) -> Weighing | None:
    """Return the weights of the rows of a training, or None if `go_on` said no before all of them were seen.

    Args:
        fit: what is to count how much.
        rows: all rows.
        sample: the weight of each row by itself, if they have any.
        picks: tells which rows are trained, from a number on up to another.
        count: how many these are.
        go_on: called now and then.

    Raises:
        BadRequest: if a weight is none, a row has no class, or nothing counts.
    """
    pieces = _pieces(rows, picks, count, go_on)
    factors: Sequence[Floats] = ()
    if fit.class_weight is not None:
        totals = _totals(Weighing(rows, sample), rows, pieces)
        if totals is None:
            return None
        factors = [_factors(fit.class_weight, total) for total in totals]
    unscaled, total = Weighing(rows, sample, factors), 0.0
    for picked in pieces():
        if picked is None:
            return None
        total += float(unscaled.unscaled(picked).sum())
    if not 0 < total < math.inf:
        raise BadRequest("weights_all_zero" if not total else "weights_too_big")
    return Weighing(rows, sample, factors, count / total)


def _pieces(rows: Rows, picks: Picks, count: int, go_on: Callable[[], bool]) -> Callable[[], Iterator[Ints | None]]:
    """Return what goes through the rows that are trained; it ends with None if that was cut off."""
    step = max(1, PIECE // max(item.values.shape[1] for item in rows.outputs))

    def walk() -> Iterator[Ints | None]:
        for first in range(0, count, step):
            if first and not go_on():
                yield None
                return
            yield picks(first, min(first + step, count))

    return walk


def _totals(own: Weighing, rows: Rows, pieces: Callable[[], Iterator[Ints | None]]) -> list[Floats] | None:
    """Return how much the rows of each class of each output count by themselves."""
    totals = [np.zeros(number_of_classes(item.values.shape[1])) for item in rows.outputs]
    for picked in pieces():
        if picked is None:
            return None
        weights = own.own(picked)
        for total, item in zip(totals, rows.outputs, strict=True):
            found = classes_of(item.values[picked], item.name, picked)
            total += np.bincount(found, weights, minlength=len(total))
    return totals


def _factors(class_weight: str | Mapping[str, float], total: Floats) -> Floats:
    """Return what each class counts."""
    if class_weight == BALANCED:
        present = total > 0
        factors: Floats = np.zeros_like(total)
        factors[present] = total.sum() / present.sum() / total[present]
        return factors
    factors = np.ones_like(total)
    assert not isinstance(class_weight, str)
    for name, weight in class_weight.items():
        factors[int(name)] = weight
    return factors
