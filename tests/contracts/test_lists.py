"""Every list can be read page by page, and is what it always was if no page is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hanami_core.http import BoundRoute, Listing, Paging, paged
from hanami_core.ids import new_uuid
from hanami_core.queue import Task
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets import RESULT, Dataset
from hanami_plugins.folders import Folder
from hanami_plugins.keypairs import KeyPair
from hanami_plugins.projects import Project
from hanami_plugins.users import User, user_uuid
from tests.whole import Whole, fill

COUNT = 7
OWNED = {"owner_id": "asdf", "project_id": "admin"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Return an application with some rows in every list, the fourth of which was deleted."""
    with Whole(tmp_path_factory.mktemp("lists")) as whole:
        owned = OWNED | {"name": lambda n: f"row {n}", "uuid": lambda _: new_uuid()}
        fill(whole, Dataset, COUNT, **owned, format="csv")
        fill(whole, Dataset, COUNT - 1, **owned, format=RESULT)
        fill(whole, Cluster, COUNT, **owned, template="", seed=1, host="cpu0")
        fill(whole, Checkpoint, COUNT, **owned, blob="")
        uuid = Cluster.get().uuid
        fill(whole, Task, COUNT, **owned, kind="train", partition=uuid, payload="{}", total_cycles=1)
        fill(whole, Project, COUNT, id=lambda n: f"project{n}", name="name", creator_id="asdf")
        named = {"id": lambda n: f"user{n}", "uuid": lambda n: user_uuid(f"user{n}"), "name": "name"}
        fill(whole, User, COUNT - 1, **named, creator_id="asdf", passphrase_hash="")
        owner = {"owner_id": "asdf", "owner_uid": "1", "project_id": "admin", "place": ""}
        fill(whole, KeyPair, COUNT, access_key=lambda n: f"AKIA{n}", sealed="", **owner)
        kept = {"ownership": "user", "usage_mode": "general", "permission": "rw", "storage": "files"}
        fill(whole, Folder, COUNT, **owned, **kept)
        KeyPair.delete().where(KeyPair.access_key == "AKIA3").execute()
        for model in (Dataset, Cluster, Checkpoint, Task, Project, User, Folder):
            list(model.active())[3].mark_deleted()
        yield whole


def lists(whole: Whole) -> list[BoundRoute]:
    return [bound for bound in whole.runtime.routes if bound.path.endswith("/all")]


def needs(route: BoundRoute) -> dict[str, str]:
    return {"cluster_uuid": Cluster.get().uuid} if "cluster_uuid" in route.route.request.__struct_fields__ else {}


def get(whole: Whole, route: BoundRoute, **fields: Any) -> Any:
    answer = whole.call("GET", route.path, **needs(route), **fields)
    assert answer.status_code == 200, answer.text
    return answer.json


def pages(whole: Whole, route: BoundRoute, limit: int) -> list[Any]:
    answers = [get(whole, route, limit=limit)]
    while answers[-1]["next"] is not None:
        answers.append(get(whole, route, limit=limit, after=answers[-1]["next"]))
    return answers


def test_every_list_declares_pages(whole: Whole) -> None:
    found = lists(whole)
    assert Counter(route.api.name for route in found) == {"native": 9, "control_v1": 8}
    for route in found:
        assert issubclass(route.route.request, Paging), route.path
        assert route.route.response.__origin__ is Listing


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 10_000])
def test_the_pages_of_a_list_are_the_list(whole: Whole, limit: int) -> None:
    for route in lists(whole):
        everything = get(whole, route)
        assert "next" not in everything
        found = pages(whole, route, limit)
        assert all(answer["header"] == everything["header"] for answer in found)
        rows = [row for answer in found for row in answer["body"]]
        assert sorted(map(str, rows)) == sorted(map(str, everything["body"])), route.path
        assert all(len(answer["body"]) == limit for answer in found[:-1])
        if not route.path.endswith("host/all"):
            # The native API lists results of requests among the datasets.
            assert len(rows) == (COUNT - 1) * (2 if route.path == "/v1.0alpha/dataset/all" else 1)
        if not route.path.endswith("task/all"):
            assert rows == everything["body"]


@pytest.mark.parametrize(
    "fields", [{"limit": 0}, {"limit": 10_001}, {"limit": "x"}, {"after": ""}, {"after": "-1"}, {"after": "9" * 19}]
)
def test_wrong_pages_are_refused(whole: Whole, fields: dict[str, Any]) -> None:
    for route in lists(whole):
        assert whole.call("GET", route.path, **needs(route), **fields).status_code == 400


def test_rows_that_come_and_go_between_two_pages_disturb_nothing(whole: Whole) -> None:
    route = next(route for route in lists(whole) if route.path.endswith("dataset/all"))
    first = get(whole, route, limit=2)
    Dataset.get(Dataset.uuid == first["body"][1][1]).mark_deleted()
    second = get(whole, route, limit=2, after=first["next"])
    assert [row[-1] for row in first["body"] + second["body"]] == ["row 0", "row 1", "row 2", "row 4"]
    Dataset.update(status="active").where(Dataset.uuid == first["body"][1][1]).execute()


def test_a_place_behind_the_end_is_an_empty_last_page(whole: Whole) -> None:
    for route in lists(whole):
        answer = get(whole, route, after="999999999999999999")
        assert (answer["body"], answer["next"]) == ([], None)


def test_a_page_of_rows_from_anywhere() -> None:
    rows = [(place, [place]) for place in (2, 3, 5)]
    assert msgspec.to_builtins(paged(("n",), rows, Paging())) == {"header": ["n"], "body": [[2], [3], [5]]}
    assert msgspec.to_builtins(paged(("n",), rows, Paging(limit=2))) == {
        "header": ["n"],
        "body": [[2], [3]],
        "next": "3",
    }
    assert msgspec.to_builtins(paged(("n",), rows, Paging(after="3"))) == {"header": ["n"], "body": [[5]], "next": None}


def test_the_pages_of_a_member_are_full_of_what_he_may_see(tmp_path: Path) -> None:
    owners = ("somebody", "tsugumi", "somebody")
    owned = {"project_id": "test_project", "name": lambda n: f"row {n}", "uuid": lambda _: new_uuid()}
    with Whole(tmp_path) as whole:
        member = whole.member("tsugumi")
        fill(whole, Dataset, 60, **owned, owner_id=lambda n: owners[n % 3], format="csv")
        found: list[list[str]] = []
        after: dict[str, str] | None = {}
        while after is not None:
            answer = whole.call("GET", "dataset/all", as_token=member, limit=6, **after).json
            found.append([row[-1] for row in answer["body"]])
            after = {"after": answer["next"]} if answer["next"] else None
    assert [row for page in found for row in page] == [f"row {n}" for n in range(1, 60, 3)]
    assert [len(page) for page in found] == [6, 6, 6, 2]
