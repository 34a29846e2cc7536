"""The part of `Client` about predictions. Takes lists, arrays or tables; needs no NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanami_sdk._clusters import ClusterMethods
from hanami_sdk._models import ClusterLike, Prediction, build, uuid_of
from hanami_sdk._tables import Numbers


class PredictionMethods(ClusterMethods):
    """Ask clusters about a few rows at once."""

    def predict(self, cluster: ClusterLike, inputs: Numbers | Mapping[str, Numbers]) -> Prediction:
        """Return what a cluster answers to rows, without dataset and task; also while a task trains it.

        Example::

            client.predict(cluster, [[5.1, 3.5, 1.4, 0.2]]).rows

        Args:
            cluster: cluster or UUID.
            inputs: rows of numbers for a cluster with one input; for others, rows by the name of the input. Rows are
                a list of lists, a NumPy array of two dimensions, a table of pandas or Arrow.

        Returns:
            The answers of the state of the cluster that was stored last.

        Raises:
            BadRequestException: rows do not fit the cluster; the text names the input and the rule.
            ConflictException: the cluster was never trained.
            NotFoundException: there is no such cluster for this user.
        """
        given = {name: _rows(rows) for name, rows in inputs.items()} if isinstance(inputs, Mapping) else _rows(inputs)
        return build(Prediction, self.post("/cluster/predict", {"uuid": uuid_of(cluster), "inputs": given}))


def _rows(rows: Any) -> list[list[float]]:
    """Return rows as lists, whatever library they come from."""
    if hasattr(rows, "to_pylist"):  # Arrow: a row is a mapping from columns to values
        rows = [row.values() for row in rows.to_pylist()]
    elif hasattr(rows, "to_numpy"):  # pandas and Polars; iterating them yields columns
        rows = rows.to_numpy()
    return [[float(value) for value in row] for row in rows]
