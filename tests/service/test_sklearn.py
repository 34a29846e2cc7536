"""The estimators of scikit-learn against a real server."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from hanami_sdk import Client, NotFoundException
from hanami_sdk.hanami_exceptions import BadRequestException, ConflictException, HanamiException
from hanami_sdk.sklearn import HanamiClassifier, HanamiRegressor
from hanami_server.local import LocalServer
from tests.lengths import choose, seldom

IRIS = train_test_split(*load_iris(return_X_y=True), random_state=0, stratify=load_iris().target)


@pytest.fixture(autouse=True)
def login(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an estimator without an address takes."""
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)


@pytest.fixture(autouse=True)
def own_login() -> Iterator[None]:
    """The shared login of one test must not be that of the next."""
    from hanami_sdk.sklearn import _shared_client

    _shared_client.cache_clear()
    yield
    _shared_client.cache_clear()


def checks() -> pytest.MarkDecorator:
    """Return what scikit-learn checks; what one estimator has passed, the other one passes in the long suite."""
    every = parametrize_with_checks([HanamiClassifier(epochs=10), HanamiRegressor(epochs=10)])
    names, found = every.args
    asked: set[str] = set()
    marked = []
    for values in found:
        param = values if hasattr(values, "marks") else pytest.param(*values)
        name = param.values[1].func.__name__
        marks = [*param.marks, *([pytest.mark.long] if name in asked else [])]
        marked.append(pytest.param(*param.values, marks=marks))
        asked.add(name)
    return pytest.mark.parametrize(names, marked, **every.kwargs)


@checks()
def test_what_scikit_learn_asks_of_estimators(estimator: Any, check: Any) -> None:
    check(estimator)


def things(client: Client) -> tuple[set[str], set[str]]:
    return {row.uuid for row in client.clusters()}, {row.uuid for row in client.datasets()}


@pytest.mark.parametrize("scale", ["shift", "split"])
def test_it_learns_and_leaves_nothing_behind(client: Client, scale: str) -> None:
    before = things(client)
    train, test, train_y, test_y = IRIS
    with HanamiClassifier(scale=scale, random_state=0) as estimator:
        assert estimator.fit(train, train_y).score(test, test_y) > 0.85
        assert estimator.predict_proba(test).sum(axis=1) == pytest.approx(1)
        assert things(client)[0] - before[0] == {estimator.cluster_}
    assert things(client) == before
    with pytest.raises(NotFittedError):
        estimator.predict(test)


def test_names_as_classes_and_more_than_ten_of_them(client: Client) -> None:
    random = np.random.default_rng(0)
    names = np.array([f"kind {number}" for number in range(12)])
    y = names.repeat(20)
    X = np.eye(12).repeat(20, axis=0) + random.normal(0, 0.05, (240, 12))
    estimator = HanamiClassifier(client=client, random_state=0).fit(X, y)
    assert estimator.score(X, y) > 0.95
    assert set(estimator.predict(X)) <= set(names)


def test_many_rows_are_asked_with_a_task_and_give_the_same(client: Client) -> None:
    X, y = load_digits(return_X_y=True)
    X = X / 16 * 255
    estimator = HanamiClassifier(client=client, scale=None, epochs=3, random_state=0).fit(X, y)
    assert estimator.score(X, y) > 0.9
    assert estimator.predict_proba(X)[:100] == pytest.approx(estimator.predict_proba(X[:100]), abs=1e-5)
    with pytest.raises(ValueError, match="between 0 and 255"):
        estimator.predict(X - 1)


def test_all_epochs_are_one_task(client: Client) -> None:
    train, _, train_y, _ = IRIS
    estimator = HanamiClassifier(client=client, epochs=6, random_state=0).fit(train, train_y)
    (task,) = client.tasks(estimator.cluster_)
    assert client.task(task.uuid, estimator.cluster_).total_number_of_cycles == 6 * len(train)


def test_equal_random_states_give_equal_networks(client: Client) -> None:
    train, test, train_y, _ = IRIS
    answers = [
        HanamiClassifier(client=client, random_state=state).fit(train, train_y).predict_proba(test)
        for state in (0, 0, 1)
    ]
    assert (answers[0] == answers[1]).all()
    assert (answers[0] != answers[2]).any()


