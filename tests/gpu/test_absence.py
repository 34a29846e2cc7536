"""Servers without a GPU that they could use: they run, and say why they do without."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from hanami_sdk import Client
from tests.gpu.kit import described
from tests.local import LocalServer
from tests.server.harness import hanami


def remark(data_dir: Path, **variables: str) -> str:
    """Return what ``hanami plugins`` says of the plugin."""
    shown = hanami("plugins", "--data-dir", str(data_dir), env={**os.environ, **variables})
    assert shown.returncode == 0, shown.stderr
    (row,) = [line for line in shown.stdout.splitlines() if line.startswith("host_cupy ")]
    assert " active " in row
    return row


def test_where_there_is_none_the_plugin_says_so(tmp_path: Path) -> None:
    row = remark(tmp_path, CUDA_VISIBLE_DEVICES="")
    assert "no GPU was found" in row or "hides every GPU" in row


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_without_cupy_the_host_says_so_and_everything_else_runs(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data", "--set", "host_cupy.hosts=1") as server:
        assert described(server, healthy=False).reason == "CuPy is not installed, see docs/gpu.md"
        with Client(server.address, server.user, server.passphrase) as client:
            listed = [(host.name, host.state) for host in client.hosts()]
            assert listed == [("cpu0", "ready"), ("gpu0", "unavailable: CuPy is not installed, see docs/gpu.md")]
            table = client.upload_csv("table", b"a,b\n1,0\n2,1\n")
            cluster = client.create_cluster("cluster")
            client.train(cluster, {"a": table["a"]}, {"b": table["b"]})
            assert client.cluster(cluster).host == "cpu0"
        assert "gpu0: CuPy is not installed" in remark(server.data_dir)
