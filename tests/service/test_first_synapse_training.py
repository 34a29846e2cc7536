"""The first training on a machine whose kernels are still to be compiled says what it waits for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hanami_sdk import Client
from hanami_server.demo.scenario import TEMPLATE
from tests.local import LocalServer


def _client(server: LocalServer) -> Client:
    return Client(server.address, server.user, server.passphrase)


@pytest.mark.long
def test_a_training_says_that_it_waits_for_kernels(tmp_path: Path) -> None:
    flags = ("--set", f"compute.cache={tmp_path / 'cache'}")
    with (
        LocalServer(tmp_path / "data", *flags) as server,
        Client(server.address, server.user, server.passphrase) as user,
    ):
        table = user.upload_csv("table", b"value,kind\n1,1\n2,0\n3,1\n")
        cluster = user.create_cluster("first", TEMPLATE.replace("settings:\n", "settings:\n    growth: synapse\n"))
        bindings = {"picture_hex": table["value"]}, {"label_hex": table["kind"]}
        task = user.train(cluster, *bindings, wait=False)
        told = set()
        while (found := user.task(task)).state in ("queued", "active"):
            told.add(found.waiting)
            time.sleep(0.1)
        assert found.state == "finished"
        assert found.waiting is None
        assert any(text and "waits for host 'cpu0', which compiles its kernels" in text for text in told), told
