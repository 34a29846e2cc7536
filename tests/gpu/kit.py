"""Servers whose GPU is the stand-in, for tests of what happens between processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hanami_core.compute import HostDescription
from hanami_core.compute.descriptions import load
from hanami_sdk import Client, Cluster, Dataset, Task
from tests.gpu.emulator.switchboard import Switchboard
from tests.local import LocalServer
from tests.server.harness import install, until

GB = 1 << 30
CARD = "NVIDIA H100 80GB HBM3"
TEMPLATE = """version: 1
settings:
    growth: sums
    ballast: {ballast}
    greed: {greed}
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    value: 1,1,1
outputs:
    kind: 3,1,1
"""
FLAGS = {"host_cupy.hosts": 1, "host_cupy.retry": 0.2, "clusters.store": 0.2}


@contextmanager
def server_on(board: Switchboard, folder: Path, **flags: object) -> Iterator[LocalServer]:
    """Run a server on the machine of a switchboard, with the rule set `tests.gpu.sums` and one GPU."""
    site = install(folder / "site", {"hanami.plugins": {"sums": "tests.gpu.sums"}}, "hanami-sums")
    variables = board.environment
    path = os.pathsep.join([str(site), variables.pop("PYTHONPATH")])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables, "PYTHONPATH": path}.items():
            patch.setenv(name, value)
        given = {name: value for name, value in {**FLAGS, **flags}.items() if value is not None}
        settings = [text for name, value in given.items() for text in ("--set", f"{name}={value}")]
        with LocalServer(folder / "data", *settings) as running:
            yield running


def described(server: LocalServer, *, healthy: bool, reason: str = "", name: str = "gpu0") -> HostDescription:
    """Wait until a host of a server says that it is well, or not for a reason, and return what it says."""

    def found() -> HostDescription | None:
        description = load(server.data_dir, name)
        fits = description is not None and description.healthy == healthy and reason in description.reason
        return description if fits else None

    description = until(found, what=f"{name} does not become {'well' if healthy else 'unwell'}: {reason}")
    assert isinstance(description, HostDescription)
    return description


def template(ballast: int = 0, greed: int = 0) -> str:
    """Return the text of a template whose networks take some memory, of which they say nothing if it is greed."""
    return TEMPLATE.format(ballast=ballast, greed=greed)


def on_gpu(client: Client, name: str, text: str = "") -> Cluster:
    """Create a cluster and move it to the GPU."""
    made = client.create_cluster(name, text or template())
    return client.switch_host(made, gpu(client))


def gpu(client: Client, name: str = "gpu0") -> str:
    """Return the uuid of a GPU's host."""
    return next(host.uuid for host in client.hosts() if host.name == name)


def cpu(client: Client) -> str:
    """Return the uuid of the processor's host."""
    return gpu(client, "cpu0")


def train(client: Client, cluster: Cluster, table: Dataset, *, wait: bool = True) -> Task:
    """Train a cluster with a table."""
    return client.train(cluster, {"value": table["value"]}, {"kind": table["kind"]}, wait=wait)
