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
from hanami_server.demo.local import LocalServer
from hanami_server.demo.story import TEMPLATE

Ctl = Callable[..., str]

SAMPLE = digits.find(digits.SAMPLE)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server for all tests that do not harm it."""
    with LocalServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    """The admin's client."""
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


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
