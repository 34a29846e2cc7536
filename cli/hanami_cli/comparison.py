"""What a comparison of a result with the right answers looks like: figures, and a line for each class.

Must not know commands, nor how the answer was fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanami_cli.values import as_json
from hanami_cli.views import Listing, Record

__all__ = ["ComparisonView"]

FIGURES = ("accuracy", "rows", "mse", "mae", "r2")
WIDEST = 20
"""Classes that the confusion matrix of a table has at the most."""


@dataclass(frozen=True)
class ComparisonView:
    """The answer of a check with a report."""

    answer: Mapping[str, Any]

    def table(self) -> str:
        """Return the figures, and below them precision, recall and the answers by class."""
        classes = self._classes(WIDEST)
        return "\n".join(view.table() for view in (self._figures(), classes) if view is not None)

    def json(self) -> str:
        """Return the whole answer."""
        return as_json(self.answer)

    def csv(self) -> str:
        """Return a line for each class, or the figures if there are no classes."""
        return (self._classes() or self._figures()).csv()

    def _figures(self) -> Record:
        known = {**self.answer.get("report", {}), **self.answer}
        return Record(self.answer, [name for name in FIGURES if name in known], known)

    def _classes(self, widest: int | None = None) -> Listing | None:
        report = self.answer.get("report", {})
        precision, recall = report.get("precision"), report.get("recall")
        if not precision or not recall:
            return None
        matrix = report.get("confusion_matrix") or []
        if widest is not None and len(matrix) > widest:
            matrix = []
        columns = ["class", "precision", "recall", *(f"answered_{number}" for number in range(len(matrix)))]
        counts = matrix or [[] for _ in precision]
        rows = [[number, *values, *counts[number]] for number, values in enumerate(zip(precision, recall, strict=True))]
        return Listing(self.answer, columns, rows)
