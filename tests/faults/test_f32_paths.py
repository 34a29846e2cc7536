"""F32 leaks to clients: with a canary in the path of the data directory, no answer and no error of a task names it."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import Client
from hanami_server.demo.scenario import TEMPLATE
from tests.local import LocalServer
from tests.server.harness import until
from tests.service.wire import Wire

CANARY = "canary"


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("canary dir") / "canary data") as server:
        yield server


@pytest.fixture
def admin(aviary: LocalServer) -> Iterator[Client]:
    with Client(aviary.address, aviary.user, aviary.passphrase) as client:
        yield client


@pytest.fixture
def talk(aviary: LocalServer) -> Wire:
    return Wire(aviary.address, Wire(aviary.address).login(aviary.user, aviary.passphrase))


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)


def become_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def vanish(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [damage, become_directory, vanish])
def test_what_is_wrong_with_a_stored_file_is_told_without_its_path(
    aviary: LocalServer, admin: Client, talk: Wire, change: Any
) -> None:
    blobs = aviary.data_dir / "blobs"
    before = {path for path in blobs.rglob("*") if path.is_file()}
    dataset = admin.upload_csv("numbers", b"a,b\n1,0\n0,1\n")
    (file,) = {path for path in blobs.rglob("*") if path.is_file()} - before
    cluster = admin.create_cluster(f"c{change.__name__}".replace("_", ""), TEMPLATE)
    mode = {"uuid": cluster.uuid, "new_state": "DIRECT"}
    assert talk.body("PUT", "cluster/set_mode", mode).status == 200  # the task waits
    uuid = admin.train(cluster, {"picture_hex": dataset["a"]}, {"label_hex": dataset["b"]}, wait=False).uuid
    change(file)
    answers = [talk.query("GET", "dataset/content", uuid=dataset.uuid, column_name="a").text]
    assert talk.body("PUT", "cluster/set_mode", mode | {"new_state": "TASK"}).status == 200

    def ended() -> Any:
        found = talk.query("GET", "task", uuid=uuid, cluster_uuid=cluster.uuid)
        return found if found.json["state"] == "failed" else None

    found = until(ended, 15)
    assert found.json["error"]
    answers += [found.text, talk.query("GET", "/health/ready").text]
    answers += [talk.query("GET", "error_log", page=page).text for page in range(2)]
    answers += [talk.query("GET", path).text for path in ("dataset/all", "cluster/all", "/openapi.json")]
    assert [answer for answer in answers if CANARY in answer] == []
    with contextlib.suppress(OSError):
        shutil.rmtree(file)


def test_wrong_calls_are_refused_without_a_path(aviary: LocalServer, talk: Wire) -> None:
    targets = (
        "/",
        "/docs/",
        "/metrics",
        "/../../etc/passwd",
        "/v1.0alpha/%00",
        "/v1.0alpha/dataset?uuid=%2Fetc%2Fpasswd",
    )
    answers = [talk.query(method, target).text for method, target in itertools.product(("GET", "DELETE"), targets)]
    answers += [talk.body("POST", path, b"{").text for path in ("token", "cluster", "dataset/upload/csv", "task/train")]
    assert [answer for answer in answers if CANARY in answer] == []
