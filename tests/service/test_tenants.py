"""Whatever a route does, it refuses the anonymous, and a stranger finds nothing and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from falcon import inspect as falcon_inspect

from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_sdk import Client, Cluster, Dataset
from hanami_server.app import create_app
from hanami_server.local import LocalServer
from tests.service.wire import holdings

ANONYMOUS = {
    ("POST", "/v1.0alpha/token"),
    ("POST", "/control/v1/token"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
}
STRANGER = ("stranger", "a long passphrase")


def all_routes(data_dir: Path) -> list[tuple[str, str]]:
    """Return every (method, path) that falcon knows."""
    runtime = Runtime.open(data_dir, "migrate", environ={}, plugins=PluginHost(installed_plugins()))
    try:
        found = falcon_inspect.inspect_app(create_app(runtime)).routes
        methods = [(m.method, route.path) for route in found for m in route.methods if not m.internal]
    finally:
        runtime.close()
    return sorted(method for method in methods if method[0] in ("GET", "POST", "PUT", "DELETE"))


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return all_routes(tmp_path_factory.mktemp("routes"))


def test_every_route_refuses_without_a_token(server: LocalServer, routes: list[tuple[str, str]]) -> None:
    assert len(routes) > 30
    for method, path in routes:
        if (method, path) in ANONYMOUS:
            continue
        for headers in ({}, {"X-Auth-Token": ""}, {"X-Auth-Token": "a.b.c"}):
            answer = requests.request(method, server.address + path, headers=headers, data="{}", timeout=10)
            assert answer.status_code == 401, (method, path)


@pytest.fixture(scope="module")
def stranger(server: LocalServer) -> Iterator[Client]:
    """Return a member of another project."""
    with Client(server.address, server.user, server.passphrase) as admin:
        admin.create_project("strange", "Strange")
        admin.create_user(STRANGER[0], "Stranger", STRANGER[1])
        admin.add_to_project(STRANGER[0], "strange", "member")
        with Client(server.address, *STRANGER) as other:
            yield other


def test_a_stranger_finds_and_changes_nothing(
    server: LocalServer,
    client: Client,
    stranger: Client,
    dataset: Dataset,
    cluster: Cluster,
    routes: list[tuple[str, str]],
) -> None:
    client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
    task = client.tasks(cluster)[0]
    checkpoint = client.save(cluster, "mine")
    values: dict[str, Any] = {
        "cluster_uuid": cluster.uuid,
        "checkpoint_uuid": checkpoint.uuid,
        "reference_uuid": dataset.uuid,
        "host_uuid": client.hosts()[0].uuid,
        "new_state": "DIRECT",
        "column_name": "picture",
        "inputs": [{"dataset_uuid": dataset.uuid, "dataset_column": "picture", "hexagon_name": "picture_hex"}],
        "outputs": [{"dataset_uuid": dataset.uuid, "dataset_column": "label", "hexagon_name": "label_hex"}],
        "results": [{"dataset_column": "answer", "hexagon_name": "label_hex"}],
        "uuid_input_file": dataset.uuid,
        "uuid_label_file": dataset.uuid,
    }
    own = {"dataset": dataset.uuid, "checkpoint": checkpoint.uuid, "task": task.uuid}
    needs = fields_of(server, stranger)
    token = stranger_token(server)
    before = holdings(server.data_dir)
    for method, path in routes:
        noun = path.split("/")[2] if path.count("/") > 1 else ""
        given = values | {"uuid": own.get(noun, cluster.uuid), "name": "stolen"}
        body = {key: given[key] for key in needs(method, path) if key in given}
        if (
            set(needs(method, path)) - set(given)
            or not body
            or (path.endswith(("/cluster", "/token")) and method != "GET")
        ):
            continue
        if not set(body) & {"uuid", "cluster_uuid"}:
            continue
        kwargs: Any = {"params": body} if method in ("GET", "DELETE") else {"json": body}
        answer = requests.request(method, server.address + path, headers={"X-Auth-Token": token}, timeout=10, **kwargs)
        assert answer.status_code in (401, 404), (method, path, answer.status_code, answer.text)
    assert holdings(server.data_dir) == before
    assert stranger.datasets() == stranger.clusters() == stranger.checkpoints() == []


def stranger_token(server: LocalServer) -> str:
    from hanami_sdk import hanami_token

    return hanami_token.request_token(server.address, *STRANGER)


def fields_of(server: LocalServer, stranger: Client) -> Any:
    """Return a function that tells the required fields of a route, read from the routes themselves."""
    host = PluginHost(installed_plugins())
    runtime = Runtime.open(server.data_dir, "api", environ={}, plugins=host)
    table = {
        bound.key: [field.name for field in msgspec.structs.fields(bound.route.request) if field.required]
        for bound in runtime.routes
        if bound.route.request is not None
    }
    runtime.close()
    return lambda method, path: table.get((method, path), [])


def test_request_structs_hold_no_path_and_accept_no_unknown_field(tmp_path: Path) -> None:
    host = PluginHost(installed_plugins())
    runtime = Runtime.open(tmp_path, "migrate", environ={}, plugins=host)
    for bound in runtime.routes:
        route = bound.route
        assert route.request is not None, bound.path
        assert route.request.__struct_config__.forbid_unknown_fields
        for name in route.request.__struct_fields__:
            assert not {"path", "file", "url", "location", "directory"} & (set(name.split("_")) - {"file"}), (
                route.path,
                name,
            )
    runtime.close()
