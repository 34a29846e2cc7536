"""Scikit-learn estimators that learn on a Hanami server. They need the extra `sklearn`.

Install it with `pip install 'hanami[sklearn]'`, or `pip install '.[sklearn]'` in a checkout.

Example::

    from sklearn.model_selection import cross_val_score
    from hanami_sdk.sklearn import HanamiClassifier

    cross_val_score(HanamiClassifier(epochs=20), X, y)

Each fitted estimator owns a cluster on the server. The cluster is deleted when the estimator is closed, fitted again or
garbage-collected, and when the process ends, unless `keep` is set or `keep_cluster` was called. Clusters of a killed
process are deleted when the next process on the same machine fits an estimator. Clusters of a crashed machine are
deleted some hours later, when their leases expire because the process no longer renews them. To use a copy in another
process, pass `keep=True`, because the copy shares the cluster.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from hanami_sdk._client import Client
from hanami_sdk._counted import counted
from hanami_sdk._features import SCALES, TABLES, FeatureScale, Floats, Tables, TargetScale, Values, lent_weights
from hanami_sdk._leases import leases_of
from hanami_sdk._leftovers import end_well, remove_left_behind, temporary_name
from hanami_sdk.hanami_exceptions import ConflictException, HanamiException, NotFoundException

__all__ = ["HanamiClassifier", "HanamiRegressor"]

TEMPLATE = """version: 1
settings:
    blocks: {blocks}
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    x: 1,1,1
outputs:
    y: 3,1,1
