"""What the manuals of OpenHanami v0.4.0 and v0.4.1 show, call by call, against a real server.

The two differ in direct IO alone: in the first each call waits, in the second there are coroutines. Answers are
compared field by field with what the manuals print; where that is not what their program did, the program counts, and
such a place has a comment.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hanami_sdk.cluster as cluster_of_today
import hanami_sdk.dataset as dataset_of_today
from hanami_sdk.v04 import (
    aio,
    checkpoint,
    cluster,
    dataset,
    direct_io,
    hanami_exceptions,
    hanami_token,
    hosts,
    logs,
    project,
    request_result,
    task,
    user,
)
from hanami_server.local import LocalServer

Login = tuple[str, str]


class Like(str):
    """Equal to every text of its form."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(str(self), other) is not None

    __hash__ = str.__hash__


UUID = Like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = Like(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ABSENT = "00000000-0000-0000-0000-000000000000"
OWNED = ["uuid", "project_id", "owner_id", "visibility", "name"]
TEMPLATE = (
    "version: 1\n"
    "bricks:\n"
    "    1,1,1\n"
    "        input: test_input\n"
    "        number_of_neurons: 784\n"
    "    2,1,1\n"
    "        number_of_neurons: 400\n"
    "    3,1,1\n"
    "        output: test_output\n"
    "        number_of_neurons: 10"
)
SMALL = TEMPLATE.replace("784", "5").replace(": 10", ": 2")
"""For the five input values and two expected ones that direct IO is shown with."""


@pytest.fixture
def login(server: LocalServer) -> Login:
    """What all functions begin with."""
    return hanami_token.request_token(server.address, server.user, server.passphrase), server.address


@pytest.fixture
def digits(login: Login, small_digits: tuple[Path, Path]) -> Iterator[str]:
    """UUID of 200 digits."""
    uuid = dataset.upload_mnist_files(*login, "digits of v04", *map(str, small_digits))
    yield uuid
    dataset.delete_dataset(*login, uuid)


@pytest.fixture
def network(login: Login) -> Iterator[str]:
    """UUID of the manual's cluster."""
    uuid = json.loads(cluster.create_cluster(*login, "cluster of v04", TEMPLATE))["uuid"]
    yield uuid
    cluster.delete_cluster(*login, uuid)


def table(answer: bytes, header: list[str]) -> list[list[Any]]:
    """Return the rows of a list that has exactly this header."""
    found = json.loads(answer)
    assert found == {"header": header, "body": found["body"]}
    assert all(len(row) == len(header) for row in found["body"])
    return list(found["body"])


def finish(login: Login, answer: bytes, cluster_uuid: str) -> str:
    """Wait for a task as the manuals do, and return its UUID."""
    task_uuid = str(json.loads(answer)["uuid"])
    finished = False
    while not finished:
        found = json.loads(task.get_task(*login, task_uuid, cluster_uuid))
        assert found["state"] in ("queued", "active", "finished"), found
        finished = found["state"] == "finished"
        time.sleep(0.02)
    return task_uuid


# ---------------------------------------------------------------------------------------------------------------------
# Exceptions, insecure connections
# ---------------------------------------------------------------------------------------------------------------------


def test_exceptions(login: Login, server: LocalServer) -> None:
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Cluster with uuid '{ABSENT}' not found"):
        cluster.get_cluster(*login, ABSENT, verify_connection=False)
    with pytest.raises(hanami_exceptions.BadRequestException, match="uuid"):
        cluster.get_cluster(*login, "fail_cluster")
    with pytest.raises(hanami_exceptions.UnauthorizedException, match="User or password is incorrect"):
        hanami_token.request_token(server.address, server.user, "a wrong password", verify_connection=False)
    with pytest.raises(hanami_exceptions.UnauthorizedException, match=r"^Failed to validate JWT-Token$"):
        cluster.list_clusters("no token", server.address)
    with pytest.raises(hanami_exceptions.ConflictException, match="tries to delete himself"):
        user.delete_user(*login, server.user)


# ---------------------------------------------------------------------------------------------------------------------
# Projects and users
# ---------------------------------------------------------------------------------------------------------------------


def test_projects(login: Login, server: LocalServer) -> None:
    expected = {"creator_id": server.user, "id": "test_project", "name": "Test Project"}
    assert json.loads(project.create_project(*login, "test_project", "Test Project")) == expected
    with pytest.raises(hanami_exceptions.ConflictException):
        project.create_project(*login, "test_project", "Test Project")
    assert json.loads(project.get_project(*login, "test_project")) == expected
    rows = table(project.list_projects(*login), ["id", "name", "creator_id"])
    assert ["test_project", "Test Project", server.user] in rows
    with pytest.raises(hanami_exceptions.NotFoundException):
        project.get_project(*login, "fail_project")
    assert json.loads(project.delete_project(*login, "test_project")) == {}
    with pytest.raises(hanami_exceptions.NotFoundException):
        project.delete_project(*login, "test_project")


@pytest.mark.parametrize("is_admin", [True, False])
def test_users(login: Login, server: LocalServer, is_admin: bool) -> None:
    expected = {
        "creator_id": server.user,
        "id": "new_user",
        "is_admin": is_admin,
        "name": "new_user",
        "projects": [],
    }
    assert json.loads(user.create_user(*login, "new_user", "new_user", "new password", is_admin)) == expected
    with pytest.raises(hanami_exceptions.ConflictException):
        user.create_user(*login, "new_user", "new_user", "new password", is_admin)
    assert json.loads(user.get_user(*login, "new_user")) == expected
    rows = table(user.list_users(*login), ["id", "name", "creator_id", "projects", "is_admin"])
    assert ["new_user", "new_user", server.user, [], is_admin] in rows
    # The manuals call the creator of the first admin MISAKI, which no release did.
    assert [server.user, server.user, "HANAMI_INIT", [], True] in rows
    assert json.loads(user.delete_user(*login, "new_user")) == {}
    with pytest.raises(hanami_exceptions.NotFoundException):
        user.delete_user(*login, "new_user")


def test_projects_of_users(login: Login, server: LocalServer) -> None:
    for name in ("test_project", "other_project"):
        project.create_project(*login, name, "Test Project")
    user.create_user(*login, "new_user", "new_user", "asdfasdf", False)
    place = {"project_id": "test_project", "role": "member", "is_project_admin": True}
    added = json.loads(user.add_roject_to_user(*login, "new_user", "test_project", "member", True))
    assert added == json.loads(user.get_user(*login, "new_user"))
    assert added["projects"] == [place]
    user.add_roject_to_user(*login, "new_user", "other_project", "member", False)

    own = hanami_token.request_token(server.address, "new_user", "asdfasdf"), server.address
    other = {"project_id": "other_project", "role": "member", "is_project_admin": False}
    assert json.loads(user.list_projects_of_user(*own)) == {"projects": [place, other]}
    # The function of v0.4.0 fails before it sends anything, that of v0.4.1 calls an endpoint that refuses it.
    switched = json.loads(user.switch_project(*own, "other_project"))
    assert switched == {"id": "new_user", "is_admin": False, "name": "new_user", "token": Like(r"[\w-]+(\.[\w-]+){2}")}
    created = json.loads(cluster.create_cluster(switched["token"], server.address, "of other project", TEMPLATE))
    assert created["project_id"] == "other_project"
    cluster.delete_cluster(switched["token"], server.address, created["uuid"])

    removed = json.loads(user.remove_project_fromUser(*login, "new_user", "test_project"))
    assert removed["projects"] == [other]
    user.delete_user(*login, "new_user")
    for name in ("test_project", "other_project"):
        project.delete_project(*login, name)


# ---------------------------------------------------------------------------------------------------------------------
# Datasets
# ---------------------------------------------------------------------------------------------------------------------


def test_pictures(login: Login, server: LocalServer, small_digits: tuple[Path, Path]) -> None:
    train_inputs, train_labels = map(str, small_digits)
    dataset_uuid = dataset.upload_mnist_files(*login, "train_test_dataset", train_inputs, train_labels)
    assert dataset_uuid == UUID
    assert json.loads(dataset.get_dataset(*login, dataset_uuid)) == {
        "inputs": 784,
        "lines": 200,
        "location": "",  # The manuals show a path of the server.
        "name": "train_test_dataset",
        "outputs": 10,
        "owner_id": server.user,
        "project_id": "admin",
        "type": "mnist",
        "uuid": dataset_uuid,
        "visibility": "private",
    }
    rows = table(dataset.list_datasets(*login), [*OWNED, "type"])
    assert [dataset_uuid, "admin", server.user, "private", "train_test_dataset", "mnist"] in rows
    check_gone(login, dataset_uuid)


def check_gone(login: Login, dataset_uuid: str) -> None:
    assert json.loads(dataset.delete_dataset(*login, dataset_uuid)) == {}
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Data-set with uuid '{dataset_uuid}' not found"):
        dataset.get_dataset(*login, dataset_uuid)


def test_a_table(login: Login, server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "test-file.csv").write_text("test_input,test_output\n" + "1,0.5\n" * 30)
    dataset_uuid = dataset.upload_csv_files(*login, "train_test_dataset", str(tmp_path / "test-file.csv"))
    assert json.loads(dataset.get_dataset(*login, dataset_uuid)) == {
        "inputs": 0,
        "lines": 30,
        "location": "",
        "name": "train_test_dataset",
        "outputs": 0,
        "owner_id": server.user,
        "project_id": "admin",
        "type": "csv",
        "uuid": dataset_uuid,
        "visibility": "private",
    }
    check_gone(login, dataset_uuid)


# ---------------------------------------------------------------------------------------------------------------------
# Clusters, checkpoints, hosts
# ---------------------------------------------------------------------------------------------------------------------


def test_a_cluster(login: Login, server: LocalServer) -> None:
    created = json.loads(cluster.create_cluster(*login, "test_cluster", TEMPLATE))
    expected = {"name": "test_cluster", "owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert created == expected | {"uuid": UUID}
    uuid = created["uuid"]
    with pytest.raises(hanami_exceptions.ConflictException, match="'test_cluster' already exist"):
        cluster.create_cluster(*login, "test_cluster", TEMPLATE)
    assert json.loads(cluster.get_cluster(*login, uuid)) == created
    rows = table(cluster.list_clusters(*login), OWNED)
    assert [uuid, "admin", server.user, "private", "test_cluster"] in rows
    assert json.loads(cluster.delete_cluster(*login, uuid)) == {}
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.delete_cluster(*login, uuid)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (TEMPLATE.replace("version: 1", "version: 2"), "line 1"),
        (TEMPLATE.replace("3,1,1", "2,1,1"), "line 8.*twice"),
        (TEMPLATE.replace("784", "0"), "line 5.*number_of_neurons"),
        (TEMPLATE.replace("3,1,1", "9,9,9"), "line 8.*no neighbour"),
    ],
)
def test_templates_that_are_refused(login: Login, template: str, text: str) -> None:
    with pytest.raises(hanami_exceptions.BadRequestException, match=text):
        cluster.create_cluster(*login, "test_cluster", template)


