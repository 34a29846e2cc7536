"""What advisories about servers of this kind keep reporting, tried here: each is a test with its name."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import requests

from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_sdk import BadRequestException, Client
from hanami_server.local import LocalServer

FOREIGN = {"Host": "attacker.example", "Origin": "http://attacker.example"}
OPEN = {
    ("POST", "/v1.0alpha/token"),
    ("POST", "/control/v1/token"),
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
    ("OPTIONS", "/backendai/storage/upload"),
    ("HEAD", "/backendai/storage/upload"),
    ("GET", "/backendai/storage/download"),
    ("PATCH", "/backendai/storage/upload"),
    ("DELETE", "/backendai/storage/upload"),
}
"""All that needs no login."""


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_in_an_upload_is_never_opened(client: Client, tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    content = pickle.dumps(Canary(canary), protocol)
    for upload in (
        lambda: client.upload_csv("pickle", content),
        lambda: client.upload_mnist("pickle", content, content),
    ):
        with pytest.raises(BadRequestException):
            upload()
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", ["../../outside", "..%2f..%2foutside", "/tmp/outside", "a/../../outside", "a\0outside"]
)
def test_no_name_leaves_the_data_directory(server: LocalServer, client: Client, name: str) -> None:
    before = {path.name for path in server.data_dir.parent.iterdir()}
    with pytest.raises(BadRequestException):
        client.create_cluster(name)
    with pytest.raises(BadRequestException):
        client.upload_csv(name, b"a\n1\n")
    answer = requests.get(f"{server.address}/docs/{name}", timeout=10)
    assert answer.status_code in (400, 401, 404)
    assert {path.name for path in server.data_dir.parent.iterdir()} == before


def test_every_route_wants_a_login_but_those_that_say_so(server: LocalServer) -> None:
    runtime = Runtime.open(server.data_dir, "api", environ={}, plugins=PluginHost(installed_plugins()))
    runtime.close()
    assert {bound.key for bound in runtime.routes if bound.route.anonymous} == OPEN
    for bound in runtime.routes:
        if not bound.route.anonymous:
            answer = requests.request(bound.route.method, server.address + bound.path, timeout=10)
            assert answer.status_code in (400, 401, 403), bound.key


def test_a_page_that_makes_its_name_ours_gets_nothing(server: LocalServer, client: Client) -> None:
    """DNS rebinding: a browser calls this server in the name of a page; no credential of its user goes along."""
    client.hosts()
    for path in ("/v1.0alpha/cluster/all", "/v1.0alpha/user/all", "/control/v1/cluster/all"):
        answer = requests.get(server.address + path, headers=FOREIGN, timeout=10)
        assert answer.status_code == 401
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert "set-cookie" not in answer.headers
    asked = requests.options(
        server.address + "/v1.0alpha/cluster/all",
        headers=FOREIGN | {"Access-Control-Request-Method": "GET"},
        timeout=10,
    )
    assert "access-control-allow-origin" not in asked.headers
