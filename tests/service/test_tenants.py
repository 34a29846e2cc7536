"""Whatever a route does, it refuses the anonymous, and a stranger finds nothing and changes nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import websocket
from falcon import inspect as falcon_inspect

from hanami_core.http import BoundRoute
from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_sdk import Client, Cluster, Dataset
from hanami_server.app import create_app
from hanami_server.local import LocalServer
from tests.service.routes import every_route, fields_of, names_something
from tests.service.wire import holdings, settled

ANONYMOUS = {
    ("POST", "/v1.0alpha/token"),
    ("POST", "/control/v1/token"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/backendai"),
    ("GET", "/backendai/manager/announcement"),
    ("GET", "/backendai/manager/status"),
    ("POST", "/backendai/auth/authorize"),
    ("POST", "/backendai/server/login"),
    ("POST", "/backendai/server/login-check"),
    ("POST", "/backendai/server/logout"),
    ("GET", "/backendai/storage/download"),
    ("PATCH", "/backendai/storage/upload"),
    ("DELETE", "/backendai/storage/upload"),
}
INSIDE = {
    f"/v1.0alpha/{name}"
    for name in (
        *("folder/directory", "folder/file", "folder/file/name", "folder/file/path", "folder/files", "folder/upload"),
        "dataset/export",
    )
}
"""Routes whose paths are those inside of a folder; what may stand there is tested with the plugin."""
TENSORS = {"/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"}
"""What reads its body itself, which is not JSON alone."""
INSIDE_FOLDERS = "backendai_folders."
NEVER_OPENED = ("unmanaged_path", "fs_location")
"""What released clients may send and no route looks at but to refuse it."""
INSIDE_SESSIONS = ("backendai_dotfiles.", "backendai_group_dotfiles.", "backendai_domain_dotfiles.")
"""Actions whose paths are those of files in sessions, which the server keeps as a text and never opens."""
STRANGER = ("stranger", "a long passphrase")


def all_routes(data_dir: Path) -> list[tuple[str, str]]:
    """Return every (method, path) that falcon knows."""
    runtime = Runtime.open(data_dir, "migrate", environ={}, plugins=PluginHost(installed_plugins()))
    try:
        found = falcon_inspect.inspect_app(create_app(runtime)).routes
        methods = [(m.method, route.path) for route in found for m in route.methods if not m.internal]
    finally:
        runtime.close()
    return sorted(method for method in methods if method[0] in ("GET", "POST", "PUT", "PATCH", "DELETE"))


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return all_routes(tmp_path_factory.mktemp("routes"))


def test_every_route_refuses_without_a_token(server: LocalServer, routes: list[tuple[str, str]]) -> None:
    assert len(routes) > 30
    short = [(method, path.removeprefix("/control")) for method, path in routes if path.startswith("/control/v1/")]
    assert len(short) > 30
    for method, path in [*routes, *short]:
        if (method, path) in ANONYMOUS | {("POST", "/v1/token")}:
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


@pytest.fixture(scope="module")
def bound(server: LocalServer) -> list[BoundRoute]:
    """Every route of every Api that has fields, with its request struct."""
    return every_route(server.data_dir)


@pytest.fixture
def foreign(client: Client, dataset: Dataset, cluster: Cluster) -> Iterator[dict[str, str]]:
    """Identities of somebody else's resources, by the noun that stands in paths."""
    client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
    result = client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})
    pair = client.create_keypair("mine")
    yield {
        "cluster": cluster.uuid,
        "dataset": dataset.uuid,
        "task": client.tasks(cluster)[0].uuid,
        "checkpoint": client.save(cluster, "mine").uuid,
        "folder": client.create_folder(f"mine-{cluster.uuid[:8]}").uuid,
        "request_result": result.uuid,
        "keypair": pair.access_key,
    }
    client.delete_keypair(pair.access_key)


