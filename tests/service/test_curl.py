"""The commands that ``/docs`` shows, run by a shell against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hanami_core.ids import EXAMPLE_UUID
from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.service.wire import Wire

PREFIX = "/v1.0alpha"


class Shell:
    """Runs the commands of an Api's document."""

    def __init__(self, server: LocalServer, directory: Path, api: str = "native") -> None:
        with urllib.request.urlopen(f"{server.address}/openapi.json?api={api}") as answer:
            self.document = json.load(answer)
        self.api = server.address + self.document["x-prefix"]
        self.directory = directory
        self.token = ""

    def __call__(self, method: str, path: str, **values: str) -> Any:
        """Run the command of a call, with other values for parts of the example, and return its JSON or text."""
        source: str = self.document["paths"][path][method.lower()]["x-codeSamples"][0]["source"]
        for example, value in {"uuid": EXAMPLE_UUID, "name": '"reader"'}.items():
            source = source.replace(value, values.get(example, value))
        command = source.replace("curl ", "curl -w '%{stderr}%{http_code}' ", 1)
        variables = {"API": self.api, "TOKEN": self.token}
        done = subprocess.run(
            ["sh", "-c", command],
            env=os.environ | variables,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.endswith("200"), (source, done.stdout, done.stderr)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout


@pytest.fixture
def shell(server: LocalServer, wire: Wire, tmp_path: Path) -> Shell:
    """The commands of the native API, for the admin."""
    found = Shell(server, tmp_path)
    found.token = wire.token
    return found


def test_a_newcomer_gets_a_project_logs_in_and_leaves(shell: Shell, wire: Wire) -> None:
    assert shell("POST", f"{PREFIX}/project")["id"] == "flower_shop"
    assert shell("POST", f"{PREFIX}/user")["id"] == "katherine"
    assert shell("POST", f"{PREFIX}/user/project")["projects"][0]["project_id"] == "flower_shop"
    shell.token = shell("POST", f"{PREFIX}/token")["token"]
    assert shell("GET", f"{PREFIX}/auth")["project_id"] == "flower_shop"
    assert "token" in shell("PUT", f"{PREFIX}/token")
    shell.token = wire.token
    assert shell("PUT", f"{PREFIX}/quota")["quotas"]
    assert shell("DELETE", f"{PREFIX}/quota") == {}
    assert shell("DELETE", f"{PREFIX}/user/project")["projects"] == []
    assert shell("DELETE", f"{PREFIX}/user") == shell("DELETE", f"{PREFIX}/project") == {}


def test_a_cluster_is_created_changed_and_deleted(shell: Shell) -> None:
    cluster = shell("POST", f"{PREFIX}/cluster", name='"by curl"')
    assert cluster["name"] == "by curl"
    uuid = cluster["uuid"]
    assert shell("GET", f"{PREFIX}/cluster", uuid=uuid)["number_of_blocks"] == 0
    assert shell("PUT", f"{PREFIX}/cluster/labels", uuid=uuid)["tags"] == ["mnist", "digits"]
    assert shell("PUT", f"{PREFIX}/cluster/visibility", uuid=uuid)["visibility"] == "shared"
    assert shell("GET", f"{PREFIX}/task/all", uuid=uuid)["body"] == []
    assert uuid in [row[1] for row in shell("GET", f"{PREFIX}/cluster/all")["body"]]
    assert shell("DELETE", f"{PREFIX}/cluster", uuid=uuid) == {}


def test_a_dataset_is_downloaded_as_a_file(shell: Shell, client: Client, tmp_path: Path) -> None:
    dataset = client.upload_csv("by curl", b"a,label\n" + b"1,2\n" * 10)
    assert shell("GET", f"{PREFIX}/dataset/content", uuid=dataset.uuid) == {"data": [[2.0]] * 10}
    shell("GET", f"{PREFIX}/dataset/file", uuid=dataset.uuid)
    assert (tmp_path / "file").read_bytes().startswith(b"a,label")
    assert shell("DELETE", f"{PREFIX}/dataset", uuid=dataset.uuid) == {}


def test_what_needs_no_fields_is_read(shell: Shell, server: LocalServer, tmp_path: Path) -> None:
    for path in ("/dataset/all", "/checkpoint/all", "/host/all", "/quota", "/system_info", "/audit_log", "/user/all"):
        assert shell("GET", f"{PREFIX}{path}")
    assert shell("GET", "/openapi.json") == shell.document
    assert "<title>Hanami API</title>" in shell("GET", "/docs")
    inference = Shell(server, tmp_path, "inference")
    assert inference("GET", "/v2/health/live") == {"live": True}
    assert inference("GET", "/v2")["name"] == "hanami"