def test_checkpoints(login: Login, server: LocalServer, digits: str, network: str) -> None:
    finish(login, task.create_task(*login, "test_task", "train", network, digits), network)
    before = answers(login, network, digits)

    saved = json.loads(cluster.save_cluster(*login, "test_checkpoint", network))
    assert saved == {"name": "test_checkpoint", "uuid": UUID}
    rows = table(checkpoint.list_checkpoints(*login), OWNED)
    assert [saved["uuid"], "admin", server.user, "private", "test_checkpoint"] in rows
    found = json.loads(checkpoint.get_checkpoint(*login, saved["uuid"]))
    assert found == {"location": "", "name": "test_checkpoint", "uuid": saved["uuid"]}

    other = json.loads(cluster.create_cluster(*login, "restored cluster", TEMPLATE))["uuid"]
    restored = cluster.restore_cluster(*login, saved["uuid"], other)
    assert json.loads(restored) == {"uuid": UUID}
    assert json.loads(checkpoint.delete_checkpoint(*login, saved["uuid"])) == {}
    finish(login, restored, other)
    assert answers(login, other, digits) == before
    cluster.delete_cluster(*login, other)
    with pytest.raises(hanami_exceptions.NotFoundException, match="Chekckpoint"):
        checkpoint.delete_checkpoint(*login, saved["uuid"])
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.restore_cluster(*login, ABSENT, network)


