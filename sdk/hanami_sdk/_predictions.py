"""The part of `Client` about rows that are in this program. Takes lists, arrays or tables; needs no NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hanami_sdk._clusters import ClusterMethods
from hanami_sdk._datasets import DatasetMethods
from hanami_sdk._models import ClusterLike, Task, build
from hanami_sdk._results import Prediction
from hanami_sdk._tables import Numbers, rows_of, table_of
from hanami_sdk._upload import Progress


class PredictionMethods(ClusterMethods, DatasetMethods):
    """Train clusters with rows of this program, and ask them about a few rows at once."""

    def fit(
        self,
        cluster: ClusterLike,
        inputs: Numbers | Mapping[str, Numbers],
        outputs: Any,
        *,
        classes: Sequence[Any] | None = None,
        name: str = "fit",
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
        **training: Any,
    ) -> Task:
        """Train a cluster with rows of this program. They are a dataset until the task is queued.

        Example::

            client.fit(cluster, [[5.1, 3.5], [6.7, 3.1]], ["setosa", "virginica"], epochs=20)

        Args:
            cluster: cluster, UUID or name. One without a template gets an input `input` and an output `output`.
            inputs: rows of numbers as for `predict`; rows by the name of the input if that is not `input`.
            outputs: one class for each row, or rows of numbers from 0 to 1 (see `Scale`); by the name of the output if
                that is not `output`.
            classes: all classes, in the order of the values of the output; if not given, those of `outputs`, sorted.
            name: name of the task and of the dataset.
            wait: return when the task has ended; False returns when it is queued.
            progress: called with the cycles done and the cycles of all.
            timeout: seconds to wait; None waits without end.
            training: `epochs`, `validation`, `seed` and what else `train` takes.

        Returns:
            The task.

        Raises:
            ValueError: rows differ in length or number, a number is not finite, a class is unknown.
            BadRequestException: names or widths do not fit the cluster.
            TaskFailedException: the task was aborted or failed.
            WaitTimeoutException: the time is over; the task goes on.
        """
        given = inputs if isinstance(inputs, Mapping) else {"input": inputs}
        expected = outputs if isinstance(outputs, Mapping) else {"output": outputs}
        uuid = self._uuid("cluster", cluster)
        dataset = self.upload_csv(name, table_of(given, expected, classes))
        try:
            columns = [{one: dataset[one] for one in names} for names in (given, expected)]
            task = self.train(uuid, *columns, name=name, wait=False, **training)
        finally:
            self.delete_dataset(dataset)  # the task holds the rows that it needs
        return self.wait(task, progress, timeout) if wait else task

    def predict(self, cluster: ClusterLike, inputs: Numbers | Mapping[str, Numbers]) -> Prediction:
        """Return what a cluster answers to rows, without dataset and task; also while a task trains it.

        Example::

            client.predict(cluster, [[5.1, 3.5, 1.4, 0.2]]).rows

        Args:
            cluster: cluster, UUID or name.
            inputs: rows of numbers for a cluster with one input; for others, rows by the name of the input. Rows are
                a list of lists, a NumPy array of two dimensions, a table of pandas or Arrow.

        Returns:
            The answers of the state of the cluster that was stored last.

        Raises:
            BadRequestException: rows do not fit the cluster; the text names the input and the rule.
            ConflictException: the cluster was never trained.
            NotFoundException: there is no such cluster for this user.
        """
        rows = (
            {name: rows_of(some) for name, some in inputs.items()} if isinstance(inputs, Mapping) else rows_of(inputs)
        )
        return build(
            Prediction, self.post("/cluster/predict", {"uuid": self._uuid("cluster", cluster), "inputs": rows})
        )