@pytest.mark.parametrize(("load", "least"), [(load_wine, 0.97), seldom(load_iris, 0.94)])
def test_tables_that_are_sorted_by_class(client: Client, load: Any, least: float) -> None:
    X, y = load(return_X_y=True)
    assert (np.diff(y) >= 0).all()
    scores = cross_val_score(HanamiClassifier(client=client, random_state=0), X, y, cv=5)
    assert scores.mean() >= least


def rare(count: int, seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of two classes that overlap, of which the second has a share of them."""
    random = np.random.default_rng(seed)
    kinds = random.random(count) < share
    return random.normal(size=(count, 4)) + 1.2 * kinds[:, None], np.where(kinds, "rare", "common")


LESSON = rare(900, 1, 0.03)
FACTOR = np.where(LESSON[1] == "rare", 30.5, 1.25)


WEIGHTS = [
    (None, None, 0.0, 0.6),
    ("balanced", None, 0.7, 1.0),
    ({"common": 1, "rare": 30}, None, 0.7, 1.0),
    (None, FACTOR, 0.7, 1.0),
    ("balanced", FACTOR, 0.7, 1.0),
    ({"rare": 0.0}, None, 0.0, 0.0),
]


@pytest.mark.parametrize(
    ("class_weight", "sample_weight", "low", "high", "format"),
    [
        (pytest.param if (turn + place) % 2 else seldom)(*case, format)
        for turn, case in enumerate(WEIGHTS)
        for place, format in enumerate(("mnist", "csv"))
    ],
)
def test_rows_and_classes_count_what_they_are_said_to(
    client: Client, class_weight: Any, sample_weight: Any, low: float, high: float, format: str
) -> None:
    before = things(client)
    X, y = rare(400, 3, 0.5)
    with HanamiClassifier(client=client, random_state=0, class_weight=class_weight, format=format) as estimator:
        estimator.fit(*LESSON, sample_weight=sample_weight)
        assert low <= (estimator.predict(X) == "rare")[y == "rare"].mean() <= high
    assert things(client) == before


def test_a_regression_goes_by_the_rows_that_count(client: Client) -> None:
    """Of two lines through the same rows, the heavy one is learned."""
    X = np.linspace(0, 1, 200)[:, None]
    weights = np.repeat([0.001, 5.5], 200)
    with HanamiRegressor(client=client, random_state=0) as estimator:
        estimator.fit(np.tile(X, (2, 1)), np.concatenate([1 - X, X]).ravel(), sample_weight=weights)
        assert estimator.score(X, X.ravel()) > 0.8


def test_whole_weights_are_repetitions_in_whatever_order_rows_come(client: Client) -> None:
    X, y = IRIS[0], IRIS[2]
    random = np.random.default_rng(4)
    counts = random.integers(0, 4, len(X))
    repeated = random.permutation(np.repeat(np.arange(len(X)), counts))
    answers = []
    for rows, weights in (
        (slice(None), counts),
        (repeated, None),
        (repeated, 1),
        (repeated, np.full(len(repeated), 0.3)),
    ):
        with HanamiClassifier(client=client, random_state=0, epochs=3) as estimator:
            answers.append(estimator.fit(X[rows], y[rows], sample_weight=weights).predict_proba(X))
    assert all((answer == answers[0]).all() for answer in answers)


@pytest.mark.parametrize(
    ("class_weight", "sample_weight", "message"),
    [
        ({7: 1.0}, None, r"\[0, 1, 2\]|0, 1, 2"),
        ({0: -1.0}, None, "class_weight must be 0 or more"),
        ({0: float("nan")}, None, "class_weight must be 0 or more"),
        ("even", None, "class_weight must be a mapping"),
        (None, np.full(112, -1.0), "negative"),
        (None, np.full(112, np.nan), "NaN"),
        (None, np.zeros(112), "zero for all rows"),
        (None, np.ones(111), r"shape \(111,\)"),
    ],
)
def test_wrong_weights(client: Client, class_weight: Any, sample_weight: Any, message: str) -> None:
    before = things(client)
    with pytest.raises(ValueError, match=message):
        HanamiClassifier(client=client, class_weight=class_weight).fit(IRIS[0], IRIS[2], sample_weight=sample_weight)
    with pytest.raises(ValueError, match="class_weight is for fit"):
        HanamiClassifier(client=client, class_weight="balanced").partial_fit(IRIS[0], IRIS[2], classes=[0, 1, 2])
    assert things(client) == before


def test_a_regression(client: Client) -> None:
    X, y = load_diabetes(return_X_y=True)
    with HanamiRegressor(client=client, random_state=0).fit(X, y) as estimator:
        assert estimator.score(X, y) > 0.3
        assert y.min() - 60 < estimator.predict(X).min() < estimator.predict(X).max() < y.max() + 60


def test_training_long_and_wide_does_not_ruin_a_noisy_table(client: Client) -> None:
    X, y = load_diabetes(return_X_y=True)
    estimator = HanamiRegressor(client=client, epochs=200, blocks=8, validation=0.2, random_state=0)
    assert cross_val_score(estimator, X, y, cv=3).mean() >= 0.40


def test_no_secret_is_shown(server: LocalServer, client: Client) -> None:
    estimator = HanamiClassifier(client=client)
    for shown in (repr(estimator), repr(make_pipeline(estimator)), estimator._repr_html_()):
        assert server.user in shown
        assert server.passphrase not in shown


def test_pipelines_and_searches_clone_it(client: Client) -> None:
    before = things(client)
    train, test, train_y, test_y = IRIS
    pipeline = make_pipeline(StandardScaler(), HanamiClassifier(client=client, epochs=5, random_state=0))
    search = GridSearchCV(pipeline, {"hanamiclassifier__blocks": [1, 2]}, cv=2).fit(train, train_y)
    assert search.score(test, test_y) > 0.8
    assert cross_val_score(HanamiClassifier(epochs=5), train, train_y, cv=2).min() > 0.6
    assert clone(pipeline)[-1].client is client
    search.best_estimator_[-1].close()
    assert things(client) == before


@pytest.mark.parametrize(
    ("format", "factor"), [("mnist", 1e6), seldom("mnist", -1e6), seldom("csv", 1e6), ("csv", -1e6)]
)
def test_a_broken_row_ruins_nothing(client: Client, format: str, factor: float) -> None:
    X, y = load_digits(return_X_y=True)
    train, test, train_y, test_y = train_test_split(X, y, random_state=0)
    train[7] *= factor
    with HanamiClassifier(client=client, format=format, random_state=0) as estimator:
        assert estimator.fit(train, train_y).score(test, test_y) > 0.96


def test_a_broken_target_ruins_nothing(client: Client) -> None:
    X, y = load_diabetes(return_X_y=True)
    broken = y.copy()
    broken[5] = 1e9
    with HanamiRegressor(client=client, random_state=0).fit(X, broken) as estimator:
        assert estimator.score(np.delete(X, 5, 0), np.delete(y, 5)) > 0.3


@pytest.mark.long
@pytest.mark.parametrize("size", [seldom(8), 40])
def test_partial_fit_learns_another_range_and_forgives_broken_rows(client: Client, size: int) -> None:
    train, test, train_y, test_y = IRIS
    train = train.copy()
    order = np.random.default_rng(0).permutation(len(train))
    with HanamiClassifier(client=client, random_state=0) as estimator:
        for _ in range(10):
            estimator.partial_fit(train, train_y, classes=[0, 1, 2])
        scale = estimator.feature_scale_
        estimator.partial_fit(train[:1] * 1e6, train_y[:1])
        assert (estimator.feature_scale_.spread == scale.spread).all()
        for first in range(0, len(order), size):
            part = order[first : first + size]
            estimator.partial_fit(train[part] * 10, train_y[part])
        assert (estimator.feature_scale_.spread > 5 * scale.spread).all()
        for _ in range(10):
            estimator.partial_fit(train * 10, train_y)
        assert estimator.score(test * 10, test_y) > 0.85


@pytest.mark.long
def test_a_regression_goes_on_with_bigger_targets(client: Client) -> None:
    X, y = load_diabetes(return_X_y=True)
    with HanamiRegressor(client=client, random_state=0) as estimator:
        for factor in (1, 10):
            for _ in range(choose(8, 15)):
                estimator.partial_fit(X, y * factor)
        assert estimator.score(X, y * 10) > 0.3


def test_partial_fit_goes_on(client: Client) -> None:
    train, test, train_y, test_y = IRIS
    estimator = HanamiClassifier(client=client, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed"):
        estimator.partial_fit(train, train_y)
    for _ in range(10):
        estimator.partial_fit(train, train_y, classes=[0, 1, 2])
    assert estimator.score(test, test_y) > 0.8
    with pytest.raises(ValueError, match=r"\[7\]"):
        estimator.partial_fit(train[:2], [7, 7])


def test_a_kept_cluster_outlives_the_estimator_and_serves_copies(client: Client) -> None:
    train, test, train_y, _ = IRIS
    estimator = HanamiClassifier(epochs=3, keep=True, cluster_name="kept flowers").fit(train, train_y)
    twin = pickle.loads(pickle.dumps(estimator))
    predicted = estimator.predict(test)
    estimator.close()
    assert (twin.predict(test) == predicted).all()
    assert client.cluster(twin.cluster_).name == "kept flowers"
    with pytest.raises(ConflictException):
        clone(estimator).fit(train, train_y)
    client.delete_cluster(twin.cluster_)


def test_a_copy_shares_the_cluster(client: Client) -> None:
    train, test, train_y, _ = IRIS
    estimator = HanamiClassifier(client=client, epochs=1).fit(train, train_y)
    twin = copy.deepcopy(estimator)
    assert (twin.predict(test) == estimator.predict(test)).all()
    with pytest.raises(TypeError, match="holds a login"):
        pickle.dumps(estimator)
    cluster = estimator.cluster_
    del estimator
    with pytest.raises(NotFoundException):
        twin.predict(test)
    assert cluster not in things(client)[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "log"}, "scale must be one of"),
        ({"epochs": 0}, "epochs must be"),
        ({"epochs": 1.5}, "epochs must be"),
        ({"format": "parquet"}, "format must be one of mnist, csv"),
    ],
)
def test_wrong_parameters(client: Client, options: dict[str, Any], message: str) -> None:
    train, _, train_y, _ = IRIS
    before = things(client)
    with pytest.raises(ValueError, match=message):
        HanamiClassifier(client=client, **options).fit(train, train_y)
    assert things(client) == before


def test_a_template_of_ones_own(client: Client) -> None:
    train, test, train_y, test_y = IRIS
    template = "version: 1\nhexagons:\n 1,1,1\n 2,1,1\ninputs:\n x: 1,1,1\noutputs:\n y: 2,1,1\n"
    estimator = HanamiClassifier(client=client, template=template, random_state=0).fit(train, train_y)
    assert estimator.score(test, test_y) > 0.6
    with pytest.raises(BadRequestException):
        HanamiClassifier(client=client, template="version: 1").fit(train, train_y)


def test_without_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANAMI_USER")
    with pytest.raises(ValueError, match="HANAMI_USER is not set"):
        HanamiClassifier().fit(*IRIS[::2])


@pytest.mark.parametrize("kind", [HanamiClassifier, HanamiRegressor])
def test_csv_with_columns_of_several_cells(client: Client, kind: type[HanamiClassifier | HanamiRegressor]) -> None:
    train, test, train_y, test_y = IRIS
    with kind(client=client, format="csv", random_state=0).fit(train, train_y) as estimator:
        assert estimator.score(test, test_y) > 0.8


def test_csv_and_a_server_that_joins_no_cells(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hanami_sdk._features._cells", lambda name, values: [f"{name}{n}" for n in range(len(values[0]))]
    )
    before = things(client)
    with HanamiClassifier(client=client, format="csv") as estimator:
        with pytest.raises(HanamiException, match="use format='mnist'"):
            estimator.fit(*IRIS[::2])
    assert things(client) == before
