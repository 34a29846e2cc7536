"""Names as people give them: kept, found again, and shown everywhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.clusters import Cluster
from tests.plugins.test_native_routes import feed, ready, trained, uploaded

NAMES = ["x", "2nd-run", "run.1", "my run #1", "Größe (5)", "花見 🌸", "हिन्दी", "a..b", "100+1@home"]
UUID = "abcdef01-0000-4000-8000-000000000000"
DECOMPOSED = "Gro\u0308\u00dfe"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeApp]:
    with NativeApp(Path(tmp_path_factory.mktemp("app")) / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture(scope="module")
def cluster(app: NativeApp) -> str:
    return trained(app)


def infer(app: NativeApp, name: str) -> Any:
    return app.http.simulate_get(f"/v2/models/{quote(name, safe='')}", headers={"X-Auth-Token": app.token})


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_found_by_any_name(app: NativeApp, cluster: str, name: str) -> None:
    Cluster.update(name=name).where(Cluster.uuid == cluster).execute()
    answer = infer(app, name)
    assert answer.status_code == 200, answer.text
    assert answer.json["inputs"][0]["name"] == "in"
    Cluster.update(name="mine").where(Cluster.uuid == cluster).execute()


@pytest.mark.parametrize("name", NAMES)
def test_each_thing_can_have_any_name(app: NativeApp, cluster: str, name: str) -> None:
    created = app.call("POST", "cluster", name=name).json
    assert created["name"] == app.call("GET", "cluster", uuid=created["uuid"]).json["name"] == name
    assert app.call("DELETE", "cluster", uuid=created["uuid"]).status_code == 200
    saved = app.call("POST", "cluster/save", name=name, cluster_uuid=cluster).json
    ready(app, saved["uuid"])
    assert saved["name"] == app.call("GET", "checkpoint", uuid=saved["uuid"]).json["name"] == name
    sent = app.call("GET", "checkpoint/file", uuid=saved["uuid"])
    assert sent.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name)}.hanami"


def test_what_looks_the_same_is_the_same(app: NativeApp) -> None:
    created = app.call("POST", "cluster", name=DECOMPOSED).json
    assert created["name"] == unicodedata.normalize("NFC", DECOMPOSED)
    again = app.call("POST", "cluster", name=unicodedata.normalize("NFC", DECOMPOSED))
    assert again.status_code == 409
    assert infer(app, DECOMPOSED).status_code == infer(app, created["name"]).status_code == 200
    app.call("DELETE", "cluster", uuid=created["uuid"])


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "..", "a\u202eb", "a\nb", UUID, UUID.upper()])
def test_a_refusal_says_what_is_allowed_and_changes_nothing(app: NativeApp, name: str) -> None:
    before = app.call("GET", "cluster/all").json
    answer = app.call("POST", "cluster", name=name)
    assert answer.status_code == 400
    assert "'name'" in answer.text
    assert "letters and digits of any language" in answer.text
    assert app.call("GET", "cluster/all").json == before


def test_an_address_of_mail_is_a_user(app: NativeApp) -> None:
    user = "ada.lovelace+net@example-1.org"
    token = app.member(user, "home_project")
    assert app.call("GET", "user", id=user).json["name"] == user
    uuid = app.call("POST", "cluster", as_token=token, name="my net").json["uuid"]
    assert app.call("GET", "cluster", uuid=uuid).json["owner_id"] == user
    log = app.call("GET", "audit_log", page=0, user_id=user).json
    assert [row[1] for row in log["body"]] == [user]


def test_tasks_have_any_name(app: NativeApp, cluster: str) -> None:
    dataset = uploaded(app)
    fields = {"inputs": [feed(dataset, "in", "a")], "outputs": [feed(dataset, "out", "a")]}
    task = app.call("POST", "task/train", name="lesson #1: no", cluster_uuid=cluster, **fields)
    assert task.status_code == 400
    task = app.call("POST", "task/train", name="レッスン #1", cluster_uuid=cluster, **fields).json
    ready(app, task["uuid"])
    assert task["name"] == "レッスン #1"
