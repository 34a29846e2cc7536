"""A server for all documents, and a directory with what their examples take for granted."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.localsocket import run_directory
from hanami_plugins.measurements.sampler import series_path
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE
from hanami_plugins.measurements.series import RINGS, Series, Values, store
from hanami_sdk import Client
from hanami_server.demo import digits
from tests.docs.programs import programs
from tests.docs.reading import Reader, blocks
from tests.local import LocalServer
from tests.server.harness import until

LOGIN = ("asdf", "asdfasdf")
"""User and passphrase of the examples."""


QUICK = ("--set", "users.argon2_time=1", "--set", "users.argon2_memory=1024")
"""Logins that cost nothing: every command of an example is one."""


MEASURED = {POWER: (15.0, 0.25), TEMPERATURE: (45.0, 0.5), SPEED: (2400.0, 20.0)}
"""What the machine of the examples has measured: an hour ago, and how much more in each minute since."""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    data_dir = tmp_path_factory.mktemp("docs") / "data"
    # Nothing is measured, so nobody overwrites what the examples show.
    running = LocalServer(data_dir, *QUICK, "--set", "measurements.enabled=false")
    running.user, running.passphrase = LOGIN
    with running:
        measure(data_dir)
        until((run_directory(data_dir) / "cpu0.threads").exists)
        with Client(running.address, *LOGIN) as client:
            until(lambda: client.hosts()[0].state == "ready", 100)  # the first start on a machine compiles kernels
        yield running


def measure(data_dir: Path) -> None:
    """Put the measurements of a machine that has been on for an hour into the directory of a server."""
    found = {}
    for name, (first, more) in MEASURED.items():
        minutes = [first + more * minute for minute in range(60)]
        known = {"seconds": [minutes[-1]] * 60, "minutes": minutes, "hours": [sum(minutes) / 60]}
        rings = {ring: [0.0] * (size - len(known.get(ring, ()))) + known.get(ring, []) for ring, size in RINGS}
        found[name] = Series(Values(**rings), 3600)
    store(series_path(data_dir), found)


@pytest.fixture(scope="package")
def search_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a shell finds the programs of the documents, and all others."""
    with programs(tmp_path_factory.mktemp("programs")) as folder:
        yield os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture
def desk(tmp_path: Path, server: LocalServer, search_path: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the MNIST files, the environment that the documents ask for, and an empty server."""
    with Client(server.address, *LOGIN) as client:
        sweep(client)
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)
    monkeypatch.setenv("PATH", search_path)
    return tmp_path


@pytest.fixture
def reader(desk: Path) -> Iterator[Reader]:
    """Somebody who has run the lines that all pages of the reference begin with, apart from the login."""
    with Reader(desk, os.environ) as found:
        for block in blocks("docs/reference/README.md"):
            if block.mark == "setup":
                code = "".join(line for line in block.code.splitlines(True) if not line.startswith("export "))
                found.run(dataclasses.replace(block, code=code))
        yield found


def furnish(directory: Path) -> None:
    """Put the MNIST files and the template of the README into a directory."""
    for file in digits.find(digits.SAMPLE):
        (directory / file.name).symlink_to(file)
    template = next(block.code for block in blocks("README.md") if block.mark == "template")
    (directory / "digits.template").write_text(template)


def sweep(client: Client) -> None:
    """Delete all that earlier examples have left on the server."""
    for cluster in client.clusters():
        client.delete_cluster(cluster)
    for dataset in client.datasets():
        client.delete_dataset(dataset)
    for checkpoint in client.checkpoints():
        client.delete_checkpoint(checkpoint)
    for pair in client.keypairs():
        client.delete_keypair(pair.access_key)
    for folder in client.folders():
        client.delete_folder(folder)
    for user in client.users():
        if user.id != LOGIN[0]:
            client.delete_user(user.id)
    for project in client.projects():
        client.delete_project(project.id)
