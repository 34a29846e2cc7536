"""Columns of a training with different numbers of rows: refused if that is wanted, else told in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.access import Access, Action, Actor
from hanami_core.datasets import TableWriter
from hanami_core.ids import new_uuid
from hanami_core.queue import Task
from hanami_core.storage.database import atomic
from hanami_plugins import tasks
from hanami_plugins.datasets import add_result, finalise_result
from hanami_plugins.tasks import Binding
from tests.whole import Whole

TEXT = (
    "'equal_rows': column 'b' has 3 rows and column 'a' has 5; without 'equal_rows', a training leaves out the rows "
    "that not all of them have"
)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


def table(whole: Whole, rows: int) -> str:
    uuid = new_uuid()
    with whole.runtime.blobs.staging() as staged:
        with TableWriter(staged) as writer:
            writer.begin({"a": 2, "b": 1}, np.float32)
            writer.append(np.zeros((rows, 3), np.float32))
        shape = finalise_result(whole.runtime, staged)
        with atomic():
            owned = {"uuid": uuid, "name": "rows", "owner_id": "asdf", "project_id": "admin"}
            add_result(whole.runtime, **owned, staged=staged, shape=shape)
    return uuid


def train(whole: Whole, inputs: str, outputs: str, **more: Any) -> Any:
    cluster = whole.call("POST", "cluster", name="cluster").json["uuid"]
    given = [{"hexagon_name": "in", "dataset_uuid": inputs, "dataset_column": "a"}]
    expected = [{"hexagon_name": "out", "dataset_uuid": outputs, "dataset_column": "b"}]
    fields = {"name": "training", "cluster_uuid": cluster, "inputs": given, "outputs": expected}
    return whole.call("POST", "task/train", **fields | more)


def test_unequal_rows_are_refused_for_those_who_want_equal_ones(whole: Whole, caplog: pytest.LogCaptureFixture) -> None:
    answer = train(whole, table(whole, 5), table(whole, 3), equal_rows=True)
    assert (answer.status_code, answer.text) == (400, TEXT)
    assert Task.select().count() == 0
    assert not [record for record in caplog.records if record.name == "hanami.tasks"]


def test_bodies_of_released_clients_are_cut_and_the_log_tells(whole: Whole, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hanami.tasks"):
        answer = train(whole, table(whole, 5), table(whole, 3))
    assert (answer.status_code, answer.json["total_number_of_cycles"]) == (200, 3)
    (record,) = (record for record in caplog.records if record.name == "hanami.tasks")
    assert (record.levelname, record.__dict__["rows"], record.__dict__["expected"]) == ("WARNING", 3, 5)


@pytest.mark.parametrize("steps", [1, 3])
def test_equal_rows_are_trained_whatever_a_cycle_looks_at(whole: Whole, steps: int) -> None:
    answer = train(whole, table(whole, 5), table(whole, 5), equal_rows=True, time_length=steps)
    assert (answer.status_code, answer.json["total_number_of_cycles"]) == (200, 6 - steps)


def test_windows_need_rows_of_their_own(whole: Whole, caplog: pytest.LogCaptureFixture) -> None:
    cluster = whole.call("POST", "cluster", name="windows").json["uuid"]
    actor = Actor("asdf", "asdf", "admin", "admin", is_admin=True)
    access = Access(actor, Action("t", "POST", "", "write", ()), whole.runtime.plugins.access_rules)
    uuid = table(whole, 5)
    given = [Binding("in", uuid, "a", rows=3)], [Binding("out", uuid, "b", first=2)]
    assert tasks.train(whole.runtime, access, cluster, "training", *given, equal_rows=True).total_cycles == 3
    assert not [record for record in caplog.records if record.name == "hanami.tasks"]
