"""What a flush has acknowledged survives the end of the sidecar; what is not stored is not said to be."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, ConnectionFailedException, DirectIOException
from hanami_server.demo.scenario import TEMPLATE
from tests.faults.kit import awaited, fill, small_disk
from tests.local import LocalServer
from tests.service.processes import command_line, family

PICTURE = [0.5] * 784
LABEL = [1.0] + [0.0] * 9


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("disk"), "48m") as folder:
        yield folder


@pytest.fixture(scope="module")
def server(disk: Path) -> Iterator[LocalServer]:
    with LocalServer(disk / "data", "--set", "clusters.store=0.5", "--set", "storage.reserve=1048576") as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase, timeout=20.0) as admin:
        yield admin


def ready(server: LocalServer) -> bool:
    return server._ready()


def train(live: object, count: int = 1) -> None:
    for _ in range(count):
        live.train({"picture_hex": PICTURE}, {"label_hex": LABEL})  # type: ignore[attr-defined]


def test_what_was_flushed_survives_a_kill(server: LocalServer, client: Client) -> None:
    cluster = client.create_cluster("flushed", TEMPLATE)
    with pytest.raises(ConnectionFailedException), client.direct(cluster) as live:
        train(live, 5)
        live.flush()
        sidecar = next(pid for pid in family(server.pid) if b"sidecar" in command_line(pid))
        os.kill(sidecar, signal.SIGKILL)
        train(live)
    awaited(lambda: ready(server), 30.0)
    assert client.get("/cluster", uuid=cluster.uuid)["cycles"] == 5


def test_a_full_disk_is_told_and_ends_by_itself(server: LocalServer, client: Client, disk: Path) -> None:
    cluster = client.create_cluster("direct", TEMPLATE)
    with client.direct(cluster) as live:
        train(live)
        live.flush()
        ballast = fill(disk)
        train(live)
        with pytest.raises(DirectIOException, match=r"The disk of the server is (too )?full"):
            live.flush()
        with pytest.raises(DirectIOException, match=r"The disk of the server is (too )?full"):
            train(live)
        awaited(lambda: not ready(server), 5.0)
        ballast.unlink()
        live.flush()
        train(live)
        live.flush()
    awaited(lambda: ready(server), 10.0)
    assert client.get("/cluster", uuid=cluster.uuid)["cycles"] == 3
