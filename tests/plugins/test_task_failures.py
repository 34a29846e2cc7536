"""Why a task failed is told by the Api through which it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hanami_core.access import Actor
from hanami_core.errors import BadRequest, TaskError
from hanami_core.http import Api
from hanami_core.queue import Task
from hanami_core.storage.database import atomic
from tests.whole import ADMIN, Whole

ACTOR = Actor(ADMIN[0], ADMIN[1], "admin", "admin", is_admin=True)
CAUSE = BadRequest("expected_value_out_of_range", interface="out", cycle=7)


class Nothing(msgspec.Struct):
    """A payload."""


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


def failed(whole: Whole, reason: str, cause: Exception) -> dict[str, str]:
    """Return how clients name a task that has just failed."""
    cluster = whole.call("POST", "cluster", name="cluster").json["uuid"]
    queue = whole.runtime.queue
    with atomic():
        queue.enqueue("train", cluster, ACTOR, "t", Nothing(), 1)
    task = queue.claim("cpu0", "cpu0/1")
    assert task is not None
    queue.fail(task, reason, cause)
    return {"uuid": str(task.uuid), "cluster_uuid": cluster}


def test_a_code_is_told_with_the_sentence_of_the_api(whole: Whole) -> None:
    task = whole.call("GET", "task", **failed(whole, str(CAUSE), CAUSE)).json
    assert task["error"] == "output 'out' has a value that is not between 0 and 1 in cycle 7"


@pytest.mark.parametrize("cause", [TaskError("host 'cpu9' is gone"), OSError("host 'cpu9' is gone")])
def test_an_explanation_is_told_as_it_is(whole: Whole, cause: Exception) -> None:
    task = whole.call("GET", "task", **failed(whole, str(cause), cause)).json
    assert task["error"] == "host 'cpu9' is gone"


def test_how_often_a_task_was_begun_is_told(whole: Whole) -> None:
    """Once is not worth a word: released clients have not heard of it."""
    names = failed(whole, str(CAUSE), CAUSE)
    assert "attempts" not in whole.call("GET", "task", **names).json
    Task.update(attempts=3).where(Task.uuid == names["uuid"]).execute()
    assert whole.call("GET", "task", **names).json["attempts"] == 3


def test_a_task_that_did_not_fail_has_no_error(whole: Whole) -> None:
    names = failed(whole, str(CAUSE), CAUSE)
    Task.update(error="", fault="").where(Task.uuid == names["uuid"]).execute()
    assert "error" not in whole.call("GET", "task", **names).json


def test_other_apis_have_sentences_of_their_own(whole: Whole) -> None:
    names = failed(whole, str(CAUSE), CAUSE)
    failure = Task.get(Task.uuid == names["uuid"]).failure
    assert failure is not None
    api = Api("plain", "/plain")
    assert api.render({"error": failure}) == '{"error":"expected value out of range (interface out, cycle 7)"}'
    assert api.schema(TaskError)["type"] == "string"