def answers(login: Login, cluster_uuid: str, digits: str) -> list[int]:
    """Return what a cluster takes the digits for."""
    asked = finish(login, task.create_task(*login, "answers", "request", cluster_uuid, digits), cluster_uuid)
    data = json.loads(request_result.get_request_result(*login, asked))["data"]
    request_result.delete_request_result(*login, asked)
    return list(data)


def test_hosts(login: Login, server: LocalServer, network: str) -> None:
    rows = table(hosts.list_hosts(*login), ["uuid", "type"])
    assert [UUID, "cpu"] in rows
    moved = json.loads(cluster.switch_host(*login, network, rows[0][0]))
    owner = {"owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert moved == owner | {"name": "cluster of v04", "uuid": network}
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Host with uuid '{ABSENT}' not found"):
        cluster.switch_host(*login, network, ABSENT)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks and results of requests
# ---------------------------------------------------------------------------------------------------------------------


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


# ---------------------------------------------------------------------------------------------------------------------
# Tables: a brick sees as many lines at once as it has neurons
# ---------------------------------------------------------------------------------------------------------------------

TIDES = (0.0, 0.0, 1.0, 1.0)
TIDE_TEMPLATE = (
    "version: 1\n"
    "bricks:\n"
    "    1,1,1\n"
    "        input: tide\n"
    "        number_of_neurons: 3\n"
    "    2,0,1\n"
    "        input: moon\n"
    "        number_of_neurons: 2\n"
    "    2,1,1\n"
    "        number_of_neurons: 20\n"
    "    3,1,1\n"
    "        output: next\n"
    "        number_of_neurons: 1\n"
)


def tides(lines: int, *columns: str) -> bytes:
    """Return a table of tides: three of them tell the next one, fewer do not."""
    values = {"tide": 0, "moon": 2, "next": 1}
    rows = [[TIDES[(line + values[name]) % 4] for name in columns] for line in range(lines)]
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]).encode()


