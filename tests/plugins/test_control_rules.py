"""What is limited, noted, hidden and counted is so for both generations together, whichever one a client speaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.ids import new_uuid
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.datasets import RESULT, Dataset
from tests.plugins.test_control_v1 import ENCODED, Old
from tests.plugins.test_native_routes import SECRET

SIZES = {"input_data_size": 5}
PEOPLE = {
    "chief": ("garden", True),
    "owner": ("garden", False),
    "other": ("garden", False),
    "neighbour": ("meadow", False),
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    limits = {"users__attempts": 2, "uploads__open": 2, "datasets__max_upload": 100}
    with NativeApp(tmp_path / "data", **limits) as opened:
        yield opened


@pytest.fixture
def old(app: NativeApp) -> Old:
    return Old(app)


def of(old: Old, user: str) -> Old:
    """Return a client of v0.4 for a user."""
    found = Old.__new__(Old)
    found.app, found.prefix, found.token = old.app, old.prefix, ""
    found.token = found.ask("POST", "token", id=user, password=SECRET)["token"]
    return found


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.text


# -- limits ------------------------------------------------------------------------------------------------------------


def test_failed_logins_of_both_are_counted_together(app: NativeApp, old: Old) -> None:
    wrong = {"id": "asdf", "password": "wrong passphrase"}
    assert told(old.send("POST", "token", **wrong)) == (401, "ACCESS DENIED!\nUser or password is incorrect.")
    text = "ACCESS DENIED!\nUser or passphrase is incorrect."
    assert told(app.call("POST", "token", as_token="", **wrong)) == (401, text)
    for answer in (old.send("POST", "token", **wrong), app.call("POST", "token", as_token="", **wrong)):
        assert answer.status_code == 401
        assert answer.text.startswith("ACCESS DENIED!\nToo many failed logins, try again in ")


def test_unfinished_uploads_of_both_are_counted_together(app: NativeApp, old: Old) -> None:
    first = old.ask("POST", "csv/dataset", name="first", **SIZES)
    assert app.call("POST", "dataset/upload/csv", name="second", **SIZES).status_code == 200
    text = "User with id 'asdf' has 2 unfinished uploads already, finalise one or delete its data-set first"
    assert told(old.send("POST", "csv/dataset", name="third", **SIZES)) == (409, text)
    assert told(app.call("POST", "dataset/upload/csv", name="third", **SIZES)) == (409, text)
    old.ask("DELETE", "dataset", uuid=first["uuid"])
    assert told(old.send("POST", "mnist/dataset", name="third", label_data_size=5, **SIZES)) == (409, text)
    old.ask("POST", "csv/dataset", name="third", **SIZES)
    assert Dataset.active().count() == 2


@pytest.mark.parametrize("field", ["input_data_size", "label_data_size"])
def test_files_are_as_big_as_the_operator_allows(old: Old, field: str) -> None:
    sizes = {"input_data_size": 100, "label_data_size": 100}
    answer = old.send("POST", "mnist/dataset", name="digits", **sizes | {field: 101})
    assert told(answer) == (400, f"Given item '{field}' is bigger than 100")
    assert Dataset.active().count() == 0
    old.ask("POST", "mnist/dataset", name="digits", **sizes)


def test_templates_are_as_long_as_in_the_other_generation(app: NativeApp, old: Old) -> None:
    template = "A" * ((1 << 17) + 4)
    expected = (400, "Given item 'template' is longer than 131072 characters")
    assert told(app.call("POST", "cluster", name="mine", template=template)) == expected
    assert told(old.send("POST", "cluster", name="mine", template=template)) == expected


def test_a_name_is_taken_in_both(app: NativeApp, old: Old) -> None:
    old.ask("POST", "cluster", name="mine", template=ENCODED)
    expected = (409, "Cluster with name 'mine' already exist.")
    assert told(app.call("POST", "cluster", name="mine")) == expected
    assert told(old.send("POST", "cluster", name="mine", template="")) == expected


# -- audit -------------------------------------------------------------------------------------------------------------


def noted(old: Old, **fields: Any) -> list[list[str]]:
    return [row[1:] for row in old.ask("GET", "audit_log", page=0, **fields)["body"]]


def test_calls_of_both_stand_in_one_log(app: NativeApp, old: Old) -> None:
    app.member("mia_", "digits")
    member, before = of(old, "mia_"), noted(old)
    old.ask("POST", "project", id="letters", name="Letters")
    old.ask("GET", "project", id="letters")
    app.call("DELETE", "project", id="letters")
    assert old.send("POST", "project", nonsense=1).status_code == 400
    assert member.send("POST", "project", id="words", name="Words").status_code == 401
    member.send("DELETE", "cluster", uuid="nonsense")
    calls = [("v1/project", "POST"), ("v1.0alpha/project", "DELETE"), ("v1/project", "POST")]
    assert noted(old)[len(before) :] == [["asdf", *call] for call in calls]
    own = [["mia_", "v1/cluster", "DELETE"]]
    assert noted(member) == noted(old, user_id="mia_") == own
    assert [row[1:] for row in app.call("GET", "audit_log", page=0, user_id="mia_").json["body"]] == own
    answer = member.send("GET", "audit_log", page=0, user_id="mia_")
    assert told(answer) == (401, "'user_id' can only be set by an admin")
    assert member.send("GET", "error_log", page=0).status_code == 401


def test_logins_are_told_of(app: NativeApp, old: Old) -> None:
    """To whoever listens, as those of the other generation."""
    seen: list[tuple[str, str]] = []
    emit = app.runtime.emit

    def listen(event: Any) -> None:
        seen.append((type(event).__name__, getattr(event, "user_id", "")))
        emit(event)

    app.runtime.emit = listen  # type: ignore[method-assign]
    of(old, "asdf")
    old.send("POST", "token", id="asdf", password="wrong passphrase")
    assert [found for found in seen if "Login" in found[0]] == [("LoginSucceeded", "asdf"), ("LoginFailed", "asdf")]


# -- visibility --------------------------------------------------------------------------------------------------------

READERS = {
    "private": {"asdf", "chief", "owner"},
    "shared": {"asdf", "chief", "owner", "other"},
    "public": {"asdf", "chief", "owner", "other", "neighbour"},
}
WRITERS = {"asdf", "chief", "owner"}


@pytest.fixture
def people(app: NativeApp, old: Old) -> dict[str, Old]:
    for user, (project, chief) in PEOPLE.items():
        app.member(user, project, is_project_admin=chief)
    return {user: of(old, user) for user in ("asdf", *PEOPLE)}


@pytest.mark.parametrize("visibility", READERS)
def test_both_see_and_change_the_same_rows(people: dict[str, Old], visibility: str) -> None:
    owner = people["owner"]
    cluster = owner.ask("POST", "cluster", name="network", template=ENCODED)["uuid"]
    owned = {"owner_id": "owner", "project_id": "garden", "name": "made", "visibility": visibility}
    rows = {
        "cluster": cluster,
        "dataset": owner.ask("POST", "csv/dataset", name="table", **SIZES)["uuid"],
        "checkpoint": Checkpoint.create(**owned, blob=new_uuid()).uuid,
        "request_result": Dataset.create(**owned, format=RESULT).uuid,
    }
    for noun in ("cluster", "dataset"):
        given = {"uuid": rows[noun], "visibility": visibility}
        token = owner.app.login("owner")
        assert owner.app.call("PUT", f"{noun}/visibility", as_token=token, **given).status_code == 200
    for user, client in people.items():
        reads = user in READERS[visibility]
        for noun, uuid in rows.items():
            listed = [row[0] for row in client.ask("GET", f"{noun}/all")["body"]]
            assert (uuid in listed) == reads, (user, noun)
            # A result has no table here, which only those learn who may read it.
            expected = (409 if noun == "request_result" else 200) if reads else 404
            assert client.send("GET", noun, uuid=uuid).status_code == expected, (user, noun)
        assert client.send("GET", "task/all", cluster_uuid=cluster).status_code == (200 if reads else 404)
        mode = client.send("PUT", "cluster/set_mode", uuid=cluster, new_state="TASK")
        assert mode.status_code == (200 if user in WRITERS else 404), user
        if user not in WRITERS:
            for noun, uuid in rows.items():
                assert client.send("DELETE", noun, uuid=uuid).status_code == 404, (user, noun)
