"""A server for all documents, and a directory with what their examples take for granted."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client
from hanami_server.demo import digits
from hanami_server.demo.local import LocalServer
from tests.docs.reading import Reader, blocks

LOGIN = ("asdf", "asdfasdf")
"""User and passphrase of the examples."""


QUICK = ("--set", "users.argon2_time=1", "--set", "users.argon2_memory=1024")
"""Logins that cost nothing: every command of an example is one."""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    running = LocalServer(tmp_path_factory.mktemp("docs") / "data", *QUICK)
    running.user, running.passphrase = LOGIN
    with running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the MNIST files, the environment that the documents ask for, and an empty server."""
    with Client(server.address, *LOGIN) as client:
        sweep(client)
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
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
    for user in client.users():
        if user.id != LOGIN[0]:
            client.delete_user(user.id)
    for project in client.projects():
        client.delete_project(project.id)
