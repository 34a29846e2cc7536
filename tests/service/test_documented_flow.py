"""The flow of OpenHanami's own SDK test, step by step, through the documented functions."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from hanami_sdk import (
    checkpoint,
    cluster,
    dataset,
    direct_io,
    hanami_exceptions,
    hanami_token,
    hosts,
    project,
    task,
    user,
)
from hanami_server.demo import digits
from hanami_server.local import LocalServer

SAMPLE = digits.find(digits.SAMPLE)
TEMPLATE = (
    "version: 1\n"
    "settings:\n"
    "    neuron_cooldown: 10000000.0\n"
    "    refractory_time: 1\n"
    "    max_connection_distance: 1\n"
    "    enable_reduction: false\n"
    "hexagons:\n"
    "    1,1,1\n"
    "    3,1,1\n"
    "    4,1,1\n"
    "    \n"
    "axons:\n"
    "    1,1,1 -> 3,1,1\n"
    "\n"
    "inputs:\n"
    "    picture_hex: 1,1,1\n"
    "\n"
    "outputs:\n"
    "    label_hex: 4,1,1\n"
    "\n\n"
)


@pytest.fixture
def login(server: LocalServer) -> tuple[str, str]:
    """Return token and address, the first two arguments of every function."""
    return hanami_token.request_token(server.address, server.user, server.passphrase), server.address


def raised(expected: type[Exception], function: Any, *arguments: Any) -> str:
    with pytest.raises(expected) as caught:
        function(*arguments)
    return bytes(caught.value.message).decode()  # type: ignore[attr-defined]


def column_one(listing: bytes) -> list[str]:
    return [row[1] for row in json.loads(listing)["body"]]


def wait_for(login: tuple[str, str], task_uuid: str, cluster_uuid: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state: dict[str, Any] = json.loads(task.get_task(*login, task_uuid, cluster_uuid))
        assert state["total_number_of_cycles"] > 0
        assert state["state"] in ("queued", "active", "finished")
        if state["state"] == "finished":
            return state
        time.sleep(0.01)
    raise AssertionError("the task did not finish")


def test_project(login: tuple[str, str]) -> None:
    created = json.loads(project.create_project(*login, "test_project", "Test Project"))
    assert (created["id"], created["name"], created["creator_id"]) == ("test_project", "Test Project", "demo")
    conflict = hanami_exceptions.ConflictException
    assert raised(conflict, project.create_project, *login, "test_project", "Test Project") == (
        "Project with id 'test_project' already exist."
    )
    assert "test_project" in column_one(project.list_projects(*login))
    assert json.loads(project.get_project(*login, "test_project")) == created
    missing = hanami_exceptions.NotFoundException
    assert raised(missing, project.get_project, *login, "fail_project") == "Project with id 'fail_project' not found"
    assert json.loads(project.delete_project(*login, "test_project")) == {}
    raised(missing, project.delete_project, *login, "test_project")


def test_user(login: tuple[str, str]) -> None:
    created = json.loads(user.create_user(*login, "tsugumi", "Tsugumi", "asdfasdf", True))
    assert (created["id"], created["is_admin"], created["projects"]) == ("tsugumi", True, [])
    raised(hanami_exceptions.ConflictException, user.create_user, *login, "tsugumi", "Tsugumi", "asdfasdf", True)
    assert {"tsugumi", "demo"} <= set(column_one(user.list_users(*login)))
    assert json.loads(user.get_user(*login, "tsugumi")) == created
    raised(hanami_exceptions.NotFoundException, user.get_user, *login, "fail_user")
    user.delete_user(*login, "tsugumi")
    raised(hanami_exceptions.NotFoundException, user.delete_user, *login, "tsugumi")
    raised(hanami_exceptions.ConflictException, user.delete_user, *login, "demo")


def test_dataset(login: tuple[str, str]) -> None:
    uuid = dataset.upload_mnist_files(*login, "test dataset", str(SAMPLE.test_images), str(SAMPLE.test_labels))
    assert uuid in column_one(dataset.list_datasets(*login))
    found = json.loads(dataset.get_dataset(*login, uuid))
    assert (found["number_of_rows"], found["number_of_columns"], found["version"]) == (1000, 794, "v1.0alpha")
    assert found["description"]["label"] == {"column_start": 784, "column_end": 794}
    raised(hanami_exceptions.BadRequestException, dataset.get_dataset, *login, "fail_dataset")
    dataset.delete_dataset(*login, uuid)
    raised(hanami_exceptions.NotFoundException, dataset.delete_dataset, *login, uuid)


def test_cluster(login: tuple[str, str]) -> None:
    uuid = json.loads(cluster.create_cluster(*login, "test_cluster", TEMPLATE))["uuid"]
    assert uuid in column_one(cluster.list_clusters(*login))
    assert json.loads(cluster.get_cluster(*login, uuid))["number_of_blocks"] == 0
    raised(hanami_exceptions.BadRequestException, cluster.get_cluster, *login, "fail_cluster")
    cluster.delete_cluster(*login, uuid)
    raised(hanami_exceptions.NotFoundException, cluster.delete_cluster, *login, uuid)


def test_workflow(login: tuple[str, str]) -> None:
    uuid = json.loads(cluster.create_cluster(*login, "test_cluster", TEMPLATE))["uuid"]
    train = dataset.upload_mnist_files(*login, "train", str(SAMPLE.train_images), str(SAMPLE.train_labels))
    test = dataset.upload_mnist_files(*login, "request", str(SAMPLE.test_images), str(SAMPLE.test_labels))
    assert len(json.loads(hosts.list_hosts(*login))["body"]) == 1
    inputs = [{"dataset_uuid": train, "dataset_column": "picture", "hexagon_name": "picture_hex"}]
    outputs = [{"dataset_uuid": train, "dataset_column": "label", "hexagon_name": "label_hex"}]
    for _ in range(5):
        queued = json.loads(task.create_train_task(*login, "test_task", uuid, inputs, outputs))
        assert wait_for(login, queued["uuid"], uuid)["current_cycle"] == 5000
        task.delete_task(*login, queued["uuid"], uuid)
    assert json.loads(cluster.get_cluster(*login, uuid))["number_of_sections"] > 400

    saved = json.loads(cluster.save_cluster(*login, "test_checkpoint", uuid))["uuid"]
    assert saved in column_one(checkpoint.list_checkpoints(*login))
    cluster.delete_cluster(*login, uuid)
    uuid = json.loads(cluster.create_cluster(*login, "test_cluster", TEMPLATE))["uuid"]
    cluster.restore_cluster(*login, saved, uuid)
    checkpoint.delete_checkpoint(*login, saved)
    raised(hanami_exceptions.NotFoundException, checkpoint.delete_checkpoint, *login, saved)

    inputs = [{"dataset_uuid": test, "dataset_column": "picture", "hexagon_name": "picture_hex"}]
    results = [{"dataset_column": "test_output", "hexagon_name": "label_hex"}]
    asked = json.loads(task.create_request_task(*login, "test_task", uuid, inputs, results))["uuid"]
    wait_for(login, asked, uuid)
    assert any(row[0] == asked for row in json.loads(task.list_tasks(*login, uuid))["body"])
    task.delete_task(*login, asked, uuid)
    accuracy = json.loads(dataset.check_mnist_dataset(*login, asked, test))["accuracy"]
    assert accuracy >= 91.0
    rows = json.loads(dataset.download_dataset_content(*login, asked, "test_output", 10, 100))["data"]
    assert (len(rows), len(rows[0])) == (10, 10)

    asyncio.run(direct(login, uuid, test))
    for name in (train, test, asked):
        dataset.delete_dataset(*login, name)
    cluster.delete_cluster(*login, uuid)


async def direct(login: tuple[str, str], uuid: str, source: str) -> None:
    labels = json.loads(dataset.download_dataset_content(*login, source, "label", 100, 0))["data"]
    index = next(i for i, label in enumerate(labels) if label[5] == 1)
    picture = json.loads(dataset.download_dataset_content(*login, source, "picture", 1, index))["data"][0]
    socket = await cluster.switch_to_direct_mode(*login, uuid)
    for _ in range(100):
        await direct_io.send_train_input(socket, "picture_hex", picture, True, False)
        await direct_io.send_train_input(socket, "label_hex", labels[index], False, True)
    values = list(await direct_io.send_request_input(socket, "picture_hex", picture, True))
    await socket.close()
    cluster.switch_to_task_mode(*login, uuid)
    assert len(values) == 10
    assert max(range(10), key=values.__getitem__) == 5