@pytest.fixture
def tide_network(login: Login) -> Iterator[str]:
    uuid = json.loads(cluster.create_cluster(*login, "tides", TIDE_TEMPLATE))["uuid"]
    yield uuid
    cluster.delete_cluster(*login, uuid)


def upload(login: Login, directory: Path, content: bytes) -> str:
    (directory / "table.csv").write_bytes(content)
    return dataset.upload_csv_files(*login, "table of v04", str(directory / "table.csv"))


def test_windows_of_a_table(login: Login, server: LocalServer, tide_network: str, tmp_path: Path) -> None:
    known = upload(login, tmp_path, tides(3000, "tide", "moon", "next"))
    finish(login, task.create_task(*login, "learn tides", "train", tide_network, known), tide_network)
    asked = upload(login, tmp_path, tides(50, "moon", "tide"))
    answer = finish(login, task.create_task(*login, "ask tides", "request", tide_network, asked), tide_network)
    found = json.loads(request_result.get_request_result(*login, answer))
    # The name is that of the task; v0.4 took that of the brick.
    owner = {"owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert found == owner | {"name": "ask tides", "uuid": answer, "data": found["data"]}
    # One number for each line that ends a window; v0.4 had one fewer.
    assert len(found["data"]) == 50 - 3 + 1
    assert [round(value) for value in found["data"]] == [TIDES[(line + 1) % 4] for line in range(2, 50)]
    request_result.delete_request_result(*login, answer)
    for uuid in (known, asked):
        dataset.delete_dataset(*login, uuid)


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (tides(2, "tide", "moon", "next"), hanami_exceptions.BadRequestException, "too few rows"),
        (tides(9, "tide", "next"), hanami_exceptions.NotFoundException, "no column with the name of the brick 'moon'"),
        (tides(9, "tide", "moon"), hanami_exceptions.NotFoundException, "no column with the name of the brick 'next'"),
    ],
)
def test_tables_that_do_not_fit(
    login: Login, tide_network: str, tmp_path: Path, content: bytes, kind: type[Exception], text: str
) -> None:
    uuid = upload(login, tmp_path, content)
    with pytest.raises(kind, match=text):
        task.create_task(*login, "learn tides", "train", tide_network, uuid)
    assert json.loads(task.list_tasks(*login, tide_network))["body"] == []
    dataset.delete_dataset(*login, uuid)


