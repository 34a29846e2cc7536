"""Calls that create something for an owner, or in a project, that goes at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hanami_core.access import Access
from hanami_core.network import in_a_line
from hanami_core.queue import Task
from hanami_core.storage.database import OwnedRecord
from hanami_plugins.clusters import Cluster
from hanami_plugins.users import User
from tests.whole import ADMIN, Whole

PROJECT = "digits"


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


@pytest.fixture
def token(whole: Whole) -> str:
    return whole.member("mia_", PROJECT)


@pytest.fixture
def cluster(whole: Whole, token: str) -> str:
    return str(whole.call("POST", "cluster", token, name="first").json["uuid"])


def once(monkeypatch: pytest.MonkeyPatch, action: Callable[[], Any]) -> None:
    """Let `action` come between the moment when the next call is allowed and all that it does then."""
    require, waiting = Access.require, [action]

    def late(access: Access) -> None:
        require(access)
        if waiting:
            assert waiting.pop()().status_code == 200

    monkeypatch.setattr(Access, "require", late)


def owned(whole: Whole) -> dict[str, int]:
    models = [model for model in whole.runtime.models.values() if issubclass(model, OwnedRecord)]
    return {model.__name__: model.active().count() for model in [*models, Task]}


CREATIONS = [("cluster", {"name": "another"}), ("dataset/upload/csv", {"name": "table", "input_data_size": 8})]


@pytest.mark.parametrize(("path", "fields"), CREATIONS)
@pytest.mark.parametrize("gone", ["project", "user"])
def test_nothing_is_created_for_what_was_deleted_meanwhile(
    whole: Whole, token: str, gone: str, path: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"project": PROJECT, "user": "mia_"}[gone]
    before = owned(whole)
    once(monkeypatch, lambda: whole.call("DELETE", gone, id=name))
    answer = whole.call("POST", path, token, **fields)
    assert (answer.status_code, answer.text) == (409, f"{gone.capitalize()} with id '{name}' was deleted meanwhile.")
    assert owned(whole) == before


@pytest.mark.parametrize(("path", "fields"), CREATIONS)
@pytest.mark.parametrize("again", ["project", "user", "membership"])
def test_nothing_is_created_in_what_has_the_name_now(
    whole: Whole, token: str, again: str, path: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets the identifier of a deleted project or user finds nothing that comes late."""
    before = owned(whole)

    def replace() -> Any:
        if again == "membership":
            return whole.call("DELETE", "user/project", id="mia_", project_id=PROJECT)
        assert whole.call("DELETE", again, id={"project": PROJECT, "user": "mia_"}[again]).status_code == 200
        assert whole.member("mia_", PROJECT)
        return whole.call("GET", "project", id=PROJECT)

    once(monkeypatch, replace)
    assert whole.call("POST", path, token, **fields).status_code == 409
    assert owned(whole) == before


def test_no_task_is_queued_for_a_user_who_was_deleted_meanwhile(
    whole: Whole, token: str, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = msgspec.json.encode(in_a_line(["a"], ["b"])).decode()
    Cluster.update(template=template).where(Cluster.uuid == cluster).execute()
    before = owned(whole)
    once(monkeypatch, lambda: whole.call("DELETE", "user", id="mia_"))
    answer = whole.call("POST", "cluster/save", token, name="saved", cluster_uuid=cluster)
    assert (answer.status_code, answer.text) == (409, "User with id 'mia_' was deleted meanwhile.")
    assert owned(whole) == before


def test_a_project_and_a_user_with_an_open_task_stay_as_they_are(whole: Whole, token: str, cluster: str) -> None:
    Task.create(name="t", owner_id="mia_", project_id=PROJECT, kind="x", payload="{}", total_cycles=1, partition="p")
    Cluster.get(Cluster.uuid == cluster).mark_deleted()
    assert whole.call("DELETE", "project", id=PROJECT).status_code == 409
    assert whole.call("DELETE", "user", id="mia_").status_code == 200
    again = whole.call("POST", "user", id="mia_", name="mia_", password=ADMIN[2])
    assert (again.status_code, again.text) == (
        409,
        "A deleted user with id 'mia_' still owns 1 resources, delete them first.",
    )


def test_whoever_gets_the_name_of_a_user_gets_nothing_that_comes_late(
    whole: Whole, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deleted user's call comes after the new user was looked at, and before that one is there."""
    assert whole.call("DELETE", "user", id="mia_").status_code == 200
    create = User.create

    def late(**fields: Any) -> User:
        user: User = create(**fields)
        # As if it had been committed a moment before the new user was.
        Cluster.insert(name="late", owner_id="mia_", project_id=PROJECT, template="", seed=1, host="cpu0").execute()
        return user

    monkeypatch.setattr(User, "create", late)
    assert whole.call("POST", "user", id="mia_", name="mia_", password=ADMIN[2]).status_code == 409
    assert not User.active().where(User.id == "mia_").exists()


@pytest.mark.parametrize("count", [2, 3])
def test_admins_who_delete_each_other_leave_one(whole: Whole, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"admin_{number}" for number in range(count)]
    for name in names:
        assert whole.call("POST", "user", id=name, name=name, password=ADMIN[2], is_admin=True).status_code == 200
    tokens = {name: whole.login(name) for name in names}
    assert whole.call("DELETE", "user", tokens[names[0]], id=ADMIN[0]).status_code == 200
    read, barrier, answers = Access.get, threading.Barrier(count), []

    def get(*args: Any) -> Any:
        row = read(*args)
        barrier.wait(10)
        return row

    def delete(number: int) -> None:
        answer = whole.call("DELETE", "user", tokens[names[number]], id=names[(number + 1) % count])
        answers.append(answer.status_code)
        whole.runtime.database.disconnect()

    with monkeypatch.context() as patched:
        patched.setattr(Access, "get", get)
        threads = [threading.Thread(target=delete, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [200] * (count - 1) + [409]
    assert [user.is_admin for user in User.active()] == [True]


def test_the_visibility_of_what_was_deleted_meanwhile_stays(
    whole: Whole, token: str, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = Cluster.get(Cluster.uuid == cluster)
    assert whole.call("DELETE", "cluster", token, uuid=cluster).status_code == 200
    monkeypatch.setattr(Access, "get", lambda *_: stale)
    changed = whole.call("PUT", "cluster/visibility", token, uuid=cluster, visibility="public")
    assert changed.status_code == 404
    assert Cluster.get(Cluster.uuid == cluster).visibility == "private"


def test_a_passphrase_that_was_replaced_meanwhile_is_not_replaced_by_whoever_knew_it(
    whole: Whole, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The admin takes the account back while somebody who knows the old passphrase changes it."""
    identity = whole.runtime.identity
    verify = type(identity).verify

    def late(*args: Any) -> Any:
        account = verify(*args)
        assert whole.call("PUT", "user/passphrase", id="mia_", password="of the admin").status_code == 200
        return account

    with monkeypatch.context() as patched:
        patched.setattr(type(identity), "verify", late)
        answer = whole.call("PUT", "user/passphrase", token, current_password=ADMIN[2], password="of a thief")
    assert answer.status_code == 401
    assert whole.call("POST", "token", "", id="mia_", password="of the admin").status_code == 200
