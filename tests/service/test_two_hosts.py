"""Clusters move between hosts; sockets find them wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, Cluster, Dataset
from hanami_sdk.hanami_exceptions import ConflictException
from tests.local import LocalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Return a server with two hosts."""
    with LocalServer(tmp_path_factory.mktemp("two") / "data", "--set", "host_numba.hosts=2") as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


def answers(client: Client, cluster: Cluster, dataset: Dataset) -> list[list[float]]:
    task = client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
    return client.dataset_content(task.uuid, "answer", 100)


def test_a_cluster_moves_with_all_it_knows(client: Client, cluster: Cluster, small_digits: tuple[Path, Path]) -> None:
    dataset = client.upload_mnist("two hosts", *small_digits)
    inputs, outputs = {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}
    first, second = client.hosts()
    assert first.uuid != second.uuid
    client.train(cluster, inputs, outputs)
    before = answers(client, cluster, dataset)
    client.switch_host(cluster, second)
    assert answers(client, cluster, dataset) == before
    client.train(cluster, inputs, outputs)
    client.switch_host(cluster, first)
    after = answers(client, cluster, dataset)
    assert after != before
    client.switch_host(cluster, second)
    assert answers(client, cluster, dataset) == after


def test_tasks_behind_a_move_run_on_the_new_host(
    client: Client, cluster: Cluster, small_digits: tuple[Path, Path]
) -> None:
    dataset = client.upload_mnist("two hosts", *small_digits)
    inputs, outputs = {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}
    tasks = []
    for number in range(12):
        tasks.append(client.train(cluster, inputs, outputs, wait=False))
        if number % 3 == 2:
            client.switch_host(cluster, client.hosts()[number // 3 % 2])
    for task in tasks:
        assert client.wait(task).finished


def test_direct_io_reaches_the_host_of_the_cluster(client: Client, cluster: Cluster) -> None:
    for host in client.hosts():
        client.switch_host(cluster, host)
        for _ in range(4):
            with client.direct(cluster) as direct:
                direct.train({"picture_hex": [5.0, 0.0]}, {"label_hex": [1.0, 0.0]})
                assert len(direct.request({"picture_hex": [5.0, 0.0]})) == 2


def test_a_cluster_in_direct_mode_stays(client: Client, cluster: Cluster) -> None:
    with client.direct(cluster):
        with pytest.raises(ConflictException, match="direct mode"):
            client.switch_host(cluster, client.hosts()[1])