def test_a_cluster_without_bricks(login: Login, digits: str, tmp_path: Path) -> None:
    """The names of bricks say what a dataset is for; without them no task is possible."""
    uuid = json.loads(cluster.create_cluster(*login, "no bricks", ""))["uuid"]
    numbers = upload(login, tmp_path, tides(9, "tide", "next"))
    refused = hanami_exceptions.BadRequestException, hanami_exceptions.ConflictException
    for given in (digits, numbers):
        for kind in ("train", "request"):
            with pytest.raises(refused):
                task.create_task(*login, "test_task", kind, uuid, given)
    dataset.delete_dataset(*login, numbers)
    cluster.delete_cluster(*login, uuid)


# ---------------------------------------------------------------------------------------------------------------------
# Direct IO
# ---------------------------------------------------------------------------------------------------------------------

INPUT_VALUES, EXPECTED_VALUES = [0.0, 2.0, 0.0, 10.0, 0.5], [1.0, 0.0]


@pytest.fixture
def small_network(login: Login) -> Iterator[str]:
    uuid = json.loads(cluster.create_cluster(*login, "small cluster", SMALL))["uuid"]
    yield uuid
    cluster.delete_cluster(*login, uuid)


def test_direct_io(login: Login, small_network: str) -> None:
    ws = cluster.switch_to_direct_mode(*login, small_network)
    for _ in range(20):
        direct_io.send_train_input(ws, "test_input", INPUT_VALUES, False)
        direct_io.send_train_input(ws, "test_output", EXPECTED_VALUES, True)
    switched = json.loads(cluster.switch_to_task_mode(*login, small_network))
    assert switched == {"name": "small cluster", "new_state": "TASK", "uuid": small_network}
    ws.close()

    ws = cluster.switch_to_direct_mode(*login, small_network)
    assert direct_io.send_request_input(ws, "test_input", INPUT_VALUES, False) is None
    output_values = direct_io.send_request_input(ws, "test_input", INPUT_VALUES, True)
    check_output(list(output_values))
    cluster.switch_to_task_mode(*login, small_network)
    ws.close()


def test_direct_io_with_coroutines(login: Login, small_network: str) -> None:
    async def train() -> None:
        ws = await aio.cluster.switch_to_direct_mode(*login, small_network)
        for _ in range(20):
            await aio.direct_io.send_train_input(ws, "test_input", INPUT_VALUES, False)
            await aio.direct_io.send_train_input(ws, "test_output", EXPECTED_VALUES, True)
        await ws.close()
        aio.cluster.switch_to_task_mode(*login, small_network)

    async def request() -> list[float]:
        ws = await aio.cluster.switch_to_direct_mode(*login, small_network)
        output_values = await aio.direct_io.send_request_input(ws, "test_input", INPUT_VALUES, True)
        await ws.close()
        aio.cluster.switch_to_task_mode(*login, small_network)
        return list(output_values)

    asyncio.run(train())
    check_output(asyncio.run(request()))


def check_output(values: list[float]) -> None:
    """Check that the network has learned what it was shown; the manuals print [0.8, 0.0]."""
    assert len(values) == 2
    assert values[0] > 0.5 > values[1]


