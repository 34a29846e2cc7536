"""Predictions and comparisons as frozen objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hanami_sdk._html import Shown


@dataclass(frozen=True, slots=True)
class Prediction(Shown):
    """The answers of a cluster to some rows.

    Attributes:
        outputs: by the name of the output, its values for each row.
        version: number of the stored state that has answered; it grows with each state that is stored.
        age: seconds since that state was stored, None if the server does not know.
    """

    outputs: Mapping[str, list[list[float]]]
    version: int = 0
    age: float | None = None

    @property
    def rows(self) -> list[list[float]]:
        """The values for each row, of a cluster with one output.

        Raises:
            ValueError: the cluster has several outputs.
        """
        if len(self.outputs) != 1:
            raise ValueError(f"there are several outputs, choose one of: {', '.join(self.outputs)}")
        return next(iter(self.outputs.values()))


@dataclass(frozen=True, slots=True)
class Comparison(Shown):
    """How well a result agrees with the correct answers.

    Attributes:
        rows: rows that were compared.
        column_name: column of the result.
        reference_column_name: column with the correct answers.
        accuracy: percentage of rows whose largest value is the correct one, None for single values.
        mse: mean squared error of all values.
        mae: mean absolute error of all values.
        r2: share of the variance that is explained, a mean over the values of a row; None if the answers never vary.
        confusion_matrix: numbers of rows, `[correct class][answered class]`; empty if the correct answers are not
            classes (one-hot), or more than 1000.
        precision: of the rows that were answered so, the share that is so, for each class; None without such rows.
        recall: of the rows that are so, the share that was answered so, for each class; None without such rows.
    """

    rows: int
    column_name: str = ""
    reference_column_name: str = ""
    accuracy: float | None = None
    mse: float = 0.0
    mae: float = 0.0
    r2: float | None = None
    confusion_matrix: list[list[int]] = field(default_factory=list, hash=False)
    precision: list[float | None] = field(default_factory=list, hash=False)
    recall: list[float | None] = field(default_factory=list, hash=False)
