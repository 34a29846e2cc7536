"""The plugin `auth_jwt`."""

from __future__ import annotations

import base64
import json
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from falcon import testing
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.access import Actor
from hanami_core.errors import BadRequest, NotFound, StartupError, Unauthorized
from hanami_core.keys import KEY_BYTES, create_key, read_key
from hanami_plugins.api_v1_0alpha.sentences import SENTENCES
from hanami_plugins.auth_jwt.tokens import AUDIENCE, TokenClaims, Tokens
from hanami_plugins.users import find_user
from hanami_plugins.users.accounts import replace_passphrase
from tests.plugins.identity import ADMIN, MEMBER, HandClock, Site, add_user

DENIED = "ACCESS DENIED!\nUser or passphrase is incorrect."
INVALID = "Failed to validate JWT-Token with error: invalid token supplied"
CLAIMS = TokenClaims("asdf", "1.0", "admin", "")
KEY_FILE = "token.key"
KEY = bytes(range(KEY_BYTES))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        add_user("asdf", is_admin=True)
        add_user("tsugumi")
        for name in ("proj_a", "proj_b"):
            site.call(ADMIN, "POST", "project", id=name, name=name)
        yield site


def give(site: Site, project_id: str, user_id: str = "tsugumi", **fields: Any) -> None:
    site.call(ADMIN, "POST", "user/project", **{"id": user_id, "project_id": project_id, "role": "member"} | fields)