def test_direct_io_says_what_is_wrong(login: Login, small_network: str) -> None:
    ws = cluster.switch_to_direct_mode(*login, small_network)
    with pytest.raises(hanami_exceptions.DirectIOException, match="no_brick"):
        direct_io.send_train_input(ws, "no_brick", INPUT_VALUES, False)
    direct_io.send_train_input(ws, "test_input", INPUT_VALUES, False)
    direct_io.send_train_input(ws, "test_output", EXPECTED_VALUES, True)
    assert len(direct_io.send_request_input(ws, "test_input", INPUT_VALUES, True)) == 2
    ws.close()
    cluster.switch_to_task_mode(*login, small_network)
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.switch_to_direct_mode(*login, ABSENT)


# ---------------------------------------------------------------------------------------------------------------------
# Logs, and the other generation
# ---------------------------------------------------------------------------------------------------------------------


def test_logs(login: Login, server: LocalServer) -> None:
    project.create_project(*login, "logged_project", "Logged")
    project.delete_project(*login, "logged_project")
    header = ["timestamp", "user_id", "endpoint", "request_type"]
    found: list[list[Any]] = []
    while rows := table(logs.list_audit_logs(*login, server.user, len(found) // 100), header):
        found += rows
        if len(rows) < 100:
            break
    assert {row[1] for row in found} == {server.user}
    methods = Counter(row[3] for row in found if row[2] == "v1/project")
    assert methods["POST"] >= 1 <= methods["DELETE"]
    assert all(row[0] == TIME for row in found)
    assert table(logs.list_audit_logs(*login, None, 0), header) == found[:100]
    table(
        logs.list_error_logs(*login, None, 0),
        ["timestamp", "user_id", "component", "context", "input_values", "message"],
    )


def test_both_generations_see_the_same(login: Login, digits: str, network: str) -> None:
    found = json.loads(dataset_of_today.get_dataset(*login, digits))
    assert (found["number_of_rows"], found["number_of_columns"]) == (200, 794)
    created = json.loads(cluster_of_today.get_cluster(*login, network))
    assert created.items() >= json.loads(cluster.get_cluster(*login, network)).items()
    assert created["created_at"] == TIME

    asked = finish(login, task.create_task(*login, "test_task", "train", network, digits), network)
    result = finish(login, task.create_task(*login, "test_task", "request", network, digits), network)
    content = json.loads(dataset_of_today.download_dataset_content(*login, result, "test_output", 200))["data"]
    data = json.loads(request_result.get_request_result(*login, result))["data"]
    assert [max(range(10), key=row.__getitem__) for row in content] == data
    assert {row[0] for row in json.loads(task.list_tasks(*login, network))["body"]} == {asked, result}
    request_result.delete_request_result(*login, result)


# ---------------------------------------------------------------------------------------------------------------------
# Completeness
# ---------------------------------------------------------------------------------------------------------------------

FUNCTIONS = """
hanami_token.request_token project.create_project project.get_project project.list_projects project.delete_project
user.create_user user.get_user user.list_users user.delete_user user.add_roject_to_user user.remove_project_fromUser
user.list_projects_of_user user.switch_project dataset.upload_mnist_files dataset.upload_csv_files dataset.get_dataset
dataset.list_datasets dataset.delete_dataset cluster.create_cluster cluster.get_cluster cluster.list_clusters
cluster.delete_cluster cluster.save_cluster cluster.restore_cluster cluster.switch_host task.create_task task.get_task
task.list_tasks task.delete_task cluster.switch_to_direct_mode direct_io.send_train_input cluster.switch_to_task_mode
direct_io.send_request_input aio.cluster.switch_to_direct_mode aio.direct_io.send_train_input
aio.direct_io.send_request_input request_result.get_request_result request_result.list_request_results
request_result.delete_request_result request_result.check_against_dataset checkpoint.list_checkpoints
checkpoint.delete_checkpoint hosts.list_hosts
"""
"""All that the manuals print."""


def test_every_example_is_run() -> None:
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert set(FUNCTIONS.split()) - called == set()
