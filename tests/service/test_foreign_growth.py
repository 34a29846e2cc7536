"""A distribution of somebody else brings hosts and a rule set, and everything works with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.compute.descriptions import load
from hanami_core.errors import StartupError
from hanami_sdk import Client, Cluster
from hanami_sdk.hanami_exceptions import BadRequestException, ConflictException
from tests.local import LocalServer

ROOT = Path(__file__).parents[2]
TEMPLATE = """version: 1
settings:
    growth: mine
    depth: {}
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    value: 1,1,1
outputs:
    kind: 3,1,1
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with two hosts of the distribution, which takes the one that has less to do."""
    site = tmp_path_factory.mktemp("site")
    about = site / "hanami_mine-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hanami-mine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hanami.plugins]\nmine = tests.mine\n")
    paths = [str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        data = tmp_path_factory.mktemp("mine") / "data"
        flags = ("--set", "mine.hosts=2", "--set", "compute.placement=least_loaded")
        with LocalServer(data, *flags) as running:
            yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


def answers(client: Client, cluster: Cluster, table: object) -> list[list[float]]:
    task = client.request(cluster, {"value": table["value"]}, {"kind": "answer"})  # type: ignore[index]
    return client.dataset_content(task.uuid, "answer", 3)


@pytest.mark.long
def test_a_cluster_of_it_is_trained_asked_saved_moved_and_restored(client: Client) -> None:
    table = client.upload_csv("table", b"value,kind\n1,1\n2,0\n3,1\n")
    cluster = client.create_cluster("of mine", TEMPLATE.format(2))
    client.train(cluster, {"value": table["value"]}, {"kind": table["kind"]})
    trained = client.cluster(cluster)
    assert (trained.host, trained.cycles, trained.metrics["depth"]) == ("mine0", 3, 2)
    assert answers(client, cluster, table) == [[0.5]] * 3
    checkpoint = client.save(cluster, "kept")
    others = [host for host in client.hosts() if host.type == "mine"]
    client.switch_host(cluster, others[1])
    assert client.cluster(cluster).host == "mine1"
    client.train(cluster, {"value": table["value"]}, {"kind": table["value"]})
    assert answers(client, cluster, table) != [[0.5]] * 3
    client.restore(cluster, checkpoint)
    assert answers(client, cluster, table) == [[0.5]] * 3
    with client.direct(cluster) as direct:
        direct.train({"value": [5.0]}, {"kind": [1.0]})
        assert direct.request({"value": [5.0]}) == [1.0]
    client.delete_cluster(cluster)


def test_its_hosts_are_listed_and_described(server: LocalServer, client: Client) -> None:
    assert [host.type for host in client.hosts()] == ["cpu", "mine", "mine"]
    found = load(server.data_dir, "mine1")
    assert found is not None
    assert (found.uuid, found.free_memory) == (client.hosts()[2].uuid, 1 << 19)
    assert load(server.data_dir, "cpu0") is not None


def test_clusters_go_where_there_is_less_to_do(client: Client) -> None:
    clusters = [client.create_cluster(f"number {number}", TEMPLATE.format(1)) for number in range(4)]
    hosts = [client.cluster(cluster).host for cluster in clusters]
    assert sorted(hosts) == ["mine0", "mine0", "mine1", "mine1"]
    for cluster in clusters:
        client.delete_cluster(cluster)


def test_it_goes_nowhere_else_and_takes_nothing_else(client: Client) -> None:
    with pytest.raises(BadRequestException, match="line 4, column 5: depth must be between 1 and 100"):
        client.create_cluster("too deep", TEMPLATE.format(101))
    cluster = client.create_cluster("stays", TEMPLATE.format(1))
    with pytest.raises(ConflictException, match="Host 'cpu0' cannot run the cluster: no installed plugin has rules"):
        client.switch_host(cluster, client.hosts()[0])
    client.delete_cluster(cluster)


def test_a_network_goes_only_where_its_template_grows_in_the_same_way(client: Client) -> None:
    cpu, mine, _ = client.hosts()
    table = client.upload_csv("table", b"value,kind\n1,1\n2,0\n3,1\n")
    cluster = client.create_cluster("any growth", TEMPLATE.replace("    growth: mine\n    depth: {}\n", ""))
    for host in (mine, cpu):  # it has no network yet
        client.switch_host(cluster, host)
    client.train(cluster, {"value": table["value"]}, {"kind": table["kind"]})
    with pytest.raises(ConflictException, match="its network grows by 'section', a network of its template would"):
        client.switch_host(cluster, mine)
    assert client.cluster(cluster).host == "cpu0"
    client.delete_cluster(cluster)


def test_a_checkpoint_is_not_restored_where_its_network_cannot_grow(client: Client) -> None:
    table = client.upload_csv("table", b"value,kind\n1,1\n2,0\n3,1\n")
    bindings = {"value": table["value"]}, {"kind": table["kind"]}
    foreign = client.create_cluster("of mine", TEMPLATE.format(2))
    client.train(foreign, *bindings)
    checkpoint = client.save(foreign, "kept")
    cluster = client.create_cluster("on the processor", TEMPLATE.replace("    growth: mine\n    depth: {}\n", ""))
    if client.cluster(cluster).host != "cpu0":
        client.switch_host(cluster, client.hosts()[0])
    client.train(cluster, *bindings)
    before = client.cluster(cluster)
    with pytest.raises(ConflictException) as refused:
        client.restore(cluster, checkpoint)
    assert "grows by 'mine', which host 'cpu0' of the cluster cannot run" in str(refused.value)
    assert str(refused.value).endswith("hosts that can: mine0, mine1")
    assert client.cluster(cluster) == before
    assert [task.kind for task in client.tasks(cluster)] == ["train"]
    empty = client.create_cluster("waits for a checkpoint")
    client.restore(empty, checkpoint)
    placed = client.cluster(empty)
    assert (placed.host[:4], placed.cycles) == ("mine", 3)
    for one in (foreign, cluster, empty):
        client.delete_cluster(one)


def test_a_placement_that_names_nothing_is_one_clear_line(server: LocalServer) -> None:
    elsewhere = LocalServer(server.data_dir.parent / "elsewhere", "--set", "compute.placement=gpu0")
    with pytest.raises(StartupError, match=r"compute\.placement must be .* not 'gpu0'; hosts are: cpu0, mine0"):
        elsewhere.start()
    elsewhere.stop()