def refused(site: Site, token: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        site.actor(token)
    return str(caught.value)


# -- login -------------------------------------------------------------------------------------------------------------


def test_an_admin_logs_in(site: Site) -> None:
    answer = site.call(MEMBER, "POST", "token", id="asdf", password="asdfasdf")
    assert answer == {"id": "asdf", "name": "asdf", "is_admin": True, "token": answer["token"]}
    assert site.actor(answer["token"]) == ADMIN


def test_a_member_logs_in_to_the_first_project(site: Site) -> None:
    give(site, "proj_b", is_project_admin=True)
    give(site, "proj_a")
    assert site.actor(site.login("tsugumi")) == Actor(
        "tsugumi", "tsugumi", "proj_b", "member", is_admin=False, is_project_admin=True, scheme="token"
    )


def test_both_spellings_of_the_secret(site: Site) -> None:
    passphrase = base64.b64encode(b"asdfasdf").decode()
    assert site.call(MEMBER, "POST", "token", id="asdf", passphrase=passphrase)["id"] == "asdf"


@pytest.mark.parametrize(("user_id", "password"), [("asdf", "asdfasde"), ("nobody", "asdfasdf")])
def test_a_wrong_login_does_not_tell_what_is_wrong(
    site: Site, user_id: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Unauthorized) as caught:
        site.login(user_id, password)
    assert str(caught.value) == DENIED
    assert all(password not in str(vars(record)) for record in caplog.records)


def test_a_member_without_a_project(site: Site) -> None:
    with pytest.raises(Unauthorized) as caught:
        site.login("tsugumi")
    assert str(caught.value) == "User with id 'tsugumi' has no project assigned."
    with pytest.raises(Unauthorized) as caught:
        site.login("tsugumi", "wrong password")
    assert str(caught.value) == DENIED


# -- renewal -----------------------------------------------------------------------------------------------------------


def test_renew_and_switch(site: Site) -> None:
    give(site, "proj_a")
    give(site, "proj_b", role="admin", is_project_admin=True)
    actor = site.actor(site.login("tsugumi"))
    answer = site.call(actor, "PUT", "token", project_id="proj_b")
    assert answer == {"id": "tsugumi", "name": "tsugumi", "is_admin": False, "token": answer["token"]}
    switched = site.actor(answer["token"])
    assert (switched.project_id, switched.role, switched.is_project_admin) == ("proj_b", "admin", True)


def test_an_admin_switches_to_an_assigned_project_and_back(site: Site) -> None:
    give(site, "proj_a", "asdf")
    actor = site.actor(site.call(ADMIN, "PUT", "token", project_id="proj_a")["token"])
    assert (actor.project_id, actor.role, actor.is_admin, actor.is_project_admin) == ("proj_a", "member", True, False)
    assert site.actor(site.call(actor, "PUT", "token", project_id="admin")["token"]) == ADMIN


@pytest.mark.parametrize("project_id", ["proj_b", "admin", "nowhere"])
def test_nobody_switches_to_a_project_of_others(site: Site, project_id: str) -> None:
    give(site, "proj_a")
    with pytest.raises(Unauthorized) as caught:
        site.call(MEMBER, "PUT", "token", project_id=project_id)
    text = f"User with id 'tsugumi' is not assigned to the project with id '{project_id}'."
    assert str(caught.value) == text


def test_a_user_who_was_deleted_meanwhile_renews_nothing(site: Site) -> None:
    site.call(ADMIN, "DELETE", "user", id="tsugumi")
    with pytest.raises(Unauthorized) as caught:
        site.call(MEMBER, "PUT", "token", project_id="proj_a")
    assert str(caught.value) == DENIED


# -- what ends a token -------------------------------------------------------------------------------------------------


def test_a_token_ends_with_its_user(site: Site) -> None:
    give(site, "proj_a")
    token = site.login("tsugumi")
    site.call(ADMIN, "DELETE", "user", id="tsugumi")
    assert refused(site, token) == INVALID
    add_user("tsugumi")
    give(site, "proj_a")
    assert refused(site, token) == INVALID


def test_a_token_ends_with_its_place(site: Site) -> None:
    give(site, "proj_a")
    give(site, "proj_b")
    actor = site.actor(site.login("tsugumi"))
    token_a, token_b = (site.call(actor, "PUT", "token", project_id=p)["token"] for p in ("proj_a", "proj_b"))
    site.call(ADMIN, "DELETE", "user/project", id="tsugumi", project_id="proj_a")
    assert refused(site, token_a) == INVALID
    assert site.actor(token_b).project_id == "proj_b"
    give(site, "proj_a", is_project_admin=True)
    assert refused(site, token_a) == INVALID
    site.call(ADMIN, "DELETE", "project", id="proj_b")
    assert refused(site, token_b) == INVALID


def test_a_token_ends_with_its_passphrase(site: Site) -> None:
    token = site.login("asdf")
    user = find_user("asdf")
    assert user is not None
    replace_passphrase(user, "another one")
    assert refused(site, token) == INVALID
    with pytest.raises(Unauthorized):
        site.login("asdf")
    assert site.actor(site.login("asdf", "another one")) == ADMIN


# -- changing a passphrase ---------------------------------------------------------------------------------------------


def encoded(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "another one", "current_password": "asdfasdf"},
        {"passphrase": encoded("another one"), "current_passphrase": encoded("asdfasdf"), "id": "tsugumi"},
    ],
)
def test_everybody_changes_the_own_passphrase(site: Site, fields: dict[str, Any]) -> None:
    give(site, "proj_a")
    give(site, "proj_b")
    old = site.call(site.actor(site.login("tsugumi")), "PUT", "token", project_id="proj_b")["token"]
    other = site.login("tsugumi")
    answer = site.call(site.actor(old), "PUT", "user/passphrase", **fields)
    assert answer["id"] == "tsugumi"
    assert site.actor(answer["token"]).project_id == "proj_b"
    assert refused(site, old) == refused(site, other) == INVALID
    assert site.actor(site.login("tsugumi", "another one")).user_id == "tsugumi"


@pytest.mark.parametrize("actor", [ADMIN, MEMBER], ids=["admin", "member"])
def test_the_own_passphrase_needs_the_current_one(site: Site, actor: Actor) -> None:
    give(site, "proj_a")
    token = site.login(actor.user_id)
    with pytest.raises(Unauthorized) as caught:
        site.call(actor, "PUT", "user/passphrase", password="another one", current_password="wrong one")
    assert str(caught.value) == DENIED
    with pytest.raises(BadRequest, match="'current_passphrase' is required"):
        site.call(actor, "PUT", "user/passphrase", password="another one")
    with pytest.raises(BadRequest, match="only one of 'current_passphrase' and 'current_password'"):
        both = {"current_password": "asdfasdf", "current_passphrase": encoded("asdfasdf")}
        site.call(actor, "PUT", "user/passphrase", password="another one", **both)
    assert site.actor(token).user_id == actor.user_id


