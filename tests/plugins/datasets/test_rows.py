"""Lists, visibility and deletion."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_core.access import Actor
from hanami_core.errors import NotFound
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.datasets import (
    Dataset,
)
from tests.plugins.data import ADMIN, ELSEWHERE, OTHER, Site, tree
from tests.plugins.datasets.kit import CSV, refused


def test_lists_hold_what_is_visible_in_order(site: Site) -> None:
    first = site.announce("csv", input=CSV)
    second = site.announce("csv", input=CSV)
    foreign = site.announce("csv", OTHER, input=CSV)
    answer = site.call("GET", "/all")
    assert answer["header"] == ["created_at", "uuid", "project_id", "owner_id", "visibility", "name"]
    assert answer["body"] == [
        [one["created_at"], one["uuid"], "room", "tsugumi", "private", "some data"] for one in (first, second)
    ]
    assert [row[1] for row in site.call("GET", "/all", ADMIN)["body"]] == [
        one["uuid"] for one in (first, second, foreign)
    ]
    assert site.call("GET", "/all", ELSEWHERE)["body"] == []


@pytest.mark.parametrize("actor", [OTHER, ELSEWHERE])
def test_nothing_of_others_is_found_or_changed(site: Site, actor: Actor, tmp_path: Path) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    done = site.upload("csv", input=CSV)
    before = tree(tmp_path)
    text = f"Data-set with uuid '{done}' not found"
    for method, path in (("GET", ""), ("GET", "/progress"), ("DELETE", "")):
        assert refused(site, NotFound, method, path, actor, uuid=done) == text
    assert refused(site, NotFound, "GET", "/content", actor, uuid=done, column_name="first") == text
    assert "Dataset with" in refused(site, NotFound, "GET", "/check", actor, uuid=done, reference_uuid=done)
    with pytest.raises(NotFound):
        site.finish("csv", announced, actor)
    assert tree(tmp_path) == before
    site.finish("csv", announced)


def test_an_admin_may_finalise_for_another(site: Site) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    site.finish("csv", announced, ADMIN)
    assert site.call("GET", "", uuid=announced["uuid"])["owner_id"] == "tsugumi"


def test_deleting_removes_row_and_table(site: Site, tmp_path: Path) -> None:
    uuid = site.upload("csv", input=CSV)
    assert site.call("DELETE", "", uuid=uuid) == {}
    assert refused(site, NotFound, "DELETE", "", uuid=uuid) == f"Data-set with uuid '{uuid}' not found"
    assert site.call("GET", "/all")["body"] == []
    assert tree(tmp_path) == set()
    assert Blob.select().count() == 0


def test_a_table_that_a_task_keeps_outlives_its_dataset(site: Site) -> None:
    uuid = site.upload("csv", input=CSV)
    blob = Dataset.get(Dataset.uuid == uuid).blob
    with atomic():
        site.runtime.blobs.incref(blob)
    site.call("DELETE", "", uuid=uuid)
    with site.runtime.blobs.open(blob) as path:
        assert path.exists()


def test_upper_case_finds_the_dataset(site: Site) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    upper = {name: value.upper() if name.startswith("uuid") else value for name, value in announced.items()}
    assert site.finish("csv", upper) == {"uuid": announced["uuid"]}
    progress = {"complete": True, "received": {}, "uuid": announced["uuid"]}
    assert site.call("GET", "/progress", uuid=upper["uuid"]) == progress
