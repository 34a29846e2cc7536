"""Other names, tags and a text for people: who may write them, what is refused, and lists of what has a tag."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_plugins.api_v1_0alpha.testing import NativeApp
from tests.plugins.test_native_routes import ready, trained, uploaded

NOUNS = ["dataset", "cluster", "checkpoint"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeApp]:
    with NativeApp(Path(tmp_path_factory.mktemp("app")) / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture(scope="module")
def things(app: NativeApp) -> dict[str, str]:
    cluster = trained(app)
    saved = app.call("POST", "cluster/save", name="saved", cluster_uuid=cluster).json["uuid"]
    ready(app, saved)
    return {"cluster": cluster, "checkpoint": saved, "dataset": uploaded(app)}


def label(app: NativeApp, noun: str, uuid: str, **labels: Any) -> Any:
    return app.call("PUT", f"{noun}/labels", uuid=uuid, **labels)


def listed(app: NativeApp, noun: str, **more: Any) -> list[dict[str, Any]]:
    answer = app.call("GET", f"{noun}/all", **more).json
    return [dict(zip(answer["header"], row, strict=True)) for row in answer["body"]]


@pytest.mark.parametrize("noun", NOUNS)
def test_labels_are_shown_and_change_one_by_one(app: NativeApp, things: dict[str, str], noun: str) -> None:
    uuid = things[noun]
    made = label(app, noun, uuid, name="花見 #2", tags=["best", "my team", "best"], about="one\nline").json
    assert (made["name"], made["tags"], made["about"]) == ("花見 #2", ["best", "my team"], "one\nline")
    label(app, noun, uuid, tags=["best"])
    shown = app.call("GET", noun, uuid=uuid, details="true").json
    assert (shown["name"], shown["tags"], shown["about"]) == ("花見 #2", ["best"], "one\nline")
    label(app, noun, uuid, tags=[], about="", name="plain")
    shown = app.call("GET", noun, uuid=uuid, details="true").json
    assert (shown["name"], shown["tags"], shown["about"]) == ("plain", [], "")
    assert not {"tags", "about"} & set(app.call("GET", noun, uuid=uuid).json)


@pytest.mark.parametrize("noun", NOUNS)
def test_lists_may_be_of_a_tag(app: NativeApp, things: dict[str, str], noun: str) -> None:
    uuid = things[noun]
    label(app, noun, uuid, tags=["Größe", "my team"])
    for tag in ("Größe", unicodedata.normalize("NFD", "Größe"), "my team"):
        assert [row["uuid"] for row in listed(app, noun, tag=tag)] == [uuid]
    for tag in ("größe", "my", "team", "%", "_", "Gr", "'"):
        assert listed(app, noun, tag=tag) == []
    assert uuid in [row["uuid"] for row in listed(app, noun)]
    (row,) = listed(app, noun, tag="my team", details="true", limit=5)
    assert row["tags"] == ["Größe", "my team"]
    assert list(listed(app, noun, tag="my team")[0])[-1] == "name"


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({}, "one of 'name', 'about' and 'tags' is required"),
        ({"name": None}, "one of 'name', 'about' and 'tags' is required"),
        ({"name": "a/b", "tags": ["new"]}, "'name' is not a valid name"),
        ({"tags": ["new", "a/b"]}, "'tags' has a tag that is not a valid name"),
        ({"tags": ["new", "a\nb"]}, "'tags' has a tag that is not a valid name"),
        ({"tags": ["a" * 65]}, "1 to 64 bytes"),
        ({"tags": [f"tag {number}" for number in range(33)]}, "more than 32 tags"),
        ({"tags": [5]}, "Value-validation failed"),
        ({"about": "a\x1b[31m", "tags": ["new"]}, "'about' has control characters"),
    ],
)
def test_a_refusal_changes_nothing(
    app: NativeApp, things: dict[str, str], noun: str, labels: dict[str, Any], text: str
) -> None:
    before = app.call("GET", noun, uuid=things[noun], details="true").json
    answer = label(app, noun, things[noun], **labels)
    assert answer.status_code == 400
    assert text in answer.text
    assert app.call("GET", noun, uuid=things[noun], details="true").json == before


def test_a_cluster_can_not_take_the_name_of_another_one(app: NativeApp, things: dict[str, str]) -> None:
    other = app.call("POST", "cluster", name="taken").json["uuid"]
    answer = label(app, "cluster", things["cluster"], name="taken", tags=["new"])
    assert (answer.status_code, answer.text) == (409, "Cluster with name 'taken' already exist.")
    assert "new" not in app.call("GET", "cluster", uuid=things["cluster"], details="true").json["tags"]
    assert label(app, "cluster", other, name="taken", tags=["same"]).status_code == 200


@pytest.mark.parametrize("noun", NOUNS)
def test_only_those_who_may_change_a_thing_label_it(app: NativeApp, things: dict[str, str], noun: str) -> None:
    uuid = things[noun]
    token = app.member(f"reader_{noun}", "readers")
    app.call("PUT", f"{noun}/visibility", uuid=uuid, visibility="public")
    assert app.call("GET", noun, as_token=token, uuid=uuid).status_code == 200
    assert app.call("PUT", f"{noun}/labels", as_token=token, uuid=uuid, name="stolen").status_code == 404
    app.call("PUT", f"{noun}/visibility", uuid=uuid, visibility="private")
    assert app.call("GET", noun, as_token=token, uuid=uuid).status_code == 404
    assert label(app, noun, "00000000-0000-4000-8000-000000000000", name="gone").status_code == 404
