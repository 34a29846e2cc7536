"""Tasks and results of requests of v0.4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanami_sdk.v04 import (
    cluster,
    hanami_exceptions,
    request_result,
    task,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import ABSENT, OWNED, SMALL, TIME, UUID, Login, finish, table


def test_training(login: Login, digits: str, network: str) -> None:
    result = task.create_task(*login, "test_task", "train", network, digits)
    assert json.loads(result) == {"name": "test_task", "uuid": UUID}
    task_uuid = finish(login, result, network)
    assert json.loads(task.get_task(*login, task_uuid, network)) == {
        "end_timestamp": TIME,
        "percentage_finished": 1.0,
        "queue_timestamp": TIME,
        "start_timestamp": TIME,
        "state": "finished",
    }
    (row,) = table(task.list_tasks(*login, network), ["uuid", "state", "percentage", "queued", "start", "end"])
    assert row == [task_uuid, "finished", "1.000000", TIME, TIME, TIME]
    assert json.loads(task.delete_task(*login, task_uuid, network)) == {}
    with pytest.raises(hanami_exceptions.NotFoundException, match=task_uuid):
        task.get_task(*login, task_uuid, network)


def test_a_request(
    login: Login, server: LocalServer, digits: str, network: str, small_digits: tuple[Path, Path]
) -> None:
    finish(login, task.create_task(*login, "test_task", "train", network, digits), network)
    task_uuid = finish(login, task.create_task(*login, "test_task", "request", network, digits), network)
    # The result outlives its task.
    task.delete_task(*login, task_uuid, network)

    found = json.loads(request_result.get_request_result(*login, task_uuid))
    owner = {"owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert found == owner | {"name": "test_task", "uuid": task_uuid, "data": found["data"]}
    assert len(found["data"]) == 200
    assert all(type(value) is int and 0 <= value <= 9 for value in found["data"])
    rows = table(request_result.list_request_results(*login), OWNED)
    assert [task_uuid, "admin", server.user, "private", "test_task"] in rows
    assert digits not in [row[0] for row in rows]

    labels = small_digits[1].read_bytes()[8:]
    right = sum(value == label for value, label in zip(found["data"], labels, strict=True))
    checked = json.loads(request_result.check_against_dataset(*login, task_uuid, digits))
    assert checked == {"accuracy": pytest.approx(right / 2)}
    assert right > 100

    assert json.loads(request_result.delete_request_result(*login, task_uuid)) == {}
    for function in (request_result.get_request_result, request_result.delete_request_result):
        with pytest.raises(
            hanami_exceptions.NotFoundException, match=f"Request-result with uuid '{task_uuid}' not found"
        ):
            function(*login, task_uuid)


def test_tasks_that_are_refused(login: Login, digits: str, network: str) -> None:
    """Nothing is queued, and no answer is without a UUID."""
    small = json.loads(cluster.create_cluster(*login, "other sizes", SMALL))["uuid"]
    with pytest.raises(hanami_exceptions.BadRequestException):
        task.create_task(*login, "test_task", "train", small, digits)
    with pytest.raises(hanami_exceptions.BadRequestException, match="type"):
        task.create_task(*login, "test_task", "learn", network, digits)
    with pytest.raises(hanami_exceptions.NotFoundException, match="Cluster"):
        task.create_task(*login, "test_task", "train", ABSENT, digits)
    with pytest.raises(hanami_exceptions.NotFoundException, match="Data-set"):
        task.create_task(*login, "test_task", "train", network, ABSENT)
    for uuid in (small, network):
        assert json.loads(task.list_tasks(*login, uuid))["body"] == []
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Result with uuid '{ABSENT}' not found"):
        request_result.check_against_dataset(*login, ABSENT, digits)
    cluster.delete_cluster(*login, small)
