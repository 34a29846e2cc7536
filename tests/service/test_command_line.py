"""Commands that go beyond those of OpenHanami, against a real server."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest

from hanami_cli import hanamictl
from hanami_sdk import Client, Cluster, Dataset, hosts
from hanami_sdk.aio import AsyncClient
from hanami_server.local import LocalServer
from tests.service.conftest import Ctl


def test_whoami(ctl: Ctl, server: LocalServer) -> None:
    known = json.loads(ctl("whoami", "-j"))
    assert (known["address"], known["id"], known["is_admin"]) == (server.address, server.user, True)
    assert known["projects"][0]["project_id"] == "admin"
    assert server.user in ctl("whoami")


def test_a_token_for_other_programs(ctl: Ctl, server: LocalServer) -> None:
    for project in ([], ["--project", "admin"]):
        token = ctl("token", "renew", *project).strip()
        assert json.loads(hosts.list_hosts(token, server.address))["body"]


def test_logs(ctl: Ctl) -> None:
    ctl("project", "create", "-n", "for the log", "log_project")
    ctl("project", "delete", "log_project")
    audited = json.loads(ctl("logs", "audit", "-j"))
    assert audited["header"] == ["created_at", "user_id", "endpoint", "request_type"]
    pages = [audited["body"]]
    while pages[-1]:
        pages.append(json.loads(ctl("logs", "audit", "-j", "--page", str(len(pages))))["body"])
    assert ["v1.0alpha/project", "DELETE"] in [row[2:] for page in pages for row in page]
    assert json.loads(ctl("logs", "error", "-j", "--page", "700"))["body"] == []
    assert "COMPONENT" in ctl("logs", "error")


def test_a_whole_log(ctl: Ctl, client: Client) -> None:
    whole = json.loads(ctl("logs", "audit", "--all", "-j"))
    pages = [client.audit_log(page) for page in range(len(whole["body"]) // 100 + 1)]
    assert [list(row.values()) for page in pages for row in page] == whole["body"]


def test_the_machine(ctl: Ctl, capsys: pytest.CaptureFixture[str]) -> None:
    machine = json.loads(ctl("system", "info", "-j"))["info"]
    cores = sum(len(package["cores"]) for package in machine["packages"])
    header, line = ctl("system", "info", "--output", "csv").splitlines()
    found = dict(zip(header.split(","), line.split(","), strict=True))
    assert (found["hostname"], found["cores"]) == (machine["hostname"], str(cores))
    assert any(line.startswith("cpu0/") for line in ctl("system", "threading", "--output", "csv").splitlines())
    for what in ("power", "temperature", "speed"):
        code = hanamictl.main(["measurements", what, "--output", "csv"])
        out, err = capsys.readouterr()
        spans = [line.split(",")[0] for line in out.splitlines()]
        assert code or spans == ["span", "seconds", "minutes", "hours", "days"]
        assert not code or "is not available on this machine" in err


def test_names_the_old_notation_and_waiting(ctl: Ctl, client: Client) -> None:
    """Without a template, the first training makes the hexagons, which v0.5.0 wants named like the columns."""
    copy = client.upload_mnist("digits with a name", *SMALL_IDX)
    ctl("cluster", "create", "cluster with a name")
    links = ["-i", "picture:digits with a name", "-c", "cluster with a name", "--wait", "-j"]
    trained = json.loads(ctl("task", "create", "train", *links, "-o", "label:digits with a name", "lesson"))
    assert (trained["state"], trained["current_cycle"]) == ("finished", 4)
    ctl("task", "create", "request", *links, "-r", "label:old exam", "some task")
    assert len(json.loads(ctl("dataset", "content", "old exam", "-c", "old exam", "-n", "4", "-j"))) == 4
    saved = json.loads(ctl("cluster", "save", "cluster with a name", "-n", "saved with a name", "--wait", "-j"))
    assert client.checkpoint(saved["uuid"]).name == "saved with a name"
    assert "UUID" in ctl("cluster", "restore", "cluster with a name", "-c", "saved with a name", "--wait")
    for noun, name in (("checkpoint", "saved"), ("cluster", "cluster"), ("dataset", "digits")):
        ctl(noun, "delete", f"{name} with a name")
    ctl("dataset", "delete", "old exam")
    assert copy.uuid not in {row.uuid for row in client.datasets()}


SMALL_IDX = (
    b"\0\0\x08\x03" + struct.pack(">3I", 4, 28, 28) + bytes(range(196)) * 16,
    b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes(range(4)),
)


@pytest.fixture
def reader(client: Client, cluster: Cluster, dataset: Dataset) -> Cluster:
    """A cluster that has seen some digits."""
    client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
    return cluster


def test_one_row(ctl: Ctl, client: Client, reader: Cluster, dataset: Dataset) -> None:
    (picture,) = client.dataset_content(dataset, "picture")
    numbers = ",".join(map(str, picture))
    ((*values,),) = json.loads(ctl("cluster", "direct", reader.uuid, "-v", f"picture_hex={numbers}", "-j"))
    with client.direct(reader) as live:
        assert live.request({"picture_hex": picture}) == pytest.approx(values)


def test_coroutines(server: LocalServer, reader: Cluster, dataset: Dataset) -> None:
    async def story() -> None:
        async with AsyncClient(server.address, server.user, server.passphrase) as client:
            links = {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}
            trained, listed = await asyncio.gather(client.train(reader, *links), client.clusters())
            assert trained.finished
            assert reader.uuid in [cluster.uuid for cluster in listed]
            (picture,) = await client.dataset_content(dataset, "picture")
            async with client.direct(reader) as live:
                answers = await asyncio.gather(*(live.request({"picture_hex": picture}) for _ in range(5)))
            assert answers == [answers[0]] * 5

    asyncio.run(story())