def test_a_new_passphrase_is_checked_first(site: Site) -> None:
    for fields in ({}, {"password": "short"}, {"passphrase": "c2hvcnQx"}, {"passphrase": "not base64"}):
        with pytest.raises(BadRequest):
            site.call(ADMIN, "PUT", "user/passphrase", current_password="asdfasdf", **fields)
    site.login("asdf")


def test_an_admin_changes_the_passphrase_of_others(site: Site) -> None:
    give(site, "proj_a")
    token, own = site.login("tsugumi"), site.login("asdf")
    answer = site.call(ADMIN, "PUT", "user/passphrase", id="tsugumi", password="another one")
    assert answer == {"id": "tsugumi", "token": ""}
    assert refused(site, token) == INVALID
    assert site.actor(own) == ADMIN
    site.login("tsugumi", "another one")
    with pytest.raises(NotFound, match="User with id 'nobody' not found"):
        site.call(ADMIN, "PUT", "user/passphrase", id="nobody", password="another one")


def test_nobody_else_changes_the_passphrase_of_others(site: Site) -> None:
    with pytest.raises(Unauthorized, match="only an admin can change the passphrase of another user"):
        site.call(MEMBER, "PUT", "user/passphrase", id="asdf", password="another one", current_password="asdfasdf")
    site.login("asdf")


def test_guessing_the_current_passphrase_is_slowed_down(tmp_path: Path) -> None:
    with Site(tmp_path, users__attempts=2) as site:
        add_user("asdf", is_admin=True)
        for secret in ("wrong one", "wrong two", "asdfasdf"):
            with pytest.raises(Unauthorized):
                site.call(ADMIN, "PUT", "user/passphrase", password="another one", current_password=secret)


def test_a_member_can_not_claim_the_project_of_the_admins(site: Site) -> None:
    user = find_user("tsugumi")
    assert user is not None
    tokens = Tokens(read_key(site.directory / KEY_FILE), 60, site.runtime.clock)
    assert refused(site, tokens.issue(TokenClaims("tsugumi", user.login_mark, "admin", ""))) == INVALID


def test_the_setting_decides_how_long_a_token_lasts(tmp_path: Path) -> None:
    with Site(tmp_path, auth_jwt__expire=120) as site:
        add_user("asdf", is_admin=True)
        body: dict[str, int] = jwt.decode(site.login("asdf"), options={"verify_signature": False})
        assert body["exp"] - body["iat"] == 120


# -- wrong tokens ------------------------------------------------------------------------------------------------------


def sign(key: bytes = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {"sub": "asdf", "mark": "1.0", "project_id": "admin", "place": "", "jti": "x", "aud": AUDIENCE}
    claims |= {"iat": now, "exp": now + 60} | changes
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm)


def read(token: str) -> TokenClaims | str:
    try:
        return Tokens(KEY, 60, HandClock()).read(token)
    except Unauthorized as error:
        return SENTENCES[str(error)].removeprefix("Failed to validate JWT-Token with error: ")


def test_a_right_token() -> None:
    assert read(sign()) == CLAIMS
    assert read(Tokens(KEY, 60, HandClock(time.time())).issue(CLAIMS)) == CLAIMS


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "jti", "aud", "mark", "project_id", "place"])
def test_every_claim_is_required(claim: str) -> None:
    assert read(sign(**{claim: None})) == "invalid token supplied"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (lambda: sign(exp=int(time.time()) - 30), "token expired"),
        (lambda: sign(exp=int(time.time()) - 2), None),
        (lambda: sign(iat=int(time.time()) + 60), "invalid token supplied"),
        (lambda: sign(key=bytes(KEY_BYTES)), "invalid signature"),
        (lambda: sign(key=bytes(64), algorithm="HS512"), "invalid token supplied"),
        (lambda: sign(aud="other"), "invalid token supplied"),
        (lambda: sign(aud=[AUDIENCE, "other"]), "invalid token supplied"),
        (lambda: sign(mark=5), "invalid token supplied"),
        (lambda: sign(attributes={}), None),
        (lambda: sign(attributes={"generation": 5}), "invalid token supplied"),
        (lambda: sign(place="x" * 5000), "invalid token supplied"),
        (lambda: "..", "invalid token supplied"),
        (lambda: "a.b.c", "invalid token supplied"),
        (lambda: sign()[:-3], "invalid signature"),
    ],
)
def test_wrong_tokens(token: Any, reason: str | None) -> None:
    assert read(token()) == (reason or CLAIMS)


