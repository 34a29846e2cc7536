"""What a server does when a GPU is full, fails or is gone: one task at most fails, and all else goes on by itself."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, Cluster, Dataset
from hanami_sdk.hanami_exceptions import BadRequestException, HanamiException
from hanami_server.supervisor import read_state
from tests.gpu.emulator.switchboard import Switchboard
from tests.gpu.kit import CARD, GB, cpu, described, gpu, on_gpu, server_on, template, train
from tests.local import LocalServer
from tests.server.harness import hanami, until


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Switchboard:
    return Switchboard(tmp_path_factory.mktemp("machine") / "machine.json")


@pytest.fixture(scope="module")
def server(board: Switchboard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with server_on(board, tmp_path_factory.mktemp("gpu")) as running:
        yield running


@pytest.fixture(autouse=True)
def well(board: Switchboard, server: LocalServer) -> Iterator[None]:
    """Whatever a test does to the device, the next one finds it well."""
    described(server, healthy=True)
    yield
    board.set(lost=None, launch_error=None, taken=0, driver=13000, capability=(9, 0), wrong_results=False)
    described(server, healthy=True)


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


@pytest.fixture
def table(client: Client, request: pytest.FixtureRequest) -> Dataset:
    return client.upload_csv(request.node.name, b"value,kind\n1,1\n2,0\n3,1\n4,1\n")


@pytest.fixture
def cluster(client: Client, request: pytest.FixtureRequest) -> Cluster:
    """A cluster on the GPU."""
    return on_gpu(client, request.node.name)


def sidecar(server: LocalServer) -> int | None:
    state = read_state(server.data_dir)
    return None if state is None else state.children.get("sidecar gpu0")


def answers(client: Client, cluster: Cluster, table: Dataset) -> list[list[float]]:
    task = client.request(cluster, {"value": table["value"]}, {"kind": "answer"})
    return client.dataset_content(task.uuid, "answer", 4)


def test_hosts_are_listed_with_what_they_are(client: Client) -> None:
    first, second = client.hosts()
    assert (first.name, first.type) == ("cpu0", "cpu")
    assert (second.name, second.type, second.state, second.model) == ("gpu0", "cuda", "ready", CARD)
    assert (second.memory, second.threads) == (80 * GB, 132)
    assert second.free_memory is not None
    assert 79 * GB < second.free_memory <= 80 * GB


def test_a_network_goes_there_and_back(client: Client, table: Dataset) -> None:
    cluster = client.create_cluster("there and back", template())
    assert client.cluster(cluster).host == "cpu0", "nobody asked for the GPU"
    train(client, cluster, table)
    for host in (gpu(client), cpu(client)):
        client.switch_host(cluster, host)
        assert answers(client, cluster, table) == [[0.75]] * 4
    train(client, cluster, table)
    assert client.cluster(cluster).cycles == 8


def test_a_kernel_that_fails_fails_one_task_and_nothing_else(
    server: LocalServer, board: Switchboard, client: Client, cluster: Cluster, table: Dataset
) -> None:
    train(client, cluster, table)
    other = on_gpu(client, "beside a failure")
    before = sidecar(server)
    board.fail_launch("cudaErrorIllegalAddress")
    failed = train(client, cluster, table, wait=False)
    behind = train(client, cluster, table, wait=False)
    beside = train(client, other, table, wait=False)
    expected = f"Host '{CARD}' failed: .*an illegal memory access was encountered"
    with pytest.raises(HanamiException, match=expected):
        client.wait(failed)
    board.set(launch_error=None)
    assert client.wait(behind).finished
    assert client.wait(beside).finished
    assert sidecar(server) not in (None, before), "a context that is broken is of no use"
    assert client.cluster(cluster).cycles == 8, "the task that failed has left nothing"


def test_tasks_wait_for_a_device_that_is_gone(
    server: LocalServer, board: Switchboard, client: Client, cluster: Cluster, table: Dataset
) -> None:
    train(client, cluster, table)
    board.lose()
    described(server, healthy=False, reason="cudaErrorUnknown")
    assert "unavailable: " in client.hosts()[1].state
    task = train(client, cluster, table, wait=False)
    with pytest.raises(HanamiException, match=r"cannot run networks at the moment: .*cudaErrorUnknown"):
        on_gpu(client, "too late")
    assert client.task(task).state == "queued"
    board.come_back()
    assert client.wait(task).finished
    assert client.cluster(cluster).cycles == 8


def test_a_cluster_leaves_a_device_that_is_gone(
    server: LocalServer, board: Switchboard, client: Client, cluster: Cluster, table: Dataset
) -> None:
    train(client, cluster, table)
    board.lose()
    described(server, healthy=False)
    task = train(client, cluster, table, wait=False)
    client.switch_host(cluster, cpu(client))
    assert client.wait(task).finished
    assert answers(client, cluster, table) == [[0.75]] * 4
    assert client.cluster(cluster).cycles == 8


def test_a_server_is_ready_without_its_gpu(
    server: LocalServer, board: Switchboard, client: Client, table: Dataset
) -> None:
    board.lose()
    described(server, healthy=False)
    cluster = client.create_cluster("on the processor", template())
    train(client, cluster, table)

    with urllib.request.urlopen(f"{server.address}/health/ready") as answer:
        assert answer.status == 200


def test_operators_see_why(server: LocalServer, board: Switchboard) -> None:
    board.lose("cudaErrorECCUncorrectable")
    described(server, healthy=False, reason="ECC")
    until(lambda: "gpu0: " in row(server))
    assert "uncorrectable ECC error encountered" in row(server)


def row(server: LocalServer) -> str:
    """Return what ``hanami plugins`` says of the plugin."""

    shown = hanami("plugins", "--data-dir", str(server.data_dir), env=os.environ)
    assert shown.returncode == 0
    return next(line for line in shown.stdout.splitlines() if line.startswith("host_cupy "))


def test_what_does_not_fit_is_refused_before_anything_moves(
    server: LocalServer, board: Switchboard, client: Client
) -> None:
    board.set(taken=79 * GB)
    until(lambda: (client.hosts()[1].free_memory or 0) < 2 * GB)
    cluster = client.create_cluster("too big", template(ballast=2 * GB))
    with pytest.raises(
        BadRequestException, match=r"would need 2.1 GB of the memory of 'gpu0', which has [\d.]+ [GM]B for it"
    ):
        client.switch_host(cluster, gpu(client))
    assert client.cluster(cluster).host == "cpu0"
    board.set(taken=0)
    until(lambda: (client.hosts()[1].free_memory or 0) > 79 * GB)
    client.switch_host(cluster, gpu(client))
    assert client.cluster(cluster).host == "gpu0"


def test_a_task_that_takes_more_than_there_is_fails_with_the_numbers(
    server: LocalServer, client: Client, cluster: Cluster, table: Dataset
) -> None:
    before = sidecar(server)
    greedy = on_gpu(client, "greedy", template(greed=100 * GB))
    failed = train(client, greedy, table, wait=False)
    with pytest.raises(
        HanamiException, match=f"would need 107.4 GB of the memory of '{CARD}', which has 8.* GB for it"
    ):
        client.wait(failed)
    train(client, cluster, table)
    assert sidecar(server) == before


def test_the_memory_of_a_cluster_that_left_is_given_back(server: LocalServer, client: Client, table: Dataset) -> None:
    until(lambda: described(server, healthy=True).free_memory > 79 * GB)
    cluster = on_gpu(client, "passing through", template(ballast=8 * GB))
    train(client, cluster, table)
    until(lambda: described(server, healthy=True).free_memory < 72 * GB)
    client.switch_host(cluster, cpu(client))
    until(lambda: described(server, healthy=True).free_memory > 79 * GB)


def test_a_second_server_is_told_who_has_the_device(
    server: LocalServer, board: Switchboard, tmp_path: Path, client: Client, cluster: Cluster, table: Dataset
) -> None:
    with server_on(board, tmp_path) as second:
        found = described(second, healthy=False, reason="is in use by another server")
        assert found.reason.endswith(f"process {sidecar(server)}")
        train(client, cluster, table)
