"""What was acknowledged survives: stopped and killed servers go on where they were."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from hanami_core.network import NetworkState
from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.scenario import TEMPLATE
from tests.lengths import seldom
from tests.local import LocalServer
from tests.service.conftest import SAMPLE

EPOCHS = 12


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server that a test may stop or kill and must start again; its trainings store their state often."""
    with LocalServer(tmp_path_factory.mktemp("own") / "data", "--set", "queue.store=0.05") as running:
        yield running


def connect(server: LocalServer) -> Client:
    return Client(server.address, server.user, server.passphrase)


def state_of(server: LocalServer, cluster: Cluster) -> NetworkState:
    with sqlite3.connect(server.data_dir / "hanami.db") as db:
        (blob,) = db.execute("SELECT blob FROM cluster WHERE uuid = ?", (cluster.uuid,)).fetchone()
    with (server.data_dir / "blobs" / blob[:2] / blob).open("rb") as file:
        return NetworkState.read(file)


def queue_epochs(client: Client, cluster: Cluster, dataset: Dataset, count: int, **how: Any) -> list[str]:
    columns = {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}
    return [client.train(cluster, *columns, wait=False, **how).uuid for _ in range(count)]


def twins(client: Client, name: str) -> tuple[Cluster, Cluster]:
    """Return two clusters that are the same network, down to the seed."""
    first, second = (client.create_cluster(f"{name} twin {number}", TEMPLATE) for number in range(2))
    client.restore(second, client.save(first, "twin"))
    return first, second


@pytest.mark.parametrize(
    ("kill", "count", "how"),
    [
        seldom(False, EPOCHS, {}, id="stopped"),
        pytest.param(True, EPOCHS, {}, id="killed"),
        seldom(
            True,
            EPOCHS // 4,
            {"epochs": 2, "class_weight": {0: 30, 1: 0.1}, "validation": 0.1},
            id="killed with weights",
        ),
    ],
)
def test_a_queue_goes_on_after_a_restart_and_ends_bit_identical(
    own: LocalServer, kill: bool, count: int, how: dict[str, Any]
) -> None:
    with connect(own) as client:
        dataset = client.upload_mnist("train", SAMPLE.train_images, SAMPLE.train_labels)
        undisturbed, disturbed = twins(client, f"{count} killed" if kill else "stopped")
        last = queue_epochs(client, undisturbed, dataset, count, **how)[-1]
        client.wait(client.task(last, undisturbed))
        tasks = queue_epochs(client, disturbed, dataset, count, **how)
        client.wait(client.task(tasks[1], disturbed))
    if kill:
        os.killpg(own.pid, signal.SIGKILL)
        own.wait()
    else:
        own.stop()
    own.resume()
    with connect(own) as client:
        for uuid in tasks:
            assert client.wait(client.task(uuid, disturbed)).finished
        assert client.cluster(disturbed).number_of_sections == client.cluster(undisturbed).number_of_sections
    assert state_of(own, disturbed).digest() == state_of(own, undisturbed).digest()


def test_clusters_checkpoints_answers_and_what_direct_mode_trained_survive(own: LocalServer) -> None:
    with connect(own) as client:
        dataset = client.upload_mnist("test", SAMPLE.test_images, SAMPLE.test_labels)
        cluster, streamed = client.create_cluster("kept", TEMPLATE), client.create_cluster("direct", TEMPLATE)
        client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
        checkpoint = client.save(cluster, "kept too")
        answers = client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
        before = client.dataset_content(answers.uuid, "answer", 50)
        picture = client.dataset_content(dataset, "picture", 1)[0]
        label = client.dataset_content(dataset, "label", 1)[0]
        with client.direct(streamed) as direct:
            for _ in range(50):
                direct.train({"picture_hex": picture}, {"label_hex": label})
            said = direct.request({"picture_hex": picture})
    own.stop()
    own.resume()
    with connect(own) as client:
        with client.direct(streamed) as direct:
            assert direct.request({"picture_hex": picture}) == said
        assert client.cluster(cluster).name == "kept"
        again = client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
        client.restore(cluster, checkpoint)
        restored = client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
        for uuid in (answers.uuid, again.uuid, restored.uuid):
            assert client.dataset_content(uuid, "answer", 50) == before
