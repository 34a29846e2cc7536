"""What a task is to do, as typed bindings and as the payload of train and request tasks.

Knows neither HTTP nor the database.
"""

from __future__ import annotations

import msgspec

from hanami_core.network import Template

__all__ = [
    "BALANCED",
    "Binding",
    "Column",
    "Fit",
    "Judges",
    "ResultColumn",
    "SourceDataset",
    "TableBinding",
    "TaskPlan",
]

BALANCED = "balanced"
"""Weights of classes that make all of them count the same, however many rows they have."""


class Binding(msgspec.Struct, frozen=True):
    """A column of a dataset for one input or output of a cluster; `dataset` is its uuid.

    Cycle ``c`` takes `rows` rows from row ``c + first`` on, one after the other.
    """

    interface: str
    dataset: str
    column: str
    first: int = 0
    rows: int = 1


class TableBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of a stored table for one interface; `first` and `rows` are those of the binding."""

    interface: str
    blob: str
    column: str
    first: int = 0
    rows: int = 1


class SourceDataset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dataset that a task reads, with the name that it had when the task was queued."""

    uuid: str
    name: str


class ResultColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column of the new dataset that the values of one output are written to."""

    interface: str
    column: str


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a dataset; `dataset` is its uuid, or empty for the one that all inputs and outputs are of."""

    dataset: str
    column: str


class Judges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of another dataset that a network is asked after each epoch of a training, of the training's columns."""

    inputs: tuple[TableBinding, ...]
    outputs: tuple[TableBinding, ...]
    weights: TableBinding | None = None


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training goes beyond one pass over the rows as they come.

    Each epoch is a pass over all rows. With `shuffle` each has an order of its own, which `seed` decides, and without
    one the network's. A network that has no stored state draws its initial weights from `seed`.

    `validation` is the share of the rows that are held back, to be answered after each epoch: any of them if rows are
    shuffled, the last ones otherwise and of windows of several rows; or the uuid of a dataset whose rows are answered.
    The network ends as it was after the best epoch; `early_stopping` is how many epochs in a row without a better one
    end the training, 0 that none do.

    A row counts as much as the column `sample_weight` says, times what `class_weight` says of its class, by the number
    of that; a class that is not in there counts 1. Only the ratio of weights matters: their mean is made 1.
    """

    epochs: int = 1
    shuffle: bool = True
    seed: int | None = None
    validation: float | str = 0.0
    early_stopping: int = 0
    class_weight: str | dict[str, float] | None = None
    sample_weight: Column | None = None

    def held(self, rows: int) -> int:
        """Return how many of some rows are held back."""
        share = self.validation
        return max(1, round(rows * share)) if share and not isinstance(share, str) else 0

    @property
    def weighs(self) -> bool:
        """Tell whether some rows may count more than others."""
        return self.class_weight is not None or self.sample_weight is not None


class TaskPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of a train or request task.

    `dataset` is the name of the dataset that a request writes. `overlapping` says that its outputs are windows of rows
    which overlap, so that a row of the dataset is the mean of what several cycles say of it. `template` is that of a
    cluster which gets its network from this training. `fit` is None if it is a single pass over the rows as they come;
    `weights` and `judges` are the columns that it names. `sources` are the datasets that the task reads, each once.
    """

    inputs: tuple[TableBinding, ...]
    outputs: tuple[TableBinding, ...] = ()
    results: tuple[ResultColumn, ...] = ()
    time_length: int = 1
    dataset: str = ""
    overlapping: bool = False
    template: Template | None = None
    fit: Fit | None = None
    sources: tuple[SourceDataset, ...] = ()
    weights: TableBinding | None = None
    judges: Judges | None = None

    @property
    def blobs(self) -> list[str]:
        """Tables that the task reads."""
        judges = self.judges or Judges((), ())
        weights = [binding for binding in (self.weights, judges.weights) if binding is not None]
        return sorted(
            {binding.blob for binding in (*self.inputs, *self.outputs, *judges.inputs, *judges.outputs, *weights)}
        )
