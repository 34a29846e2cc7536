"""A real server: installed package, real processes, sockets and files."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hanami_cli import hanamictl
from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo import digits
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.service.wire import Holdings, Wire, holdings, settled

Ctl = Callable[..., str]

SAMPLE = digits.find(digits.SAMPLE)


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    """The admin's client."""
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


@pytest.fixture(scope="session")
def wire(server: LocalServer) -> Wire:
    """The admin's connection."""
    return Wire(server.address, Wire(server.address).login(server.user, server.passphrase))


@pytest.fixture(scope="session")
def at_rest() -> list[Holdings]:
    """What the server held when a test has changed nothing."""
    return []


@pytest.fixture
def unchanged(server: LocalServer, wire: Wire, at_rest: list[Holdings]) -> Iterator[None]:
    """Whatever the test does, afterwards everything is as before, and the server answers."""
    before = holdings(server.data_dir)
    if before not in at_rest:
        before = settled(server.data_dir)
    yield
    assert holdings(server.data_dir) == before
    at_rest[:] = [before]
    assert wire.query("GET", "/health/ready").status == wire.query("GET", "host/all").status == 200


@pytest.fixture(scope="session")
def member(server: LocalServer) -> str:
    """Return the token of a member of some project."""
    with Client(server.address, server.user, server.passphrase) as admin:
        admin.create_project("plain", "Plain")
        admin.create_user("plain_member", "Plain member", "a long passphrase")
        admin.add_to_project("plain_member", "plain", "member")
    return Wire(server.address).login("plain_member", "a long passphrase")


@pytest.fixture(scope="session")
def things(server: LocalServer, small_digits: tuple[Path, Path]) -> Iterator[dict[str, str]]:
    """Return the uuids of one resource of each kind; `fresh` is a cluster that was never trained."""
    with Client(server.address, server.user, server.passphrase) as admin:
        dataset = admin.upload_mnist("hostile digits", *small_digits)
        other = admin.upload_csv("hostile table", b"a,b\n1,2\n")
        fresh, cluster = (admin.create_cluster(name, TEMPLATE) for name in ("never trained", "hostile cluster"))
        task = admin.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
        result = admin.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
        checkpoint = admin.save(cluster, "hostile checkpoint")
        announced = admin.post("/dataset/upload/csv", {"name": "never sent", "input_data_size": 5})["uuid"]
        yield {
            "dataset": dataset.uuid,
            "other": other.uuid,
            "announced": announced,
            "cluster": cluster.uuid,
            "fresh": fresh.uuid,
            "task": task.uuid,
            "result": result.uuid,
            "checkpoint": checkpoint.uuid,
            "folder": admin.create_folder("hostile").uuid,
            "host": admin.hosts()[0].uuid,
        }
        for created in (cluster, fresh):
            admin.delete_cluster(created)


@pytest.fixture
def ctl(server: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ctl:
    """`hanamictl`, logged in by the three variables; returns what it prints."""
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)

    def run(*argv: str) -> str:
        capsys.readouterr()
        code = hanamictl.main(argv)
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return run


@pytest.fixture(scope="session")
def small_digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return idx files of 200 genuine digits."""
    directory = tmp_path_factory.mktemp("digits")
    files = []
    for source, head, size in ((SAMPLE.train_images, 16, 784), (SAMPLE.train_labels, 8, 1)):
        raw = gzip.decompress(source.read_bytes())
        target = directory / source.stem
        target.write_bytes(raw[:4] + struct.pack(">I", 200) + raw[8 : head + 200 * size])
        files.append(target)
    return files[0], files[1]


@pytest.fixture
def dataset(client: Client, small_digits: tuple[Path, Path]) -> Dataset:
    """200 digits, uploaded."""
    return client.upload_mnist("small digits", *small_digits)


@pytest.fixture
def cluster(client: Client, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster of its own for the test."""
    created = client.create_cluster(f"c {request.node.name}"[:60].translate(_PLAIN), TEMPLATE)
    yield created
    if created.uuid in {row.uuid for row in client.clusters()}:
        client.delete_cluster(created)


_PLAIN = str.maketrans(dict.fromkeys("[]./:-<>\\'\",=()*#%{}", "_"))
