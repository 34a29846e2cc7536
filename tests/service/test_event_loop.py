"""The event loop of a host touches neither files nor the database, whatever happens to the sockets that it serves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, DirectIO
from hanami_sdk.hanami_exceptions import DirectIOException
from hanami_server.demo.scenario import TEMPLATE
from tests.local import LocalServer
from tests.server.harness import install, until

HERE = Path(__file__).parent / "audit"
NOT_DIRECT = "the cluster is not in direct mode"
PICTURE, LABEL = {"picture_hex": [1.0, 0.0, 0.5]}, {"label_hex": [1.0, 0.0]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server whose sidecar is audited, and that stores and evicts networks all the time."""
    folder = install(tmp_path_factory.mktemp("audit"), {"hanami.plugins": {"loop_audit": "loop_audit"}}, "loop-audit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), str(HERE), os.getenv("PYTHONPATH", "")])))
        flags = ("--set", "clusters.store=0.05", "--set", "clusters.idle=1")
        with LocalServer(tmp_path_factory.mktemp("server") / "data", *flags) as running:
            yield running


class Audit:
    """Switches the audit of a server on and off."""

    def __init__(self, data_dir: Path) -> None:
        self.order, self.begun, self.report = (data_dir / name for name in ("audit", "audit.begun", "audit.json"))

    def __enter__(self) -> Audit:
        self.order.touch()
        until(self.begun.exists)
        return self

    def __exit__(self, *_: object) -> None:
        self.order.unlink()
        until(self.report.exists)
        told = json.loads(self.report.read_text())
        self.report.unlink()
        assert told["calls"] > 20, "nothing was audited"
        assert told["found"] == [], told["found"][0]


def connect(client: Client, uuid: str) -> DirectIO:
    return DirectIO(client.open_socket("cluster", uuid, DirectIOException))


def refusal(live: DirectIO) -> str:
    """Return why a frame is refused, or nothing if it is not."""
    try:
        live.request(PICTURE)
    except DirectIOException as error:
        return str(error)
    return ""


def test_direct_io_meets_no_file_and_no_database(server: LocalServer) -> None:
    with Client(server.address, server.user, server.passphrase) as client:
        cluster, heavy = (client.create_cluster(name, TEMPLATE) for name in ("audited", "heavy"))
        with Audit(server.data_dir), connect(client, cluster.uuid) as live, connect(client, heavy.uuid) as wide:
            assert refusal(live) == NOT_DIRECT
            for one in (cluster, heavy):
                client.set_mode(one, "DIRECT")
            for _ in range(30):
                live.train(PICTURE, LABEL)
                live.request(PICTURE)
            wide.train({"picture_hex": [0.5] * 50_000}, {"label_hex": [0.0] * 20_000})
            assert len(wide.request({"picture_hex": [0.5] * 50_000})) == 20_000
            client.set_mode(cluster, "TASK")
            assert refusal(live) == NOT_DIRECT
            checkpoint = client.save(cluster, "audited")
            client.restore(cluster, checkpoint)
            client.set_mode(cluster, "DIRECT")
            assert len(live.request(PICTURE)) == 2
            with pytest.raises(DirectIOException):
                live.request({"nothing": [1.0]})
            client.delete_cluster(cluster)
            until(lambda: refusal(live) == NOT_DIRECT)


def test_uploads_are_written_elsewhere(server: LocalServer, small_digits: tuple[Path, Path]) -> None:
    with Client(server.address, server.user, server.passphrase) as client, Audit(server.data_dir):
        client.upload_mnist("audited digits", *small_digits)
        client.upload_csv("audited table", b"a,b\n" + b"1,2\n" * 200_000)


def test_the_audit_finds_what_it_looks_for(server: LocalServer) -> None:
    """A target of the auditing plugin writes in the event loop."""
    with Client(server.address, server.user, server.passphrase) as client:
        with pytest.raises(AssertionError, match="open"), Audit(server.data_dir):
            socket = client.open_socket("audited", "x", DirectIOException)
            for _ in range(30):
                assert socket.exchange(b"write") == b"written"
            socket.close()
