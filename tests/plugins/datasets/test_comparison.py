"""Results and right answers side by side: classes, errors of numbers, and rows that only one of them has."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from hanami_core.errors import BadRequest, NotFound
from hanami_plugins.datasets import comparison
from tests.plugins.data import Site
from tests.plugins.datasets.kit import refused, stored

CHECK = ("GET", "/check")


def report(site: Site, result: str, reference: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.call(*CHECK, uuid=result, reference_uuid=reference, report=True, **more)
    return answer


@pytest.mark.parametrize("piece", [5, comparison.PIECE])
def test_classes_and_numbers_are_those_of_scikit_learn(site: Site, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(comparison, "PIECE", piece)
    chance = np.random.default_rng(5)
    right = chance.integers(0, 4, 200)
    expected = np.eye(4, dtype=np.float32)[right]
    given = (expected + chance.normal(0, 0.6, expected.shape)).astype(np.float32)
    answered = given.argmax(axis=1)
    result, reference = stored(site, {"out": 4}, given), stored(site, {"x": 1, "label": 4}, np.c_[right, expected])
    answer = report(site, result, reference)
    found = answer["report"]
    assert answer["accuracy"] == pytest.approx(100 * metrics.accuracy_score(right, answered))
    assert (found["column_name"], found["reference_column_name"], found["rows"]) == ("out", "label", 200)
    assert found["confusion_matrix"] == metrics.confusion_matrix(right, answered).tolist()
    assert found["precision"] == pytest.approx(metrics.precision_score(right, answered, average=None))
    assert found["recall"] == pytest.approx(metrics.recall_score(right, answered, average=None))
    assert found["mse"] == pytest.approx(metrics.mean_squared_error(expected, given), rel=1e-4)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(expected, given), rel=1e-4)
    assert found["r2"] == pytest.approx(metrics.r2_score(expected, given), rel=1e-4)


def test_numbers_far_from_zero_are_exact(site: Site) -> None:
    expected = np.array([[1e6 + number] for number in range(100)], np.float32)
    given = expected + np.float32(0.5)
    found = report(site, stored(site, {"y": 1}, given), stored(site, {"y": 1}, expected))
    assert "accuracy" not in found
    assert found["report"] == {
        "column_name": "y",
        "reference_column_name": "y",
        "rows": 100,
        "mse": pytest.approx(0.25),
        "mae": pytest.approx(0.5),
        "r2": pytest.approx(1 - 0.25 / np.var(np.arange(100))),
    }


def test_what_nobody_can_tell_is_null(site: Site) -> None:
    constant = stored(site, {"y": 1}, [[2.0], [2.0]])
    assert report(site, constant, constant)["report"]["r2"] is None
    one_class = stored(site, {"label": 2}, [[1, 0], [1, 0]])
    found = report(site, one_class, one_class)["report"]
    assert (found["precision"], found["recall"], found["confusion_matrix"]) == (
        [1.0, None],
        [1.0, None],
        [[2, 0], [0, 0]],
    )


@pytest.mark.parametrize("row", [[0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [1.0, 0.5]])
def test_right_answers_that_are_no_classes_are_numbers(site: Site, row: list[float]) -> None:
    reference = stored(site, {"label": 2}, [[1.0, 0.0], row])
    answer = report(site, stored(site, {"out": 2}, [[0.9, 0.1], [0.0, 1.0]]), reference)
    assert {"confusion_matrix", "precision", "recall"}.isdisjoint(answer["report"])
    assert isinstance(answer["accuracy"], float)


def test_a_matrix_of_too_many_classes_is_left_out(tmp_path: Path) -> None:
    with Site(tmp_path, datasets__max_values=8) as site:
        dataset = stored(site, {"label": 3}, np.eye(3))
        found = report(site, dataset, dataset)["report"]
        assert "confusion_matrix" not in found
        assert found["recall"] == [1.0] * 3


def test_columns_are_named_where_several_fit(site: Site) -> None:
    result = stored(site, {"a": 1, "b": 1}, [[1, 5], [2, 6]])
    reference = stored(site, {"c": 1, "b": 1}, [[1, 5], [2, 6]])
    assert report(site, result, reference)["report"]["column_name"] == "b"
    named = report(site, result, reference, column_name="a", reference_column_name="c")["report"]
    assert (named["column_name"], named["reference_column_name"], named["mse"]) == ("a", "c", 0.0)
    other = stored(site, {"c": 1, "d": 1}, [[1, 5], [2, 6]])
    fields = {"uuid": result, "reference_uuid": other, "report": True}
    assert "It is not clear" in refused(site, BadRequest, *CHECK, **fields)
    assert "'nothing'" in refused(site, NotFound, *CHECK, **fields, column_name="nothing")
    wide = stored(site, {"label": 2}, [[1, 0], [0, 1]])
    fields |= {"reference_uuid": wide, "column_name": "a", "reference_column_name": "label"}
    assert refused(site, BadRequest, *CHECK, **fields) == (
        "column 'a' has 1 values, but column 'label' of the reference has 2"
    )


@pytest.mark.parametrize("field", ["column_name", "reference_column_name"])
def test_columns_belong_to_a_report(site: Site, field: str) -> None:
    dataset = stored(site, {"label": 2}, [[1, 0]])
    assert refused(site, BadRequest, *CHECK, uuid=dataset, reference_uuid=dataset, **{field: "label"}) == (
        f"'{field}' is only allowed together with 'report'"
    )


def test_rows_that_only_one_has_are_refused_or_told_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    result, reference = stored(site, {"out": 2}, [[1, 0]] * 5), stored(site, {"label": 2}, [[1, 0]] * 3)
    fields = {"uuid": result, "reference_uuid": reference}
    for more in ({}, {"report": True}):
        assert refused(site, BadRequest, *CHECK, **fields, **more, equal_rows=True) == (
            "'equal_rows': the result has 5 rows and the reference has 3; without 'equal_rows', the rows that only one "
            "of them has are left out"
        )
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "hanami.datasets"):
        assert site.call(*CHECK, **fields) == {"accuracy": 100.0}
        assert report(site, result, reference)["report"]["rows"] == 3
    assert [(record.name, record.levelname) for record in caplog.records] == [("hanami.datasets", "WARNING")] * 2
    caplog.clear()
    assert site.call(*CHECK, uuid=result, reference_uuid=result, equal_rows=True) == {"accuracy": 100.0}
    assert not caplog.records
