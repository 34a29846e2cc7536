"""The part of `Client` about rows that are in this program. Takes lists, arrays or tables; needs no NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from hanami_sdk._arrays import NPY, NPZ, to_npy, to_npz
from hanami_sdk._clusters import ClusterMethods
from hanami_sdk._datasets import DatasetMethods
from hanami_sdk._http import Content
from hanami_sdk._leases import leases_of
from hanami_sdk._models import ClusterLike, Dataset, Task, build
from hanami_sdk._results import Prediction
from hanami_sdk._tables import Numbers, classes_of, rows_of, table_of
from hanami_sdk._tasks import ClassWeight
from hanami_sdk._upload import Progress

if TYPE_CHECKING:
    from hanami_sdk._client import Client

Validation: TypeAlias = "float | Dataset | str | tuple[Any, Any] | tuple[Any, Any, Any]"
"""A share of the rows, a dataset, or other rows: inputs and outputs, and perhaps how much each row counts."""


class PredictionMethods(ClusterMethods, DatasetMethods):
    """Train clusters with rows of this program, and predict a few rows directly."""

    def fit(
        self,
        cluster: ClusterLike,
        inputs: Numbers | Mapping[str, Numbers],
        outputs: object,
        *,
        classes: Sequence[Any] | None = None,
        validation: Validation | None = None,
        class_weight: ClassWeight | None = None,
        sample_weight: object = None,
        name: str = "fit",
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
        **training: Any,
    ) -> Task:
        """Train a cluster with rows of this program. They are stored as a dataset until the task is queued.

        Example::

            client.fit(cluster, [[5.1, 3.5], [6.7, 3.1]], ["setosa", "virginica"], epochs=20)

        Args:
            cluster: cluster, UUID or name. One without a template gets an input `input` and an output `output`.
            inputs: rows of numbers as for `predict`; rows by the name of the input if that is not `input`.
            outputs: one class for each row, or rows of numbers from 0 to 1 (see `Scale`); by the name of the output if
                that is not `output`.
            classes: all classes, in the order of the values of the output; if not given, those of `outputs`, sorted.
            validation: share of the rows to hold back, such as 0.2; or other rows: inputs, outputs and, with
                `sample_weight`, optionally their weights. They are answered after each epoch, and the network is
                finally reset to the epoch with the smallest loss.
            class_weight: `"balanced"`, so that all classes count the same, however many rows they have; or the weight
                of each class, such as `{"setosa": 1, "virginica": 20}`. Missing classes have weight 1.
            sample_weight: weight of each row, 0 or greater. Only ratios matter.
            name: name of the task and of the dataset.
            wait: return when the task has ended; False returns when it is queued.
            progress: called with the number of cycles done and the total.
            timeout: seconds to wait; None waits forever.
            training: `epochs`, `seed` and other arguments of `train`.

        Returns:
            The task.

        Raises:
            ValueError: rows differ in length or number, a number is not finite, a class is unknown, a weight negative.
            BadRequestException: names or widths do not fit the cluster.
            TaskFailedException: the task was aborted or failed.
            WaitTimeoutException: the timeout expired; the task continues.
        """
        given = inputs if isinstance(inputs, Mapping) else {"input": inputs}
        expected = outputs if isinstance(outputs, Mapping) else {"output": outputs}
        uuid = self._uuid("cluster", cluster)
        known = {one: classes_of(rows, classes) for one, rows in expected.items()}
        weights = {} if sample_weight is None else {_free_name({*given, *expected}): sample_weight}
        training["class_weight"] = _by_number(class_weight, list(known.values()))
        tables = [table_of(given, expected, known, weights)]
        if isinstance(validation, tuple):
            tables.append(_other_rows(validation, given, expected, known, list(weights)))
        with ExitStack() as lent:
            dataset, *others = [lent.enter_context(self._lent(name, table)) for table in tables]
            columns = [{one: dataset[one] for one in names} for names in (given, expected)]
            training["validation"] = others[0] if others else validation
            training["sample_weight"] = next((dataset[one] for one in weights), None)
            task = self.train(uuid, *columns, name=name, wait=False, **training)
        return self.wait(task, progress, timeout) if wait else task

    @contextmanager
    def _lent(self, name: str, table: bytes) -> Iterator[Dataset]:
        """Lend a dataset until a task is queued, which holds the rows that it needs.

        The server removes the dataset later if this process does not come to that.
        """
        client = cast("Client", self)
        dataset = leases_of(client).granted(partial(client.upload_csv, name, table))
        try:
            yield dataset
        finally:
            self.delete_dataset(dataset)

    def predict(self, cluster: ClusterLike, inputs: Numbers | Mapping[str, Numbers]) -> Prediction:
        """Predict rows without a dataset or a task, even while a task trains the cluster.

        Example::

            client.predict(cluster, [[5.1, 3.5, 1.4, 0.2]]).rows

        Args:
            cluster: cluster, UUID or name.
            inputs: rows of numbers for a cluster with one input; for others, rows by the name of the input. Rows are
                a list of lists, a NumPy array of two dimensions, a table of pandas or Arrow.

        Returns:
            The answers of the cluster's last stored state.

        Raises:
            BadRequestException: rows do not fit the cluster; the text names the input and the rule.
            ConflictException: the cluster was never trained.
            NotFoundException: there is no such cluster for this user.
        """
        uuid, path = self._uuid("cluster", cluster), "/cluster/predict"
        content = _content(inputs)
        if content is not None:
            return build(Prediction, self._post_content(path, content, uuid=uuid))
        rows = (
            {name: rows_of(some) for name, some in inputs.items()} if isinstance(inputs, Mapping) else rows_of(inputs)
        )
        return build(Prediction, self.post(path, {"uuid": uuid, "inputs": rows}))


def _content(inputs: Numbers | Mapping[str, Numbers]) -> Content | None:
    """Return rows as bytes, which are quicker to make and to read than a text; None if they have to be one."""
    if not isinstance(inputs, Mapping):
        array = to_npy(inputs)
        return None if array is None else Content(NPY, array)
    arrays = {name: array for name, rows in inputs.items() if (array := to_npy(rows)) is not None}
    return Content(NPZ, to_npz(arrays)) if arrays and len(arrays) == len(inputs) else None


def _free_name(taken: set[str]) -> str:
    """Return a name for a column that no other one has."""
    name = "weight"
    while name in taken:
        name += "_"
    return name


def _other_rows(
    rows: tuple[object, ...],
    inputs: Mapping[str, object],
    outputs: Mapping[str, object],
    classes: Mapping[str, Sequence[object] | None],
    weights: Sequence[str],
) -> bytes:
    """Return a table of other rows with the columns of a training; `weights` is the name of that of weights, if any."""
    if not 2 <= len(rows) <= 2 + len(weights):
        raise ValueError("rows for validation are inputs and outputs, and weights if there is a sample_weight")
    parts = []
    for some, names in zip(rows, (inputs, outputs), strict=False):
        given = some if isinstance(some, Mapping) else dict.fromkeys(names, some)
        if given.keys() != names.keys() or (len(names) > 1 and given is not some):
            raise ValueError(f"rows for validation must be those of: {', '.join(names)}")
        parts.append(given)
    return table_of(parts[0], parts[1], classes, dict(zip(weights, rows[2:], strict=False)))


def _by_number(class_weight: ClassWeight | None, outputs: Sequence[Sequence[object] | None]) -> ClassWeight | None:
    """Return weights of classes by the numbers of these; those of rows of numbers have no other names."""
    if class_weight is None or isinstance(class_weight, str) or len(outputs) != 1 or outputs[0] is None:
        return class_weight
    places = {label: place for place, label in enumerate(outputs[0])}
    if unknown := [label for label in class_weight if label not in places]:
        raise ValueError(f"class_weight: {unknown[0]!r} is none of the classes")
    return {places[label]: weight for label, weight in class_weight.items()}
