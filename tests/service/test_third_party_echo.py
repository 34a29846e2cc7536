"""A distribution of somebody else brings a host, a rule set, tasks and a process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client
from hanami_sdk.hanami_exceptions import BadRequestException
from hanami_server.paths import state_path
from tests.local import LocalServer
from tests.server.harness import until
from tests.service.third_party import foreign_imports, installed, run_own_tests
from tests.service.wire import NOBODY, Wire

NAME = "hanami-echo"
TEMPLATE = """version: 1
settings:
    growth: echo
    gain: {}
hexagons:
    1,1,1
    2,1,1
inputs:
    said: 1,1,1
outputs:
    heard: 2,1,1
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with installed(NAME, tmp_path_factory.mktemp("third")) as target:
        yield target


@pytest.fixture(scope="module")
def server(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("echo") / "data") as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


@pytest.mark.long
def test_its_own_tests_with_the_conformance_suites_pass(site: Path) -> None:
    run_own_tests(NAME)


def test_it_imports_what_is_public() -> None:
    assert foreign_imports(NAME, "numpy", "msgspec", "peewee") == set()


def test_a_cluster_lives_where_it_can(client: Client) -> None:
    table = client.upload_csv("table", b"said,heard\n1,1\n2,0\n3,1\n")
    cluster = client.create_cluster("echo", TEMPLATE.format(2.5))
    assert client.cluster(cluster).host == "echo0"
    client.train(cluster, {"said": table["said"]}, {"heard": table["heard"]})
    trained = client.cluster(cluster)
    assert (trained.cycles, trained.metrics["gain"]) == (3, 2.5)
    answers = client.request(cluster, {"said": table["said"]}, {"heard": "answer"})
    assert client.dataset_content(answers.uuid, "answer", 3) == [[2.5], [5.0], [7.5]]
    checkpoint = client.save(cluster, "kept")
    client.train(cluster, {"said": table["said"]}, {"heard": table["heard"]})
    client.restore(cluster, checkpoint)
    assert client.cluster(cluster).cycles == 3
    with client.direct(cluster) as direct:
        direct.train({"said": [1.0]}, {"heard": [1.0]})
        assert direct.request({"said": [4.0]}) == [10.0]
    client.delete_cluster(cluster)


def test_templates_are_held_to_its_settings(client: Client) -> None:
    with pytest.raises(BadRequestException, match="line 4, column 5: gain must be"):
        client.create_cluster("too loud", TEMPLATE.format(1001))


def call(wire: Wire, text: str) -> str:
    made = wire.body("POST", "echo/call", {"text": text})
    assert made.status == 200, made
    return str(wire.query("GET", "echo/call", uuid=made.json["uuid"]).json["answer"])


def child(server: LocalServer) -> int:
    """Return the process, once it has been started."""
    return int(until(lambda: json.loads(state_path(server.data_dir).read_text())["children"].get("process echo")))


def test_its_tasks_ask_its_process_which_is_started_again(server: LocalServer) -> None:
    wire = Wire(server.address, Wire(server.address).login(server.user, server.passphrase))
    assert call(wire, "hello, höhle\nand more") == "hello, höhle\nand more"
    first = child(server)
    os.kill(first, signal.SIGKILL)
    assert call(wire, "anybody there?") == "anybody there?"
    assert child(server) != first
    missing = wire.query("GET", "echo/call", uuid=NOBODY)
    assert missing == (404, f"There is no call {NOBODY}")
