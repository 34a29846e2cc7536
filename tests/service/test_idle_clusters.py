"""Networks that nobody uses leave the memory and come back as they were."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.scenario import TEMPLATE
from tests.local import LocalServer

WAIT = 20.0
LARGE = TEMPLATE.replace("settings:\n", "settings:\n    blocks: 256\n")
"""About 40 MB of weights."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    flags = ("--set", "clusters.idle=1", "--set", "clusters.store=0.2")
    with LocalServer(tmp_path_factory.mktemp("idle") / "data", *flags) as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


def events(server: LocalServer, event: str, cluster: Cluster) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event and line.get("cluster") == cluster.uuid]


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def answers(client: Client, cluster: Cluster, dataset: Dataset) -> list[list[float]]:
    task = client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
    return client.dataset_content(task.uuid, "answer", 100)


@pytest.mark.long
def test_an_idle_cluster_leaves_the_memory_and_answers_as_before(
    server: LocalServer, client: Client, small_digits: tuple[Path, Path]
) -> None:
    dataset = client.upload_mnist("idle", *small_digits)
    clusters = [client.create_cluster(f"idle {number}", LARGE) for number in range(3)]
    for cluster in clusters:
        client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
    before = [answers(client, cluster, dataset) for cluster in clusters]
    full = server.memory()
    for cluster in clusters:
        until(lambda cluster=cluster: events(server, "cluster leaves the memory", cluster))  # type: ignore[misc]
        (left,) = events(server, "cluster leaves the memory", cluster)[:1]
        assert left["cycles"] == 200
        assert left["bytes"] > 20 << 20
    until(lambda: server.memory() < full - (60 << 20))
    assert [answers(client, cluster, dataset) for cluster in clusters] == before
    assert all(len(events(server, "cluster enters the memory", cluster)) >= 2 for cluster in clusters)


def test_a_cluster_with_a_session_stays(server: LocalServer, client: Client) -> None:
    cluster = client.create_cluster("busy", TEMPLATE)
    with client.direct(cluster) as direct:
        direct.train({"picture_hex": [5.0, 0.0]}, {"label_hex": [1.0, 0.0]})
        time.sleep(2.5)
        assert len(direct.request({"picture_hex": [5.0, 0.0]})) == 2
        assert not events(server, "cluster leaves the memory", cluster)
    until(lambda: events(server, "cluster leaves the memory", cluster))


def test_frames_are_welcome_while_a_network_is_stored(client: Client) -> None:
    cluster = client.create_cluster("talkative", LARGE.replace("256", "32"))
    inputs, frames, stored = [float(number % 9) for number in range(784)], 0, {0}
    with client.direct(cluster) as direct:
        while len(stored) < 6:
            for _ in range(50):
                direct.train({"picture_hex": inputs}, {"label_hex": [1.0, 0.0]})
            frames += 50
            stored.add(client.cluster(cluster).cycles or 0)
        direct.request({"picture_hex": inputs})
    assert client.cluster(cluster).cycles == frames