def test_a_stranger_finds_and_changes_nothing(
    server: LocalServer, client: Client, stranger: Client, foreign: dict[str, str], bound: list[BoundRoute]
) -> None:
    known = foreign | {"host": client.hosts()[0].uuid, "user": server.user, "project": "admin"}
    tokens = Tokens(server)
    before = settled(server.data_dir)
    tried: set[str] = set()
    for one in bound:
        if one.route.anonymous or not names_something(one):
            continue
        answer = tokens.call(one, fields_of(one, known))
        assert answer.status_code in (401, 404), (one.key, answer.status_code, answer.text)
        tried.add(one.api.name)
    assert holdings(server.data_dir) == before
    assert tried >= {"native", "control_v1"}
    seen = [*stranger.datasets(), *stranger.clusters(), *stranger.checkpoints()]
    assert {one.visibility for one in seen} <= {"public"}  # other tests may have left something for everybody
    assert not {one.uuid for one in seen} & set(foreign.values())
    assert stranger.keypairs() == []


def test_no_list_shows_a_stranger_what_is_not_his(
    server: LocalServer, stranger: Client, foreign: dict[str, str], bound: list[BoundRoute]
) -> None:
    tokens, seen = Tokens(server), 0
    for one in bound:
        needs = [field.name for field in msgspec.structs.fields(one.route.request) if field.required]
        if one.route.method != "GET" or one.route.anonymous or needs:
            continue
        answer = tokens.call(one, {})
        seen += 1
        assert not [uuid for uuid in foreign.values() if uuid in answer.text], one.key
    assert seen > 10


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("prefix", ["/v1.0alpha", "/control/v1"])
def test_no_socket_of_a_stranger_reaches_what_is_not_his(
    server: LocalServer, foreign: dict[str, str], prefix: str
) -> None:
    token = Tokens(server)[prefix]
    before = settled(server.data_dir)
    socket = websocket.create_connection(server.address.replace("http", "ws"), timeout=10)
    with contextlib.closing(socket):
        for target, text in (("cluster", "Cluster with UUID '{}' not found"), ("file_upload", "Tempfile with UUID")):
            socket.send(json.dumps({"token": token, "target": target, "uuid": foreign["cluster"]}))
            answer = json.loads(socket.recv())
            assert answer["success"] is False
            assert answer["error"].startswith(text.format(foreign["cluster"]))
    assert holdings(server.data_dir) == before


class Tokens(dict[str, str]):
    """Tokens of the stranger by the prefix of the Api that has issued them."""

    def __init__(self, server: LocalServer) -> None:
        super().__init__()
        self._server = server

    def __missing__(self, prefix: str) -> str:
        login = {"id": STRANGER[0], "password": STRANGER[1]}
        answer = requests.post(f"{self._server.address}{prefix}/token", json=login, timeout=10)
        # An Api without a login of its own is called with the native one.
        self[prefix] = answer.json()["token"] if answer.ok else self["/v1.0alpha"]
        return self[prefix]

    def call(self, one: BoundRoute, fields: dict[str, Any]) -> requests.Response:
        """Call a route as a client of its Api does."""
        kwargs: Any = {"params": fields} if one.route.method in ("GET", "DELETE") else {"json": fields}
        headers = {"X-Auth-Token": self[one.api.prefix]}
        return requests.request(
            one.route.method, self._server.address + one.path, headers=headers, timeout=10, **kwargs
        )


def test_request_structs_hold_no_path_and_accept_no_unknown_field(tmp_path: Path) -> None:
    host = PluginHost(installed_plugins())
    runtime = Runtime.open(tmp_path, "migrate", environ={}, plugins=host)
    for bound in runtime.routes:
        route = bound.route
        if bound.path in TENSORS or route.action == "backendai.lacking":  # which reads nothing
            continue
        assert route.request is not None, bound.path
        assert route.request.__struct_config__.forbid_unknown_fields
        for name in route.request.__struct_fields__:
            if name in ("path", "target_path") and (route.action.startswith(INSIDE_SESSIONS) or bound.path in INSIDE):
                continue
            if route.action.startswith(INSIDE_FOLDERS) and name in ("path", "target_path", *NEVER_OPENED):
                continue
            assert not {"path", "file", "url", "location", "directory"} & (set(name.split("_")) - {"file"}), (
                route.path,
                name,
            )
    runtime.close()