"""
FEW_ROWS = 256
"""Up to here, asking row by row over a websocket is quicker than a dataset and a task."""
PAGE = 10_000
PAGE_VALUES = 1_000_000
"""Most rows, and most values, that are read with one call."""
GONE = (
    "the cluster {cluster} of this estimator is not on the server any more, because the estimator that made it was "
    "closed, fitted anew or not used any more, or its process has ended; an estimator that is fitted with keep=True "
    "leaves its cluster there for copies"
)
SEEDS = 1 << 31
"""Number of different seeds of a training."""


class _Remote(BaseEstimator):
    """The common part of both estimators: the parameters, the cluster, and the connection to it."""

    def __init__(
        self,
        *,
        epochs: int = 20,
        blocks: int = 2,
        template: str | None = None,
        scale: str | None = "shift",
        format: str = "mnist",
        random_state: object = None,
        validation: float | None = None,
        early_stopping: int | None = None,
        address: str | None = None,
        user: str | None = None,
        client: Client | None = None,
        cluster_name: str | None = None,
        keep: bool = False,
    ) -> None:
        self.epochs = epochs
        self.blocks = blocks
        self.template = template
        self.scale = scale
        self.format = format
        self.random_state = random_state
        self.validation = validation
        self.early_stopping = early_stopping
        self.address = address
        self.user = user
        self.client = client
        self.cluster_name = cluster_name
        self.keep = keep

    def close(self) -> None:
        """Delete the cluster now, unless `keep` is set. The estimator is then as if it had never been fitted."""
        finalizer = self.__dict__.pop("_finalizer", None)
        if finalizer is not None:
            finalizer()
        self.__dict__.pop("cluster_", None)

    def keep_cluster(self, name: str) -> str:
        """Keep the cluster on the server, even when this estimator is gone, and return its UUID.

        Args:
            name: new name of the cluster.

        Raises:
            NotFittedError: there is no cluster yet.
            ConflictException: the name is taken.
        """
        check_is_fitted(self, "cluster_")
        client, uuid = self._server(), str(self.cluster_)
        client.label_cluster(uuid, name=name, tags=[])
        leases_of(client).keep(uuid)
        finalizer = self.__dict__.pop("_finalizer", None)
        if finalizer is not None:
            finalizer.detach()
        return uuid

    def __enter__(self) -> Self:
        """Return the estimator itself."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Delete the cluster, unless `keep` is set."""
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what only the original may do, which is to delete the cluster."""
        return {name: value for name, value in super().__getstate__().items() if name != "_finalizer"}

    def _server(self) -> Client:
        return self.client or _shared_client(os.getpid(), self.address, self.user)

    def _tables(self) -> Tables:
        if self.format not in TABLES:
            raise ValueError(f"format must be one of {', '.join(TABLES)}, not {self.format!r}")
        return TABLES[self.format]

    def _begin(self, features: Floats) -> None:
        """Make a cluster that has seen nothing."""
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {self.scale!r}")
        if not isinstance(self.epochs, int | np.integer) or self.epochs < 1:
            raise ValueError(f"epochs must be a whole number above 0, not {self.epochs!r}")
        self._tables()
        self.close()
        self._random = check_random_state(self.random_state)
        client = self._server()
        template = TEMPLATE.format(blocks=self.blocks) if self.template is None else self.template
        self.feature_scale_ = FeatureScale.learn(features, self.scale)
        remove_left_behind(client)
        mark = temporary_name()
        create = partial(client.create_cluster, self.cluster_name or mark, template)
        self.cluster_ = (create() if self.keep else leases_of(client).cluster(create)).uuid
        if not self.keep:
            end_well()
            self._finalizer = weakref.finalize(self, _delete_cluster, os.getpid(), client, self.cluster_)
            if self.cluster_name:
                with suppress(HanamiException):  # a server without tags
                    client.label_cluster(self.cluster_, tags=[mark])

    def _widen(self, features: Floats) -> None:
        self.feature_scale_ = self.feature_scale_.widened(features)

    def _learn(
        self, features: Floats, expected: Values, epochs: int, weights: Floats | None = None, **how: Any
    ) -> None:
        """Train with all rows, in a new order for each epoch; `weights` is how much each counts."""
        client, tables = self._server(), self._tables()
        values = tables.encode(self.feature_scale_.apply(features))
        seed = int(self._random.randint(SEEDS))
        with (
            self._there(),
            tables.lesson(client, values, expected) as (inputs, outputs),
            lent_weights(client, weights) as column,
        ):
            how |= {"epochs": int(epochs), "seed": seed, "sample_weight": column}
            client.train(self.cluster_, {"x": inputs}, {"y": outputs}, **how)

    def _answers(self, X: object) -> Floats:
        """Return what the network says, shape (rows, outputs)."""
        check_is_fitted(self, "cluster_")
        features = validate_data(self, X, reset=False, dtype=np.float64)
        values = self._tables().encode(self.feature_scale_.apply(features))
        with self._there():
            if len(values) <= FEW_ROWS:
                with suppress(ConflictException):  # somebody else has the connection, or tasks are queued
                    return self._ask_directly(values)
            return self._ask_with_a_task(values)

    @contextmanager
    def _there(self) -> Iterator[None]:
        """Say in words that the cluster is gone, if this is why something was not found."""
        try:
            yield
        except NotFoundException as error:
            try:
                self._server().cluster(self.cluster_)
            except NotFoundException:
                raise NotFoundException(GONE.format(cluster=self.cluster_)) from error
            raise

    def _ask_directly(self, values: Values) -> Floats:
        with self._server().direct(self.cluster_) as direct:
            return np.array([direct.request({"x": row.astype(np.float32)}) for row in values])

    def _ask_with_a_task(self, values: Values) -> Floats:
        client = self._server()
        with self._tables().features(client, values) as column:
            task = client.request(self.cluster_, {"x": column}, {"y": "answer"}, name=temporary_name())
        try:
            width = len(client.dataset(task.uuid).columns["answer"])
            page = max(1, min(PAGE, PAGE_VALUES // width))
            starts = range(0, len(values), page)
            pages = [client.dataset_content(task, "answer", min(page, len(values) - s), s) for s in starts]
        finally:
            client.delete_dataset(task.uuid)
        return np.concatenate([np.array(page) for page in pages])


class HanamiClassifier(ClassifierMixin, _Remote):
    """A classifier: a network on a Hanami server.

    Args:
        class_weight: weight of each class in `fit`, by its label, or `"balanced"`, so that all count the same, however
            many rows they have; with None, all rows count the same. Only ratios matter.
        epochs: passes over the rows in `fit`.
        blocks: size of the network, in blocks of 64 hidden neurons.
        template: text of a cluster template with the input `x` and the output `y`; None uses a default one.
        scale: how to scale features for the network. `"shift"`: the smallest value of each becomes 0, the largest 1,
            ignoring outliers. `"split"`: each becomes two values, the amount above its mean and the amount below. None:
            no scaling, for bytes such as pixels.
        format: `"mnist"` uploads features rounded to 256 steps, `"csv"` 32-bit numbers; the latter needs a server that
            joins the cells `x[0]`, `x[1]`, … of a CSV header into one column.
        random_state: determines the order of the rows and the initial weights of the cluster. Equal numbers give equal
            networks.
        validation: share of the rows that `fit` holds back, such as 0.2, to select the network of the best epoch; None
            trains with all rows and keeps the last network.
        early_stopping: consecutive epochs without improvement after which `fit` ends; None means 10 with `validation`,
            0 turns this off.
        address: address of the server; None uses the environment variable HANAMI_ADDRESS.
        user: id of the user; None uses HANAMI_USER.
        client: a `Client` to use instead. Without one, the passphrase comes from the environment variable
            HANAMI_PASSPHRASE: scikit-learn prints and stores parameters, so none of them is a secret.
        cluster_name: name of the cluster, which must not be taken; None generates one.
        keep: keep the cluster on the server when this estimator is gone.

    Attributes:
        cluster_: UUID of the cluster.
        classes_: the classes, sorted.
        n_features_in_: number of features.
        feature_scale_: how features are scaled.

    All methods raise a `HanamiException` if the server fails.
    """

    def __init__(
        self,
        *,
        epochs: int = 20,
        blocks: int = 2,
        template: str | None = None,
        scale: str | None = "shift",
        format: str = "mnist",
        random_state: object = None,
        validation: float | None = None,
        early_stopping: int | None = None,
        class_weight: Mapping[object, float] | str | None = None,
        address: str | None = None,
        user: str | None = None,
        client: Client | None = None,
        cluster_name: str | None = None,
        keep: bool = False,
    ) -> None:
        super().__init__(
            epochs=epochs,
            blocks=blocks,
            template=template,
            scale=scale,
            format=format,
            random_state=random_state,
            validation=validation,
            early_stopping=early_stopping,
            address=address,
            user=user,
            client=client,
            cluster_name=cluster_name,
            keep=keep,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: object, sample_weight: Any = None) -> Self:
        """Train a new cluster.

        Args:
            X: features, shape (rows, features).
            y: class of each row, shape (rows,).
            sample_weight: weight of each row, shape (rows,). Whole numbers are repetitions of the row, as long as they
                make the table at most 8 times longer; of other weights only ratios matter.

        Raises:
            ValueError: scikit-learn does not accept the features, classes or weights.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        rows = counted(X, column_or_1d(y, warn=True), sample_weight)
        self.classes_ = np.unique(rows.targets)
        class_weight = self._weights_of_classes()
        self._begin(rows.features)
        self._learn(
            rows.features,
            self._one_hot(rows.targets),
            self.epochs,
            rows.weights,
            validation=self.validation,
            early_stopping=self.early_stopping,
            class_weight=class_weight,
        )
        return self

    def partial_fit(self, X: Any, y: object, classes: Any = None) -> Self:
        """Train one more pass; features outside the previous range widen the scale.

        Args:
            X: features, shape (rows, features).
            y: class of each row, shape (rows,).
            classes: all classes that will occur; required for the first call.

        Raises:
            ValueError: the first call does not name the classes, a class is not one of them, or classes have weights,
                which need all rows.
        """
        if self.class_weight is not None:
            raise ValueError("class_weight is for fit, because a call of partial_fit does not see all rows")
        first = not hasattr(self, "cluster_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        if first:
            self.classes_ = np.unique(classes)
        expected = self._one_hot(column_or_1d(y, warn=True))
        self._begin(X) if first else self._widen(X)
        self._learn(X, expected, 1)
        return self

    def predict_proba(self, X: object) -> Floats:
        """Return the probability of each class, shape (rows, classes)."""
        answers = self._answers(X)[:, : len(self.classes_)]
        total = answers.sum(axis=1, keepdims=True)
        even = np.full_like(answers, 1 / len(self.classes_))
        return np.asarray(np.divide(answers, total, out=even, where=total > 0))

    def predict(self, X: object) -> Values:
        """Return the most probable class of each row, shape (rows,)."""
        winners = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[winners])

    def _weights_of_classes(self) -> dict[int, float] | str | None:
        """Return what classes count, by their place among all, as scikit-learn reads `class_weight`."""
        given = self.class_weight
        if given is None or len(self.classes_) < 2:
            return None
        if isinstance(given, str) and given != "balanced":
            raise ValueError(f"class_weight must be a mapping, 'balanced' or None, not {given!r}")
        weights = compute_class_weight(given, classes=self.classes_, y=self.classes_)
        if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
            raise ValueError(f"class_weight must be 0 or more, and not zero for all classes: {given!r}")
        return given if isinstance(given, str) else dict(enumerate(weights.tolist()))

    def _one_hot(self, y: Values) -> Values:
        if unknown := set(np.unique(y).tolist()) - set(self.classes_.tolist()):
            raise ValueError(f"there are classes that the first call did not name: {sorted(unknown)}")
        return np.eye(len(self.classes_), dtype=np.uint8)[np.searchsorted(self.classes_, y)]


