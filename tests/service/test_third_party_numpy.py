"""A distribution of somebody else brings another kind of host for networks of the server's own rule set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hanami_sdk import Client, Cluster, Dataset, Host
from hanami_sdk.hanami_exceptions import ConflictException
from hanami_server.paths import state_path
from tests.local import LocalServer
from tests.service.third_party import foreign_imports, installed, private_imports, run_own_tests

NAME = "hanami-numpy"
TEMPLATE = """version: 1
{}
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    picture: 1,1,1
outputs:
    label: 3,1,1
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with installed(NAME, tmp_path_factory.mktemp("third")) as target:
        yield target


@pytest.fixture(scope="module")
def server(fresh: None, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("numpy") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


@pytest.fixture(scope="module")
def digits(client: Client, small_digits: tuple[Path, Path]) -> Dataset:
    return client.upload_mnist("small digits", *small_digits)


@pytest.fixture
def cluster(client: Client) -> Iterator[Cluster]:
    created = client.create_cluster("moves", TEMPLATE.format(""))
    yield created
    client.delete_cluster(created)


def host_of_kind(client: Client, kind: str) -> Host:
    return next(host for host in client.hosts() if host.type == kind)


def train(client: Client, cluster: Cluster, digits: Dataset, epochs: int = 1) -> None:
    client.train(cluster, {"picture": digits["picture"]}, {"label": digits["label"]}, epochs=epochs)


def answers(client: Client, cluster: Cluster, digits: Dataset) -> np.ndarray:
    task = client.request(cluster, {"picture": digits["picture"]}, {"label": "answer"})
    return np.array(client.dataset_content(task.uuid, "answer", 200))


@pytest.mark.long
def test_its_own_tests_with_the_conformance_suites_pass(site: Path) -> None:
    run_own_tests(NAME)


def test_it_imports_what_is_public() -> None:
    assert foreign_imports(NAME, "numpy", "msgspec", "hanami_plugins") == set()
    assert private_imports(NAME) == set()


def test_a_cluster_learns_on_both_hosts(client: Client, cluster: Cluster, digits: Dataset) -> None:
    cpu, other = host_of_kind(client, "cpu"), host_of_kind(client, "numpy")
    assert client.cluster(cluster).host == "cpu0"
    train(client, cluster, digits)
    before = answers(client, cluster, digits)
    client.switch_host(cluster, other)
    assert client.cluster(cluster).host == "numpy0"
    np.testing.assert_allclose(answers(client, cluster, digits), before, rtol=1e-5, atol=1e-7)
    train(client, cluster, digits, epochs=5)
    learned = answers(client, cluster, digits)
    assert client.cluster(cluster).cycles == 6 * 200
    client.switch_host(cluster, cpu)
    np.testing.assert_allclose(answers(client, cluster, digits), learned, rtol=1e-5, atol=1e-7)
    train(client, cluster, digits, epochs=5)
    labels = np.array(client.dataset_content(digits, "label", 200))
    assert (answers(client, cluster, digits).argmax(1) == labels.argmax(1)).mean() > 0.9


def test_a_checkpoint_of_one_host_is_restored_on_the_other(client: Client, cluster: Cluster, digits: Dataset) -> None:
    train(client, cluster, digits)
    before, checkpoint = answers(client, cluster, digits), client.save(cluster, "kept")
    client.switch_host(cluster, host_of_kind(client, "numpy"))
    train(client, cluster, digits)
    client.restore(cluster, checkpoint)
    np.testing.assert_allclose(answers(client, cluster, digits), before, rtol=1e-5, atol=1e-7)


def test_a_stream_goes_on_elsewhere(client: Client, cluster: Cluster, digits: Dataset) -> None:
    picture = client.dataset_content(digits, "picture", 1)[0]
    label = client.dataset_content(digits, "label", 1)[0]
    client.switch_host(cluster, host_of_kind(client, "numpy"))
    with client.direct(cluster) as direct:
        for _ in range(20):
            direct.train({"picture": picture}, {"label": label})
        there = direct.request({"picture": picture})
    client.switch_host(cluster, host_of_kind(client, "cpu"))
    with client.direct(cluster) as direct:
        np.testing.assert_allclose(direct.request({"picture": picture}), there, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("settings:\n    growth: synapse", "the template asks for growth: synapse|no installed plugin has rules"),
        ("settings:\n    precision: int8", "the NumPy host answers with precision: float only"),
    ],
)
def test_what_it_cannot_run_stays_where_it_is(client: Client, settings: str, reason: str) -> None:
    stays = client.create_cluster("stays", TEMPLATE.format(settings))
    with pytest.raises(ConflictException, match=reason):
        client.switch_host(stays, host_of_kind(client, "numpy"))
    client.delete_cluster(stays)


def test_its_process_has_no_compute_library(server: LocalServer, client: Client, cluster: Cluster) -> None:
    children = json.loads(state_path(server.data_dir).read_text())["children"]
    client.switch_host(cluster, host_of_kind(client, "numpy"))
    with client.direct(cluster) as direct:
        direct.train({"picture": [1.0]}, {"label": [1.0, 0.0]})
    libraries = {name: "llvmlite" in Path(f"/proc/{children[name]}/maps").read_text() for name in hosts(children)}
    assert libraries == {"sidecar cpu0": True, "sidecar numpy0": False}


def hosts(children: dict[str, int]) -> list[str]:
    return [name for name in children if name.startswith("sidecar ")]
