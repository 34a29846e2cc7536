"""A server that tests harm: its clients, its processes, how one of them is killed, and what it holds afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.checks import Finding
from hanami_core.network import NetworkState
from hanami_sdk import Client, Cluster, Dataset, Task
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.examination import examine
from hanami_server.local import LocalServer
from hanami_server.supervisor import ServerState, read_state
from tests.faults.campaign import SHARE
from tests.server.harness import alive, descendants, until

__all__ = [
    "DEEP_TEMPLATE",
    "QUICK",
    "SIDECAR",
    "SYNAPSE_TEMPLATE",
    "UNHURRIED",
    "begin_training",
    "connect",
    "findings",
    "idx_digits",
    "kill_all",
    "kill_child",
    "leftovers",
    "query",
    "running",
    "served",
    "state_of",
    "twins",
]

PATIENCE = 60.0
"""Seconds that clients go on when a connection broke off: more than a server needs to be back on a busy machine."""

UNHURRIED = pytest.mark.timeout(180 + 7200 * SHARE)
"""Marks tests whose length grows with the scale."""

QUICK = ("--set", "queue.store=0.05", "--set", "http.workers=1")
"""Flags of a server that starts quickly, and whose trainings store their state often."""

SIDECAR = "sidecar cpu0"
"""Name of the process that trains."""

SYNAPSE_TEMPLATE = TEMPLATE.replace("settings:\n", "settings:\n    growth: synapse\n")
DEEP_TEMPLATE = """version: 1
settings:
    max_connection_distance: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
    4,1,1
    5,1,1
inputs:
    picture_hex: 1,1,1
outputs:
    label_hex: 5,1,1
"""


def connect(server: LocalServer) -> Client:
    """Return the admin's client, which waits until a harmed server is back."""
    return Client(server.address, server.user, server.passphrase, retry=PATIENCE)


def idx_digits(count: int, side: int = 12) -> tuple[bytes, bytes]:
    """Return idx files of pictures that differ from row to row, and of their labels."""
    pictures = bytes((row * 7 + place * (row % 10 + 1)) % 251 for row in range(count) for place in range(side * side))
    labels = bytes(row % 10 for row in range(count))
    return struct.pack(">IIII", 2051, count, side, side) + pictures, struct.pack(">II", 2049, count) + labels


def begin_training(client: Client, cluster: Cluster, dataset: Dataset, time_length: int = 1) -> Task:
    """Queue one pass over a dataset."""
    inputs, outputs = {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}
    return client.train(cluster, inputs, outputs, time_length=time_length, wait=False)


def twins(client: Client, name: str, template: str) -> tuple[Cluster, Cluster]:
    """Return two clusters that are the same network, down to the seed."""
    first, second = (client.create_cluster(f"{name} {number}", template) for number in range(2))
    client.restore(second, client.save(first, name))
    return first, second


# -- processes --------------------------------------------------------------------------------------------------------


def running(server: LocalServer) -> ServerState:
    """Return what the supervisor says of its processes."""
    state = read_state(server.data_dir)
    assert state is not None
    return state


def kill_child(server: LocalServer, name: str) -> int:
    """Kill a process that runs, by its name, and return its number."""
    pid: int = until(lambda: running(server).children.get(name), PATIENCE)
    os.kill(pid, signal.SIGKILL)
    return pid


def served(server: LocalServer, name: str, former: int = 0) -> None:
    """Wait until all processes are ready again, and the one of that name is another one."""
    until(lambda: running(server).ready and running(server).children.get(name, former) != former, PATIENCE)


def kill_all(server: LocalServer) -> None:
    """Kill the supervisor, and wait until all of its processes are gone."""
    family = descendants(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    until(lambda: not any(map(alive, family)), PATIENCE)


# -- what it holds ----------------------------------------------------------------------------------------------------


def query(server: LocalServer, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Return rows of the database of a server that may run."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "hanami.db", timeout=PATIENCE)) as db:
        return db.execute(statement, values).fetchall()


def state_of(server: LocalServer, table: str, uuid: str) -> str:
    """Return the digest of the network of a cluster or a checkpoint."""
    ((blob,),) = query(server, f"SELECT blob FROM {table} WHERE uuid = ?", uuid)
    with (server.data_dir / "blobs" / blob[:2] / blob).open("rb") as file:
        return NetworkState.read(file).digest()


def findings(server: LocalServer) -> list[Finding]:
    """Return what ``hanami doctor`` finds, beside a server that may run."""
    return examine(server.data_dir, alone=False)[1]


def leftovers(server: LocalServer) -> list[str]:
    """Return the files that belong to nothing: staged ones, blobs and uploads without a row."""
    blobs, uploads = ({str(row[0]) for row in query(server, f"SELECT uuid FROM {table}")} for table in _TABLES)
    return sorted(str(file) for file in _files(server.data_dir) if not _belongs(file, blobs, uploads))


_TABLES = ("blob", "upload")


def _files(data_dir: Path) -> Iterator[Path]:
    for name in ("staging", "blobs", "uploads"):
        yield from (file.relative_to(data_dir) for file in (data_dir / name).rglob("*") if file.is_file())


def _belongs(file: Path, blobs: set[str], uploads: set[str]) -> bool:
    kind, name = file.parts[0], file.name.partition(".")[0]
    return (kind == "blobs" and name in blobs) or (kind == "uploads" and name in uploads)
