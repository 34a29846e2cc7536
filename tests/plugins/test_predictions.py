"""Predictions in the process of the test: rows in, rows out, from the last stored state of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_plugins.api_v1_0alpha.testing import NativeApp
from tests.plugins.test_native_routes import NativeRoutes, feed, ready, trained, uploaded

UNKNOWN = "11111111-1111-1111-1111-111111111111"
ROWS = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]


class TestRoutes(NativeRoutes):
    """The suite for routes."""

    plugin = "predictions"
    compute = "cpu0"

    @pytest.fixture
    def examples(self, app: NativeApp) -> dict[str, Any]:
        cluster = trained(app)
        return {"POST /cluster/predict": {"uuid": cluster, "inputs": {"in": ROWS}}}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    with NativeApp(tmp_path / "data", compute="cpu0", predictions__max_values=100) as opened:
        yield opened


@pytest.fixture
def cluster(app: NativeApp) -> str:
    return trained(app)


def ask(app: NativeApp, cluster: str, rows: Any = ROWS, **inputs: Any) -> Any:
    return app.call("POST", "cluster/predict", uuid=cluster, inputs=inputs or {"in": rows})


def test_it_answers_what_a_task_answers(app: NativeApp, cluster: str) -> None:
    dataset = uploaded(app)
    wanted = [{"hexagon_name": "out", "dataset_column": "answer"}]
    fields = {"inputs": [feed(dataset, "in", "a")], "results": wanted}
    task = app.call("POST", "task/request", name="asked", cluster_uuid=cluster, **fields).json["uuid"]
    ready(app, task)
    content = {"column_name": "answer", "row_offset": 0, "number_of_rows": 2}
    expected = app.call("GET", "dataset/content", uuid=task, **content).json["data"]
    answer = ask(app, cluster, ROWS[:2]).json
    assert np.array_equal(np.float32(answer["outputs"]["out"]), np.float32(expected))
    assert answer["uuid"] == cluster
    assert answer["version"] > 0
    assert 0 <= answer["age"] < 60


def test_one_row_is_answered_like_many(app: NativeApp, cluster: str) -> None:
    together = ask(app, cluster).json["outputs"]["out"]
    assert [ask(app, cluster, [row]).json["outputs"]["out"][0] for row in ROWS] == together


def test_a_single_input_needs_no_name(app: NativeApp, cluster: str) -> None:
    answer = app.call("POST", "cluster/predict", uuid=cluster, inputs=ROWS)
    assert answer.json["outputs"] == ask(app, cluster).json["outputs"]


def test_the_next_state_answers_as_soon_as_it_is_stored(app: NativeApp, cluster: str) -> None:
    before = ask(app, cluster).json
    dataset = uploaded(app)
    fields = {"inputs": [feed(dataset, "in", "a")], "outputs": [feed(dataset, "out", "a")]}
    ready(app, app.call("POST", "task/train", name="again", cluster_uuid=cluster, **fields).json["uuid"])
    after = ask(app, cluster).json
    assert after["version"] > before["version"]
    assert after["outputs"] != before["outputs"]


def test_direct_mode_changes_nothing(app: NativeApp, cluster: str) -> None:
    before = ask(app, cluster).json["outputs"]
    assert app.call("PUT", "cluster/set_mode", uuid=cluster, new_state="DIRECT").status_code == 200
    assert ask(app, cluster).json["outputs"] == before


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"other": ROWS}, "'inputs': the cluster has no input 'other', known are: in"),
        ({"in": ROWS, "other": ROWS}, "'inputs': the cluster has no input 'other', known are: in"),
        ({"in": []}, "'inputs' has no rows for 'in'"),
        ({"in": [[]]}, "'inputs': rows of 'in' have 0 values, but the cluster was trained with 2"),
        ({"in": [[1.0]]}, "'inputs': rows of 'in' have 1 values, but the cluster was trained with 2"),
        ({"in": [[1.0, 2.0], [1.0]]}, "'inputs': row 1 has 1 values, but row 0 has 2"),
        ({"in": [[0.0, 0.0], [1.0, 1e300]]}, "'inputs': row 1 of 'in' has a value that is not finite"),
    ],
)
def test_rows_that_do_not_fit_are_refused(app: NativeApp, cluster: str, inputs: dict[str, Any], reason: str) -> None:
    answer = ask(app, cluster, **inputs)
    assert (answer.status_code, answer.text) == (400, reason)


def test_too_many_rows_are_refused_with_the_numbers(app: NativeApp, cluster: str) -> None:
    assert ask(app, cluster, [[0.0, 0.0]] * 25).status_code == 200
    answer = ask(app, cluster, [[0.0, 0.0]] * 26)
    reason = "26 rows are 104 values of inputs and outputs, 100 are allowed by the setting predictions.max_values"
    assert answer.text == reason
    assert answer.status_code >= 400


def test_what_is_not_there_or_was_never_trained_is_told(app: NativeApp, cluster: str) -> None:
    assert ask(app, UNKNOWN).status_code == 404
    empty = app.call("POST", "cluster", name="empty").json["uuid"]
    answer = ask(app, empty)
    assert (answer.status_code, answer.text) == (409, f"Cluster with uuid '{empty}' was never trained")
    assert app.call("DELETE", "cluster", uuid=cluster).status_code == 200
    assert ask(app, cluster).status_code == 404


def test_who_may_not_see_a_cluster_may_not_ask_it(app: NativeApp, cluster: str) -> None:
    stranger = app.member("stranger_1", "other_project")
    fields = {"uuid": cluster, "inputs": {"in": ROWS}}
    assert app.call("POST", "cluster/predict", stranger, **fields).status_code == 404
    app.call("PUT", "cluster/visibility", uuid=cluster, visibility="public")
    assert app.call("POST", "cluster/predict", stranger, **fields).status_code == 200


def with_two_inputs(app: NativeApp) -> str:
    """Train a cluster with the inputs `first` and `second` and return its UUID."""
    dataset = uploaded(app)
    cluster = str(app.call("POST", "cluster", name="two inputs").json["uuid"])
    inputs = [feed(dataset, "first", "a"), feed(dataset, "second", "a")]
    fields = {"inputs": inputs, "outputs": [feed(dataset, "out", "a")]}
    ready(app, app.call("POST", "task/train", name="once", cluster_uuid=cluster, **fields).json["uuid"])
    return cluster


def test_names_are_needed_where_there_are_several(app: NativeApp) -> None:
    cluster = with_two_inputs(app)
    unnamed = app.call("POST", "cluster/predict", uuid=cluster, inputs=ROWS).text
    assert unnamed == "'inputs' must have rows by name, because the cluster has several inputs: first, second"
    one = ask(app, cluster, first=ROWS).text
    assert one == "'inputs' has no rows for 'second', the cluster has the inputs: first, second"
    differ = ask(app, cluster, first=ROWS, second=ROWS[:2]).text
    assert differ == "'inputs' must have as many rows for each input, got: first 3, second 2"
    assert ask(app, cluster, first=ROWS, second=ROWS).status_code == 200
