"""The history of a training: what it holds, who reads it, and that it has no gaps when processes die."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_sdk import Client, Cluster, Dataset, NotFoundException, Task
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.faults.victims import (
    QUICK,
    SIDECAR,
    begin_training,
    connect,
    idx_digits,
    kill_child,
    query,
    served,
)
from tests.server.harness import until
from tests.service.wire import NOBODY, Wire

ROWS = 3000
LONG = 6
"""Rows that are one input, so that a training takes long enough to be disturbed."""


@pytest.fixture(scope="module")
def digits(server: LocalServer) -> Dataset:
    with Client(server.address, server.user, server.passphrase) as client:
        return client.upload_mnist("digits with a history", *idx_digits(ROWS))


def finished(client: Client, cluster: Cluster, dataset: Dataset) -> Task:
    return client.wait(begin_training(client, cluster, dataset))


def test_a_training_tells_how_it_went(client: Client, wire: Wire, digits: Dataset) -> None:
    cluster = client.create_cluster("tells how it went", TEMPLATE)
    task = finished(client, cluster, digits)
    history = client.history(task)
    assert history.task == task.uuid
    assert list(history)[:3] == ["cycle", "epoch", "seconds"]
    assert {"running_loss", "running_accuracy", "blocks", "sections"} <= set(history)
    cycles = history["cycle"]
    assert cycles == sorted(set(cycles))  # type: ignore[type-var]
    assert cycles[-1] == ROWS
    assert len(cycles) > 2
    assert set(history["epoch"]) == {1}
    assert history["seconds"] == sorted(history["seconds"])  # type: ignore[type-var]
    known = client.cluster(cluster).metrics
    for name in ("running_loss", "running_accuracy", "blocks", "sections"):
        assert history[name][-1] == known[name]
    assert wire.query("GET", "task/metrics", uuid=task.uuid.upper()).json == {
        "uuid": task.uuid,
        "entries": client.get("/task/metrics", uuid=task.uuid)["entries"],
    }


def test_a_task_that_measures_nothing_has_an_empty_history(client: Client, digits: Dataset) -> None:
    cluster = client.create_cluster("asked only", TEMPLATE)
    finished(client, cluster, digits)
    answer = client.request(cluster, {"picture_hex": digits["picture"]}, {"label_hex": "answer"})
    assert client.history(answer) == {"cycle": [], "epoch": [], "seconds": []}


def test_histories_are_for_those_who_see_the_cluster(
    server: LocalServer, client: Client, digits: Dataset, member: str
) -> None:
    cluster = client.create_cluster("whose history", TEMPLATE)
    task = finished(client, cluster, digits)
    stranger = Wire(server.address, member)
    missing = "Task with UUID '{}' not found"
    for uuid in (task.uuid, NOBODY):
        answer = stranger.query("GET", "task/metrics", uuid=uuid)
        assert (answer.status, answer.text) == (404, missing.format(uuid))
    client.set_cluster_visibility(cluster, "public")
    assert stranger.query("GET", "task/metrics", uuid=task.uuid).json["entries"]
    client.delete_task(task)
    with pytest.raises(NotFoundException, match="not found"):
        client.history(task)


@pytest.mark.long
def test_a_history_has_neither_gaps_nor_doubled_entries_when_its_process_is_killed(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data", *QUICK) as server, connect(server) as client:
        dataset = client.upload_mnist("digits", *idx_digits(ROWS))
        cluster = client.create_cluster("disturbed", TEMPLATE)
        task = begin_training(client, cluster, dataset, LONG)

        def resumable() -> bool:
            return query(server, "SELECT cursor FROM task WHERE uuid = ?", task.uuid)[0][0] > 0

        until(resumable, 120)
        before = client.history(task)["cycle"]
        former = kill_child(server, SIDECAR)
        kept = client.history(task)["cycle"]
        cursor = query(server, "SELECT cursor FROM task WHERE uuid = ?", task.uuid)[0][0]
        assert kept[: len(before)] == before
        assert all(cycle is not None and cycle <= cursor for cycle in kept)
        served(server, SIDECAR, former)
        client.wait(task)
        cycles = client.history(task)["cycle"]
        assert cycles[: len(kept)] == kept
        assert cycles == sorted(set(cycles))  # type: ignore[type-var]
        assert cycles[-1] == ROWS - LONG + 1
