"""A host that cannot run networks for a while: what its clusters, their tasks and new clusters do meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.compute.descriptions import load
from hanami_sdk import Client, Cluster, Dataset, Task
from hanami_sdk.hanami_exceptions import BadRequestException, HanamiException
from hanami_server.supervisor import read_state
from tests.local import LocalServer
from tests.mine import pretend
from tests.server.harness import environment, hanami, install, until
from tests.service.test_foreign_growth import ROOT, TEMPLATE

GONE = "the device is gone"
LINE = TEMPLATE.format(2)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a distribution that brings hosts of a kind of its own."""
    return install(tmp_path_factory.mktemp("site"), {"hanami.plugins": {"mine": "tests.mine"}}, "hanami-mine")


@pytest.fixture(scope="module")
def server(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with two hosts of that kind, which takes the first that is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), str(ROOT), os.environ.get("PYTHONPATH")])))
        data = tmp_path_factory.mktemp("mine") / "data"
        with LocalServer(data, "--set", "mine.hosts=2", "--set", "compute.placement=first") as running:
            yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


@pytest.fixture
def table(client: Client, request: pytest.FixtureRequest) -> Dataset:
    return client.upload_csv(request.node.name, b"value,kind\n1,1\n2,0\n3,1\n")


@pytest.fixture
def cluster(client: Client, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    made = client.create_cluster(request.node.name, LINE)
    yield made
    client.delete_cluster(made)


@pytest.fixture
def tell(server: LocalServer) -> Iterator[Callable[..., None]]:
    """Return a function that lets a host say something of itself, and returns when everybody knows."""

    def say(name: str, **fields: Any) -> None:
        pretend(server.data_dir, name, **fields)
        expected = {"healthy": True} | fields
        until(
            lambda: (found := load(server.data_dir, name)) and all(getattr(found, k) == v for k, v in expected.items())
        )

    yield say
    for name in ("mine0", "mine1"):
        say(name)


def sidecar(server: LocalServer) -> int | None:
    """Return the number of the process that has the host."""
    state = read_state(server.data_dir)
    return None if state is None else state.children.get("sidecar mine0")


def train(client: Client, cluster: Cluster, table: Dataset, *, wait: bool = True) -> Task:
    return client.train(cluster, {"value": table["value"]}, {"kind": table["kind"]}, wait=wait)


@pytest.mark.long
def test_tasks_wait_until_the_host_is_well(
    client: Client, cluster: Cluster, table: Dataset, tell: Callable[..., None]
) -> None:
    tell("mine0", healthy=False, reason=GONE)
    other = client.create_cluster("elsewhere", LINE)
    assert client.cluster(other).host == "mine1", "a new cluster goes to a host that works"
    task = train(client, cluster, table, wait=False)
    train(client, other, table)
    assert client.task(task).state == "queued"
    tell("mine0")
    assert client.wait(task).finished
    client.delete_cluster(other)


@pytest.mark.long
def test_a_cluster_leaves_a_host_that_does_not_work_with_its_tasks_and_all_that_was_stored(
    client: Client, cluster: Cluster, table: Dataset, tell: Callable[..., None]
) -> None:
    train(client, cluster, table)
    tell("mine0", healthy=False, reason=GONE)
    task = train(client, cluster, table, wait=False)
    client.switch_host(cluster, client.hosts()[2])
    assert client.wait(task).finished
    found = client.cluster(cluster)
    assert (found.host, found.cycles) == ("mine1", 6)


@pytest.mark.long
def test_nobody_moves_to_a_host_that_does_not_work(client: Client, cluster: Cluster, tell: Callable[..., None]) -> None:
    tell("mine1", healthy=False, reason=GONE)
    with pytest.raises(HanamiException, match=f"Host 'mine1' cannot run networks at the moment: {GONE}"):
        client.switch_host(cluster, client.hosts()[2])
    assert client.cluster(cluster).host == "mine0"


@pytest.mark.long
def test_operators_and_users_see_why(
    server: LocalServer, client: Client, site: Path, tell: Callable[..., None]
) -> None:
    tell("mine0", healthy=False, reason=GONE, model="Mine 3000")
    listed = client.hosts()[1]
    assert (listed.state, listed.model) == (f"unavailable: {GONE}", "Mine 3000")
    shown = hanami("plugins", "--data-dir", str(server.data_dir), env=environment(site, ROOT))
    (row,) = [line for line in shown.stdout.splitlines() if line.startswith("mine ")]
    assert f"mine0: {GONE}" in row
    tell("mine0")
    assert GONE not in hanami("plugins", "--data-dir", str(server.data_dir), env=environment(site, ROOT)).stdout


def test_a_host_that_needs_another_process_gets_one(
    server: LocalServer, client: Client, cluster: Cluster, table: Dataset, tell: Callable[..., None]
) -> None:
    train(client, cluster, table)
    before = sidecar(server)
    pretend(server.data_dir, "mine0", healthy=False, reason=GONE, needs_restart=True)
    task = train(client, cluster, table, wait=False)
    until(lambda: sidecar(server) not in (None, before))
    tell("mine0")
    assert client.wait(task).finished
    assert client.cluster(cluster).cycles == 6


@pytest.mark.long
def test_what_does_not_fit_into_the_memory_of_a_host_is_refused_before_anything_moves(
    client: Client, cluster: Cluster, table: Dataset, tell: Callable[..., None]
) -> None:
    train(client, cluster, table)
    tell("mine1", network_memory=16)
    with pytest.raises(BadRequestException, match="would need 32 bytes of the memory of 'mine1', which has 16 bytes"):
        client.switch_host(cluster, client.hosts()[2])
    assert client.cluster(cluster).host == "mine0"
    tell("mine0", network_memory=16)
    with pytest.raises(BadRequestException, match="which has 16 bytes for it"):
        train(client, cluster, table)
    assert client.cluster(cluster).cycles == 3
