"""Decoding on a real server, when the worker dies in the middle of it, or takes its time."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from hanami_sdk import Client
from hanami_sdk.v04 import dataset, hanami_token
from tests.local import LocalServer
from tests.server.harness import alive, descendants, install, until
from tests.service.wire import Wire

FORMAT = '''
import time
from pathlib import Path

import numpy as np

from hanami_core import hookimpl


class SlowFormat:
    """Reads half of the file and waits until it may go on."""

    name, parts = "slow", ("input",)

    def decode(self, files, table):
        file = files["input"]
        content = file.read()
        while not (Path(file.name).parents[1] / "go").exists():
            time.sleep(0.01)
        table.begin({"a": 1}, np.uint8)
        table.append(np.frombuffer(content, np.uint8)[:, None])


@hookimpl
def hanami_dataset_formats():
    return [SlowFormat()]
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server that answers at once, with a format that waits."""
    folder = tmp_path_factory.mktemp("decoding")
    site = install(folder / "site", {"hanami.plugins": {"slow_format": "slow_format"}}, "hanami-slow")
    (site / "slow_format.py").write_text(FORMAT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")])))
        with LocalServer(folder / "data", "--set", "datasets.wait=0") as running:
            yield running


def child(server: LocalServer, name: str) -> int:
    """Return the number of a process of a server, 0 while a new one has not begun."""
    return int(json.loads((server.data_dir / "run" / "server.json").read_text())["children"].get(name, 0))


def test_a_decoding_survives_the_death_of_its_worker(server: LocalServer) -> None:
    names: list[str] = []

    def upload() -> None:
        with Client(server.address, server.user, server.passphrase) as client:
            names.append(client.upload("slow table", "slow", {"input": b"\1\2\3"}).uuid)

    wire = Wire(server.address, Wire(server.address).login(server.user, server.passphrase))
    thread = threading.Thread(target=upload)
    thread.start()
    worker = child(server, "worker")
    decoders = until(lambda: descendants(worker))
    (uuid,) = [row[1] for row in wire.query("GET", "dataset/all").json["body"] if "slow table" in row]
    assert wire.query("GET", "dataset/progress", uuid=uuid).json["state"] == "decoding"

    os.kill(worker, signal.SIGKILL)
    until(lambda: not any(map(alive, decoders)), 2, "a decoder outlives its worker")
    until(lambda: (new := child(server, "worker")) and descendants(new))
    (server.data_dir / "go").touch()
    thread.join(30)
    assert names == [uuid]
    assert wire.query("GET", "dataset/progress", uuid=uuid).json == {"complete": True, "received": {}, "uuid": uuid}
    until(lambda: not list((server.data_dir / "staging").iterdir()), 5, "a staged file was left behind")
    with closing(sqlite3.connect(server.data_dir / "hanami.db")) as database:
        assert database.execute(
            "select state, fence from task where kind = 'decode' and payload like ?", [f"%{uuid}%"]
        ).fetchall() == [("finished", 2)]


def test_progress_of_v04_is_complete_when_the_table_can_be_used(server: LocalServer) -> None:
    login = hanami_token.request_token(server.address, server.user, server.passphrase), server.address
    worker = child(server, "worker")
    uploaded: list[str] = []
    thread = threading.Thread(
        target=lambda: uploaded.append(dataset.upload_csv_files(*login, "table", b"a,b\n1,2\n3,4\n"))
    )
    wire = Wire(server.address, login[0])

    def decoding() -> str:
        found = [row[0] for row in wire.query("GET", "/control/v1/dataset/all").json["body"]]
        return next((uuid for uuid in found if "decoding" in progress(uuid)), "")

    def progress(uuid: str) -> str:
        return wire.query("GET", "/control/v1/dataset/progress", uuid=uuid).text

    os.kill(worker, signal.SIGSTOP)
    try:
        thread.start()
        uuid = until(decoding)
        assert json.loads(progress(uuid))["complete"] is False
        assert json.loads(dataset.get_dataset(*login, uuid))["lines"] == 0
    finally:
        os.kill(worker, signal.SIGCONT)
    assert dataset.wait_until_upload_complete(*login, uuid) is True
    assert json.loads(dataset.get_dataset(*login, uuid))["lines"] == 2
    thread.join(30)
    assert uploaded == [uuid]