class HanamiRegressor(RegressorMixin, _Remote):
    """A regressor for one or several targets: a network on a Hanami server.

    Takes the arguments of `HanamiClassifier`, except for `class_weight`. Targets are scaled into the range of answers,
    so no estimate is far outside of what `fit` saw; outliers among them are clipped. A row can have several targets,
    which need a server that joins the cells `y[0]`, `y[1]`, … of a CSV header into one column.

    Attributes:
        cluster_: UUID of the cluster.
        n_features_in_: number of features.
        n_outputs_: number of targets of a row.
        feature_scale_: how features are scaled.
        target_scale_: how targets are scaled.

    All methods raise a `HanamiException` if the server fails.
    """

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Train a new cluster.

        Args:
            X: features, shape (rows, features).
            y: target of each row, shape (rows,), or several, shape (rows, targets).
            sample_weight: weight of each row, as for `HanamiClassifier`.

        Raises:
            ValueError: scikit-learn does not accept the features, targets or weights.
        """
        rows = counted(*self._checked(X, y, reset=True), sample_weight)
        self.target_scale_ = TargetScale.learn(rows.targets)
        self._begin(rows.features)
        self._learn(
            rows.features,
            self.target_scale_.apply(rows.targets),
            self.epochs,
            rows.weights,
            validation=self.validation,
            early_stopping=self.early_stopping,
        )
        return self

    def partial_fit(self, X: object, y: object) -> Self:
        """Train one more pass; features and targets outside the previous range widen the scale.

        Args:
            X: features, shape (rows, features).
            y: target of each row, shape (rows,), or several, shape (rows, targets).

        Raises:
            ValueError: scikit-learn does not accept the features or targets.
        """
        first = not hasattr(self, "cluster_")
        X, y = self._checked(X, y, reset=first)
        if first:
            self.target_scale_ = TargetScale.learn(y)
            self._begin(X)
        else:
            self.target_scale_ = self.target_scale_.widened(y)
            self._widen(X)
        self._learn(X, self.target_scale_.apply(y), 1)
        return self

    def predict(self, X: object) -> Floats:
        """Return the estimate for each row, shape (rows,), or (rows, targets) if there are several."""
        answers = self._answers(X)
        estimates = self.target_scale_.undo(answers[:, : self.n_outputs_])
        return estimates.ravel() if self.n_outputs_ == 1 else estimates

    def __sklearn_tags__(self) -> Tags:
        """Return what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Floats, Floats]:
        """Return features, and targets of the shape (rows, targets)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, multi_output=True, reset=reset)
        if y.ndim == 1 or y.shape[1] == 1:
            y = column_or_1d(y, warn=True).reshape(-1, 1)
        if reset:
            self.n_outputs_ = y.shape[1]
        elif y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {y.shape[1]} targets, but there were {self.n_outputs_} in the first call")
        return X, np.asarray(y, dtype=np.float64)


def _delete_cluster(process: int, client: Client, cluster: str) -> None:
    if os.getpid() != process:
        return  # a forked process has a copy of the estimator, and the cluster is not its own
    with suppress(Exception):  # nobody is there to be told, often Python itself is about to end
        leases_of(client).delete(cluster)


@lru_cache(maxsize=8)
def _shared_client(process: int, address: str | None, user: str | None) -> Client:
    """Log in once for all estimators of a process: a search makes hundreds of them."""
    return Client.from_environment(address=address, user=user)