def test_a_token_without_signature_is_refused() -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    body = sign().split(".")[1]
    assert read(f"{head}.{body}.") == "invalid token supplied"


@given(st.integers(0, 2), st.data())
def test_no_changed_token_is_accepted(part: int, data: st.DataObject) -> None:
    parts = sign().split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    parts[part] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert isinstance(read(".".join(parts)), str)


@given(st.text(max_size=80))
def test_no_text_is_a_token(text: str) -> None:
    assert isinstance(read(text), str)


def test_a_request_without_a_token_is_left_to_other_schemes(site: Site) -> None:
    scheme = site.runtime.authenticators["token"]
    assert scheme.identify(testing.create_req()) is None
    assert refused(site, "opaque") == INVALID
    assert refused(site, "") == INVALID


# -- key ---------------------------------------------------------------------------------------------------------------


def test_a_tool_makes_the_key_and_nobody_else_does(tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    with Site(tmp_path):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_bytes()
    assert len(key) == KEY_BYTES
    with Site(tmp_path, "api"), Site(tmp_path):
        pass
    assert file.read_bytes() == key
    file.unlink()
    with pytest.raises(StartupError, match="'hanami init' creates the token key"):
        Site(tmp_path, "api")
    assert not file.exists()


def test_a_short_key_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    file.write_bytes(b"asdf\n")
    for role in ("migrate", "api", "sidecar"):
        with pytest.raises(StartupError, match="at least 32 bytes, this one has 5"):
            Site(tmp_path, role)
    assert file.read_bytes() == b"asdf\n"


def test_a_key_of_another_process_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / KEY_FILE
    file.write_bytes(KEY)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    create_key(file)
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert read_key(file) == KEY


# -- asking about a token ----------------------------------------------------------------------------------------------


def test_a_token_can_be_asked_about(site: Site) -> None:
    give(site, "proj_a", is_project_admin=True)
    actor = site.actor(site.login("tsugumi"))
    assert site.call(actor, "GET", "auth", token="ignored") == {
        "id": "tsugumi",
        "is_admin": False,
        "is_project_admin": True,
        "name": "tsugumi",
        "project_id": "proj_a",
        "role": "member",
    }


@pytest.mark.parametrize(
    ("endpoint", "http_type", "allowed"),
    [
        ("v1.0alpha/user/project", 2, True),
        ("v1.0alpha/user/project", 5, False),
        ("v1.0alpha/token", 4, True),
        ("v1.0alpha/token", 5, True),
        ("v1.0alpha/user", 4, False),
        ("v1.0alpha/user", 3, False),
        ("v1.0alpha/nothing", 2, False),
    ],
)
def test_a_token_allows_a_call_or_not(site: Site, endpoint: str, http_type: int, allowed: bool) -> None:
    fields = {"endpoint": endpoint, "http_type": http_type}
    if allowed:
        assert site.call(MEMBER, "GET", "auth", **fields)["id"] == "tsugumi"
    else:
        with pytest.raises(Unauthorized):
            site.call(MEMBER, "GET", "auth", **fields)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"endpoint": "v1.0alpha/user"}, "'http_type' is required"),
        ({"http_type": 2}, "'endpoint' is required"),
        ({"endpoint": "abc", "http_type": 2}, "'endpoint' is shorter than 4"),
        ({"endpoint": "a" * 257, "http_type": 2}, "'endpoint' is longer than 256"),
        ({"endpoint": "v1/us-er", "http_type": 2}, "'endpoint' doesn't match"),
        ({"endpoint": "v1.0alpha/user", "http_type": 0}, "'http_type' is smaller than 1"),
        ({"endpoint": "v1.0alpha/user", "http_type": 6}, "'http_type' is bigger than 5"),
    ],
)
def test_a_question_about_a_call_has_both_parts(site: Site, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        site.call(MEMBER, "GET", "auth", **fields)
