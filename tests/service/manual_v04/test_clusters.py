"""Clusters, checkpoints and hosts of v0.4."""

from __future__ import annotations

import json

import pytest

from hanami_sdk.v04 import (
    checkpoint,
    cluster,
    hanami_exceptions,
    hosts,
    request_result,
    task,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import ABSENT, OWNED, TEMPLATE, UUID, Login, finish, table


def test_a_cluster(login: Login, server: LocalServer) -> None:
    created = json.loads(cluster.create_cluster(*login, "test_cluster", TEMPLATE))
    expected = {"name": "test_cluster", "owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert created == expected | {"uuid": UUID}
    uuid = created["uuid"]
    with pytest.raises(hanami_exceptions.ConflictException, match="'test_cluster' already exist"):
        cluster.create_cluster(*login, "test_cluster", TEMPLATE)
    assert json.loads(cluster.get_cluster(*login, uuid)) == created
    rows = table(cluster.list_clusters(*login), OWNED)
    assert [uuid, "admin", server.user, "private", "test_cluster"] in rows
    assert json.loads(cluster.delete_cluster(*login, uuid)) == {}
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.delete_cluster(*login, uuid)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (TEMPLATE.replace("version: 1", "version: 2"), "line 1"),
        (TEMPLATE.replace("3,1,1", "2,1,1"), "line 8.*twice"),
        (TEMPLATE.replace("784", "0"), "line 5.*number_of_neurons"),
        (TEMPLATE.replace("3,1,1", "9,9,9"), "line 8.*no neighbour"),
    ],
)
def test_templates_that_are_refused(login: Login, template: str, text: str) -> None:
    with pytest.raises(hanami_exceptions.BadRequestException, match=text):
        cluster.create_cluster(*login, "test_cluster", template)


def test_checkpoints(login: Login, server: LocalServer, digits: str, network: str) -> None:
    finish(login, task.create_task(*login, "test_task", "train", network, digits), network)
    before = answers(login, network, digits)

    saved = json.loads(cluster.save_cluster(*login, "test_checkpoint", network))
    assert saved == {"name": "test_checkpoint", "uuid": UUID}
    rows = table(checkpoint.list_checkpoints(*login), OWNED)
    assert [saved["uuid"], "admin", server.user, "private", "test_checkpoint"] in rows
    found = json.loads(checkpoint.get_checkpoint(*login, saved["uuid"]))
    assert found == {"location": "", "name": "test_checkpoint", "uuid": saved["uuid"]}

    other = json.loads(cluster.create_cluster(*login, "restored cluster", TEMPLATE))["uuid"]
    restored = cluster.restore_cluster(*login, saved["uuid"], other)
    assert json.loads(restored) == {"uuid": UUID}
    assert json.loads(checkpoint.delete_checkpoint(*login, saved["uuid"])) == {}
    finish(login, restored, other)
    assert answers(login, other, digits) == before
    cluster.delete_cluster(*login, other)
    with pytest.raises(hanami_exceptions.NotFoundException, match="Chekckpoint"):
        checkpoint.delete_checkpoint(*login, saved["uuid"])
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.restore_cluster(*login, ABSENT, network)


def answers(login: Login, cluster_uuid: str, digits: str) -> list[int]:
    """Return what a cluster takes the digits for."""
    asked = finish(login, task.create_task(*login, "answers", "request", cluster_uuid, digits), cluster_uuid)
    data = json.loads(request_result.get_request_result(*login, asked))["data"]
    request_result.delete_request_result(*login, asked)
    return list(data)


def test_hosts(login: Login, server: LocalServer, network: str) -> None:
    rows = table(hosts.list_hosts(*login), ["uuid", "type"])
    assert [UUID, "cpu"] in rows
    moved = json.loads(cluster.switch_host(*login, network, rows[0][0]))
    owner = {"owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert moved == owner | {"name": "cluster of v04", "uuid": network}
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Host with uuid '{ABSENT}' not found"):
        cluster.switch_host(*login, network, ABSENT)
