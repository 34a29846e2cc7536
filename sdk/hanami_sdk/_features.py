"""How features and targets of scikit-learn become datasets that a network learns from. It knows no estimator.

A network takes values from 0 on and ignores those below, and it answers with values from 0 to 1. So features are
scaled into 0 to 1 here, in a way in which negative ones still count, and so are the targets of a regression.

The server reads two kinds of files. `mnist` holds images of single bytes, so that features are rounded to 256 steps.
`csv` has 32-bit numbers, and the cells `x[0]`, `x[1]`, … of its header form one column `x`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from hanami_sdk._leases import leases_of
from hanami_sdk._leftovers import temporary_name
from hanami_sdk.hanami_exceptions import HanamiException

if TYPE_CHECKING:
    from hanami_sdk._client import Client
    from hanami_sdk._models import Column, Dataset

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[Any]

SCALES = ("shift", "split", None)
STEPS = 255
MNIST_CLASSES = 10
MARGIN = 0.1
"""Part of the range of answers that stays free on each side: a sigmoid comes near to 0 and 1 only slowly."""
COMMON = 0.8
FENCE = 5.0
TARGET_FENCE = 8.0
"""How many times farther from the median than `COMMON` of the others a feature or a target lies that is an outlier."""
ENOUGH = 8
"""Values beside the median from which on it can be told what is common."""
RECENT = 64
"""Rows that are remembered, to tell whether a later call has another range or only a broken value."""
WIDER = 0.1
"""Part of a range by which later rows may lie outside of it before it becomes wider."""
FORGET = 12.0
"""How many times wider than that of later rows a range may be."""


def within(columns: Floats, fence: float) -> Floats:
    """Return columns with their outliers moved to the nearest value that is none, see `FENCE`."""
    with np.errstate(over="ignore"):
        median = np.sort(columns, axis=0)[(len(columns) - 1) // 2]
        away = np.abs(columns - median)
        others = (away > 0).sum(axis=0)
        place = len(columns) - others + (COMMON * (others - 1)).astype(np.int64)
        usual = np.take_along_axis(np.sort(away, axis=0), np.minimum(place, len(columns) - 1)[None], axis=0)[0]
        believed = away <= np.where(others >= ENOUGH, fence * usual, np.inf)
    low = np.where(believed, columns, np.inf).min(axis=0)
    high = np.where(believed, columns, -np.inf).max(axis=0)
    return np.clip(columns, low, high)


@dataclass(frozen=True)
class FeatureScale:
    """Brings features into 0 to 1, by what `learn` saw, outliers left aside; values outside of that are clipped.

    Attributes:
        kind: `"shift"`: the smallest becomes 0, the biggest 1. `"split"`: a value for what is above the mean of a
            feature and one for what is below. None: values are bytes already.
        zero: what becomes 0, for each feature.
        spread: the distance from there that becomes 1, for each feature.
        recent: the last rows.
    """

    kind: str | None
    zero: Floats
    spread: Floats
    recent: Floats

    @classmethod
    def learn(cls, features: Floats, kind: str | None) -> FeatureScale:
        """Look at features, shape (rows, features)."""
        if kind is None:
            width = features.shape[1]
            return cls(kind, np.zeros(width), np.full(width, float(STEPS)), features[:0])
        believed = within(features, FENCE)
        zero = believed.mean(axis=0) if kind == "split" else believed.min(axis=0)
        spread = np.abs(believed - zero).max(axis=0)
        return cls(kind, zero, np.where(spread > 0, spread, 1.0), features[-RECENT:])

    def widened(self, features: Floats) -> FeatureScale:
        """Return the scale after later rows: wider where they have another range, new where it was far too wide."""
        if self.kind is None:
            return self
        known = np.concatenate([self.recent, features])
        new = FeatureScale.learn(known, self.kind)
        fresh = (self.recent == self.recent[0]).all(axis=0) | (self.spread > FORGET * new.spread)
        if self.kind == "split":
            zero = self.zero
            spread = np.abs(within(known, FENCE) - zero).max(axis=0)
        else:
            zero = np.where(new.zero < self.zero - WIDER * self.spread, new.zero, self.zero)
            spread = np.maximum(new.zero + new.spread, self.zero + self.spread) - zero
        spread = np.where((spread > (1 + WIDER) * self.spread) | (zero < self.zero), spread, self.spread)
        zero, spread = np.where(fresh, new.zero, zero), np.where(fresh, new.spread, spread)
        return FeatureScale(self.kind, zero, spread, new.recent)

    def apply(self, features: Floats) -> Floats:
        """Return values from 0 to 1, shape (rows, values).

        Raises:
            ValueError: there is no scaling, and a value is no byte.
        """
        if self.kind is None and (features.min() < 0 or features.max() > STEPS):
            raise ValueError(f"without scaling, values must lie between 0 and {STEPS}; use scale='shift' or 'split'")
        scaled = (features - self.zero) / self.spread
        if self.kind == "split":
            scaled = np.hstack([scaled, -scaled])
        return np.clip(scaled, 0.0, 1.0)


@dataclass(frozen=True)
class TargetScale:
    """Brings targets of a regression into 0 to 1, each by its own range, and answers back; outliers are clipped."""

    low: Floats
    high: Floats
    recent: Floats

    @classmethod
    def learn(cls, targets: Floats) -> TargetScale:
        """Look at targets, shape (rows, targets)."""
        believed = within(targets, TARGET_FENCE)
        return cls(believed.min(axis=0), believed.max(axis=0), targets[-RECENT:])

    def widened(self, targets: Floats) -> TargetScale:
        """Return the scale after later rows, see `FeatureScale.widened`."""
        new, width = TargetScale.learn(np.concatenate([self.recent, targets])), self.high - self.low
        fresh = (width > FORGET * (new.high - new.low)) | (self.recent == self.recent[0]).all(axis=0)
        low = np.where(fresh | (new.low < self.low - WIDER * width), new.low, self.low)
        high = np.where(fresh | (new.high > self.high + WIDER * width), new.high, self.high)
        return TargetScale(low, high, new.recent)

    def apply(self, targets: Floats) -> Floats:
        """Return what the network has to answer, shape (rows, targets)."""
        spread = self.high - self.low
        share = (targets - self.low) / np.where(spread > 0, spread, 1.0)
        return np.clip(MARGIN + (1 - 2 * MARGIN) * share, 0.0, 1.0)

    def undo(self, answers: Floats) -> Floats:
        """Return the targets that belong to answers."""
        return self.low + (answers - MARGIN) / (1 - 2 * MARGIN) * (self.high - self.low)


class Tables(Protocol):
    """A kind of file."""

    def encode(self, features: Floats) -> Values:
        """Return scaled features in the precision of the file."""

    @contextmanager
    def features(self, client: Client, values: Values) -> Iterator[Column]:
        """Lend the column of a dataset that holds encoded features."""

    @contextmanager
    def lesson(self, client: Client, values: Values, expected: Values) -> Iterator[tuple[Column, Column]]:
        """Lend a column of encoded features and one of what is expected for them."""


class MnistTables:
    """Files of bytes. They take least room, and each server reads them."""

    def encode(self, features: Floats) -> Values:
        """Round to bytes."""
        return np.rint(features * STEPS).astype(np.uint8)

    @contextmanager
    def features(self, client: Client, values: Values) -> Iterator[Column]:
        """Lend the pixels of images that are a row high."""
        with self._images(client, values) as dataset:
            yield dataset["picture"]

    @contextmanager
    def lesson(self, client: Client, values: Values, expected: Values) -> Iterator[tuple[Column, Column]]:
        """Lend pixels, and labels as far as MNIST has labels; else what is expected is a file of its own."""
        if expected.shape[1] == 1:
            with self._images(client, values) as inputs, _csv(client, ["y"], expected) as outputs:
                yield inputs["picture"], outputs["y"]
        elif np.issubdtype(expected.dtype, np.floating):
            with self._images(client, values) as inputs, _csv(client, _cells("y", expected), expected) as outputs:
                yield inputs["picture"], _joined(outputs, "y", expected)
        elif expected.shape[1] <= MNIST_CLASSES:
            with self._images(client, values, expected.argmax(axis=1)) as dataset:
                yield dataset["picture"], dataset["label"]
        else:
            with self._images(client, values) as inputs, self._images(client, expected) as outputs:
                yield inputs["picture"], outputs["picture"]

    @contextmanager
    def _images(self, client: Client, values: Values, labels: Values | None = None) -> Iterator[Dataset]:
        labels = np.zeros(len(values)) if labels is None else labels
        images = values.astype(np.uint8)[:, None, :]
        upload = partial(client.upload_mnist, temporary_name(), images, labels.astype(np.uint8))
        dataset = leases_of(client).granted(upload)
        with _lent(client, dataset):
            yield dataset


class CsvTables:
    """Files of 32-bit numbers, for servers that join the cells `x[0]`, `x[1]`, … into a column `x`."""

    def encode(self, features: Floats) -> Values:
        """Round to 32 bits."""
        return features.astype(np.float32)

    @contextmanager
    def features(self, client: Client, values: Values) -> Iterator[Column]:
        """Lend the column `x`."""
        with _csv(client, _cells("x", values), values) as dataset:
            yield _joined(dataset, "x", values)

    @contextmanager
    def lesson(self, client: Client, values: Values, expected: Values) -> Iterator[tuple[Column, Column]]:
        """Lend the columns `x` and `y`."""
        header = [*_cells("x", values), *_cells("y", expected)]
        with _csv(client, header, np.hstack([values, expected])) as dataset:
            yield _joined(dataset, "x", values), _joined(dataset, "y", expected)


@contextmanager
def lent_weights(client: Client, weights: Floats | None) -> Iterator[Column | None]:
    """Lend a column with how much each row counts; None if all count the same."""
    if weights is None:
        yield None
        return
    with _csv(client, ["weight"], weights[:, None]) as dataset:
        yield dataset["weight"]


TABLES: dict[str, Tables] = {"mnist": MnistTables(), "csv": CsvTables()}


def _cells(name: str, values: Values) -> list[str]:
    return [f"{name}[{number}]" for number in range(values.shape[1])]


def _joined(dataset: Dataset, name: str, values: Values) -> Column:
    if len(dataset.columns.get(name, ())) != values.shape[1]:
        raise HanamiException("the server does not join the cells of a CSV header into columns; use format='mnist'")
    return dataset[name]


@contextmanager
def _csv(client: Client, header: Sequence[str], values: Values) -> Iterator[Dataset]:
    lines = (",".join(map(repr, row)) for row in values.astype(np.float32).astype(float).tolist())
    table = "\n".join([",".join(header), *lines, ""]).encode()
    dataset = leases_of(client).granted(partial(client.upload_csv, temporary_name(), table))
    with _lent(client, dataset):
        yield dataset


@contextmanager
def _lent(client: Client, dataset: Dataset) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(HanamiException):  # the dataset has done its duty, and what happened meanwhile matters more
            client.delete_dataset(dataset)
