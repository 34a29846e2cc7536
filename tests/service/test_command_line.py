"""Commands that go beyond those of OpenHanami, against a real server."""

from __future__ import annotations

import asyncio
import json

import pytest

from hanami_sdk import Client, Cluster, Dataset, hosts
from hanami_sdk.aio import AsyncClient
from hanami_server.demo.local import LocalServer
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
    assert ["v1.0alpha/project", "DELETE"] in [row[2:] for row in audited["body"]]
    assert json.loads(ctl("logs", "error", "-j", "--page", "7"))["body"] == []
    assert "COMPONENT" in ctl("logs", "error")


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
