"""Tasks that are deleted while they run, on a server of their own: what stops writes some last numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.scenario import TEMPLATE
from tests.local import LocalServer
from tests.server.harness import until
from tests.service.wire import Wire


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("running") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def admin(apart: LocalServer) -> Iterator[Client]:
    with Client(apart.address, apart.user, apart.passphrase) as client:
        yield client


@pytest.fixture(scope="module")
def long_digits(admin: Client, small_digits: tuple[Path, Path]) -> Dataset:
    """10,000 digits; a training with many of them at a time takes seconds."""
    images, labels = (file.read_bytes() for file in small_digits)
    count = struct.pack(">I", 10_000)
    files = images[:4] + count + images[8:16] + images[16:] * 50, labels[:4] + count + labels[8:] * 50
    return admin.upload_mnist("long digits", *files)


@pytest.fixture
def own(admin: Client) -> Cluster:
    return admin.create_cluster(f"cluster {len(admin.clusters())}", TEMPLATE)


@pytest.fixture
def talk(apart: LocalServer) -> Wire:
    return Wire(apart.address, Wire(apart.address).login(apart.user, apart.passphrase))


def begin(talk: Wire, admin: Client, cluster: Cluster, digits: Dataset) -> dict[str, str]:
    """Start a long training and return the query for it."""
    feeds = {"picture_hex": digits["picture"]}, {"label_hex": digits["label"]}
    task = admin.train(cluster, *feeds, time_length=500, wait=False)
    query = {"uuid": task.uuid, "cluster_uuid": cluster.uuid}
    until(lambda: talk.query("GET", "task", **query).json["state"] == "active", 5, "the task does not start")
    return query


@pytest.mark.long
def test_a_running_task_that_is_deleted_stops(talk: Wire, admin: Client, own: Cluster, long_digits: Dataset) -> None:
    query = begin(talk, admin, own, long_digits)
    assert talk.query("DELETE", "task", **query) == (200, "{}")
    task = talk.query("GET", "task", **query).json
    assert task["state"] == "aborted"
    assert task["current_cycle"] < task["total_number_of_cycles"]
    following = begin(talk, admin, own, long_digits)  # of the same queue, so the other one has come to its end
    assert talk.query("GET", "task", **query).json["state"] == "aborted"
    for ended in (query, following, following):
        assert talk.query("DELETE", "task", **ended) == (200, "{}")
    assert talk.query("GET", "task/all", cluster_uuid=own.uuid).json["body"] == []


def test_a_cluster_that_trains_can_be_deleted(talk: Wire, admin: Client, own: Cluster, long_digits: Dataset) -> None:
    query = begin(talk, admin, own, long_digits)
    assert talk.query("DELETE", "cluster", uuid=own.uuid) == (200, "{}")
    missing = (404, f"Cluster with uuid '{own.uuid}' not found")
    assert talk.query("GET", "cluster", uuid=own.uuid) == missing
    assert talk.query("GET", "task", **query) == missing
    assert talk.query("GET", "/health/ready").status == 200
    other = admin.create_cluster("another one", TEMPLATE)
    feeds = {"picture_hex": long_digits["picture"]}, {"label_hex": long_digits["label"]}
    assert admin.train(other, *feeds).finished


@pytest.fixture
def training(talk: Wire, admin: Client, long_digits: Dataset) -> Iterator[list[dict[str, str]]]:
    """Queue two long trainings, each of a cluster of its own."""
    feeds = {"picture_hex": long_digits["picture"]}, {"label_hex": long_digits["label"]}
    queries = []
    for _ in range(2):
        cluster = admin.create_cluster(f"limited {len(admin.clusters())}", TEMPLATE)
        task = admin.train(cluster, *feeds, time_length=500, wait=False)
        queries.append({"uuid": task.uuid, "cluster_uuid": cluster.uuid})
    yield queries
    for query in queries:
        talk.query("DELETE", "task", **query)


@pytest.mark.long
@pytest.mark.parametrize("holder", [{"user_id": "demo"}, {"project_id": "admin"}])
def test_a_quota_lets_tasks_wait_that_would_take_more_than_a_share(
    talk: Wire, admin: Client, request: pytest.FixtureRequest, holder: dict[str, str]
) -> None:
    admin.set_quota("running_tasks", 1, **holder)
    queries = request.getfixturevalue("training")

    def states() -> list[str]:
        return [talk.query("GET", "task", **query).json["state"] for query in queries]

    until(lambda: "active" in states(), 10, "no task starts")
    seen = [states() for _ in range(100)]
    assert all(sorted(both) == ["active", "queued"] for both in seen)
    admin.reset_quotas(**holder)
    until(lambda: states() == ["active", "active"], 10, "the other task does not start")
