"""Dotfiles of users, groups and the domain, as released clients of Backend.AI ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hanami_plugins import backendai_dotfiles as dotfiles
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from tests.plugins.backendai_kit import SignedClient, member_keys, new_keys

USER, GROUP, DOMAIN = "/user-config/dotfiles", "/group-config/dotfiles", "/domain-config/dotfiles"
PROJECT = "test_project"
OWNERS: dict[str, dict[str, str]] = {
    USER: {},
    GROUP: {"group": PROJECT, "domain": "default"},
    DOMAIN: {"domain": "default"},
}
KIND = "https://api.backend.ai/probs/"
BROKEN = (
    ({"path": "/etc/passwd"}, "path"),
    ({"path": "../up"}, "path"),
    ({"path": "a/../../up"}, "path"),
    ({"path": "a//b"}, "path"),
    ({"path": "./a"}, "path"),
    ({"path": "a/"}, "path"),
    ({"path": "a\0b"}, "path"),
    ({"path": "a\nb"}, "path"),
    ({"path": ""}, "path"),
    ({"path": "a" * 256}, "path"),
    ({"path": ".ssh/authorized_keys"}, "path"),
    ({"path": "id_container"}, "path"),
    ({"data": ""}, "data"),
    ({"data": "a\0b"}, "data"),
    ({"permission": "0755"}, "permission"),
    ({"permission": "75"}, "permission"),
    ({"permission": "788"}, "permission"),
    ({"permission": "755\n"}, "permission"),
)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    with NativeApp(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def admin(app: NativeApp) -> SignedClient:
    app.call("POST", "project", id=PROJECT, name=PROJECT)
    return SignedClient(app, new_keys(app))


@pytest.fixture
def member(app: NativeApp) -> SignedClient:
    return SignedClient(app, member_keys(app, "katherine", PROJECT))


def put(client: SignedClient, place: str, path: str, data: str = "content", method: str = "POST", **more: Any) -> Any:
    given = {"path": path, "data": data, "permission": "755"} | OWNERS[place] | more
    return client.call(method, place, **given)


def ask(client: SignedClient, place: str, method: str = "GET", **query: str) -> Any:
    return client.call(method, f"{place}?{urlencode(OWNERS[place] | query)}".rstrip("?"))


def paths(client: SignedClient, place: str, **query: str) -> list[str]:
    answer = ask(client, place, **query)
    assert answer.status_code == 200, answer.text
    return [one["path"] for one in answer.json]


def problem(answer: Any) -> tuple[int, str, str]:
    found = answer.json
    assert isinstance(found["title"], str)
    return answer.status_code, found["type"].removeprefix(KIND), found["msg"]


@pytest.mark.parametrize("place", [USER, GROUP, DOMAIN])
def test_the_life_of_a_dotfile(admin: SignedClient, place: str) -> None:
    assert ask(admin, place).json == []
    made = put(admin, place, ".aws/config", "[default]\n")
    assert (made.status_code, made.json) == (200, {})
    listed = {"path": ".aws/config", "permission": "755", "data": "[default]\n"}
    assert ask(admin, place).json == [listed]
    changed = put(admin, place, ".aws/config", "[other]\n", "PATCH", permission="600")
    assert (changed.status_code, changed.json) == (200, {})
    assert ask(admin, place, path=".aws/config").json == {"path": ".aws/config", "perm": "600", "data": "[other]\n"}
    deleted = ask(admin, place, "DELETE", path=".aws/config")
    assert (deleted.status_code, deleted.json) == (200, {"success": True})
    assert ask(admin, place).json == []


@pytest.mark.parametrize("place", [USER, GROUP, DOMAIN])
def test_what_is_missing_or_there_already(admin: SignedClient, place: str) -> None:
    missing = 404, "object-not-found", "There is no dotfile '.vimrc'"
    assert problem(ask(admin, place, path=".vimrc")) == missing
    assert problem(ask(admin, place, "DELETE", path=".vimrc")) == missing
    assert problem(put(admin, place, ".vimrc", method="PATCH")) == missing
    put(admin, place, ".vimrc")
    twice = 400, "generic-bad-request", "There is a dotfile '.vimrc' already"
    assert problem(put(admin, place, ".vimrc")) == twice
    below = "There can be no dotfile '.vimrc/a' beside '.vimrc': one would be a directory"
    assert problem(put(admin, place, ".vimrc/a")) == (400, "generic-bad-request", below)
    put(admin, place, ".config/a")
    assert problem(put(admin, place, ".config"))[1] == "generic-bad-request"


def test_fields_that_break_a_rule_are_named(member: SignedClient) -> None:
    for fields, field in BROKEN:
        given = {"path": ".vimrc", "data": "content", "permission": "755"} | fields
        answer = member.call("POST", USER, **given)
        assert problem(answer)[:2] == (400, "invalid-api-params"), fields
        assert list(answer.json["data"]) == [field], fields
    assert paths(member, USER) == []


def test_all_files_together_have_a_limit(member: SignedClient) -> None:
    assert put(member, USER, ".a", "x" * 60_000).status_code == 200
    status, kind, text = problem(put(member, USER, ".b", "x" * 6_000))
    assert (status, kind) == (400, "generic-bad-request")
    assert "may take 65536" in text
    assert put(member, USER, ".b", "x" * 4_000).status_code == 200
    assert problem(put(member, USER, ".b", "x" * 6_000, "PATCH"))[1] == "generic-bad-request"
    assert ask(member, USER, path=".b").json["data"] == "x" * 4_000


def test_there_are_a_hundred_files_at_most(member: SignedClient) -> None:
    for n in range(100):
        assert put(member, USER, f".{n}").status_code == 200
    text = "There are 100 dotfiles already, and there cannot be more"
    assert problem(put(member, USER, ".more")) == (400, "generic-bad-request", text)
    assert len(paths(member, USER)) == 100


def test_only_admins_act_for_others(app: NativeApp, admin: SignedClient, member: SignedClient) -> None:
    other_keys = member_keys(app, "dorothy", PROJECT)
    other, key = SignedClient(app, other_keys), other_keys.access_key
    put(other, USER, ".mine", owner_access_key=key)
    denied = 403, "generic-forbidden", "Only administrators may do this for the owner of another access key"
    for name in ("owner_access_key", "onwer_access_key"):
        assert problem(ask(member, USER, **{name: key})) == denied
        assert problem(ask(member, USER, **{name: "AKIAUNKNOWN"})) == denied
        assert paths(admin, USER, **{name: key}) == [".mine"]
    assert problem(put(member, USER, ".theirs", owner_access_key=key)) == denied
    assert problem(ask(member, USER, "DELETE", path=".mine", owner_access_key=key)) == denied
    assert problem(ask(admin, USER, owner_access_key="AKIAUNKNOWN"))[:2] == (404, "object-not-found")
    assert put(admin, USER, ".theirs", owner_access_key=key).status_code == 200
    assert paths(other, USER) == [".mine", ".theirs"]
    assert paths(admin, USER) == paths(member, USER) == []


def test_only_admins_of_a_project_change_those_of_a_group(app: NativeApp, admin: SignedClient) -> None:
    plain = SignedClient(app, member_keys(app, "katherine", PROJECT))
    head = SignedClient(app, member_keys(app, "dorothy", PROJECT, is_project_admin=True))
    stranger = SignedClient(app, member_keys(app, "mary", "other_project", is_project_admin=True))
    assert put(head, GROUP, ".group").status_code == 200
    assert paths(plain, GROUP) == paths(plain, GROUP, group="default") == [".group"]
    denied = 403, "generic-forbidden", "Only administrators of the project may change its dotfiles"
    assert problem(put(plain, GROUP, ".more")) == denied
    assert problem(put(plain, GROUP, ".group", method="PATCH")) == denied
    assert problem(ask(plain, GROUP, "DELETE", path=".group")) == denied
    unknown = 404, "object-not-found", f"There is no group '{PROJECT}' that you can see"
    assert problem(ask(stranger, GROUP)) == problem(put(stranger, GROUP, ".more")) == unknown
    assert paths(stranger, GROUP, group="default") == []
    assert put(admin, GROUP, ".more").status_code == 200
    assert problem(ask(plain, GROUP, domain="other"))[:2] == (404, "object-not-found")


def test_only_admins_change_those_of_the_domain(admin: SignedClient, member: SignedClient) -> None:
    put(admin, DOMAIN, ".all")
    assert paths(member, DOMAIN) == [".all"]
    for answer in (
        put(member, DOMAIN, ".more"),
        put(member, DOMAIN, ".all", method="PATCH"),
        ask(member, DOMAIN, "DELETE", path=".all"),
    ):
        assert problem(answer)[:2] == (401, "auth-failed")
    assert paths(admin, DOMAIN) == [".all"]
    assert problem(ask(admin, DOMAIN, domain="other"))[:2] == (404, "object-not-found")


def test_they_end_with_their_user(app: NativeApp, member: SignedClient) -> None:
    put(member, USER, ".mine")
    assert app.call("DELETE", "user", id="katherine").status_code == 200
    assert dotfiles.Dotfile.select().count() == 0
    later = SignedClient(app, member_keys(app, "katherine", PROJECT))
    assert paths(later, USER) == []


def test_they_end_with_their_project(app: NativeApp, admin: SignedClient) -> None:
    put(admin, GROUP, ".group")
    put(admin, DOMAIN, ".all")
    assert app.call("DELETE", "project", id=PROJECT).status_code == 200
    assert [one.path for one in dotfiles.Dotfile.select()] == [".all"]


def test_files_of_a_user_come_before_those_of_the_group(app: NativeApp, admin: SignedClient) -> None:
    member = SignedClient(app, member_keys(app, "katherine", PROJECT))
    for place, data in ((DOMAIN, "domain"), (GROUP, "group")):
        for path in (".a", ".b", ".c"):
            put(admin, place, path, data)
    put(member, USER, ".a", "user")
    put(member, USER, ".b/inner", "user")
    put(admin, DOMAIN, ".d", "domain")
    owners = (dotfiles.of_user(app.runtime, "katherine"), dotfiles.of_project(PROJECT), dotfiles.of_installation())
    found = {one.path: one.data for one in dotfiles.list_effective(*owners)}
    assert found == {".a": "user", ".b/inner": "user", ".c": "group", ".d": "domain"}
