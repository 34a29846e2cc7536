"""The plugin `keypairs`: who has which pairs, whom they identify and until when, and that nobody reads a secret key."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hanami_core import hookimpl
from hanami_core.access import Access, Actor
from hanami_core.errors import Unauthorized, Unavailable
from hanami_core.identity import Account, Principal
from hanami_core.plugin_host import PluginState
from hanami_core.queue.withdrawals import Caller, caller_of
from hanami_core.testing.apps import plugin_point
from hanami_core.testing.authenticators import AuthenticatorConformance
from hanami_core.testing.requests import ClientRequest, Credential, header
from hanami_plugins import keypairs
from hanami_plugins.keypairs import KeyPair
from hanami_server.logs import Lines
from tests.faults.kit import keyed
from tests.whole import Whole

SCHEME = "signed"
ROOM = "test_project"


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


def create(whole: Whole, as_token: str | None = None, **fields: str) -> dict[str, Any]:
    answer = whole.call("POST", "keypair", as_token, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def rows(whole: Whole, as_token: str | None = None) -> dict[str, dict[str, Any]]:
    answer = whole.call("GET", "keypair/all", as_token).json
    found = [dict(zip(answer["header"], row, strict=True)) for row in answer["body"]]
    return {row["access_key"]: row for row in found}


def found(whole: Whole, access_key: str) -> keypairs.Credential:
    credential = keypairs.credential(whole.runtime, access_key)
    assert credential is not None
    return credential


def identified(whole: Whole, access_key: str) -> Actor | None:
    """Return whom a request that is signed with a pair stands for."""
    credential = keypairs.credential(whole.runtime, access_key)
    try:
        return None if credential is None else credential.principal.actor(whole.runtime.identity, SCHEME)
    except Unauthorized:
        return None


def known(whole: Whole, access_key: str) -> Any:
    actor = identified(whole, access_key)
    assert actor is not None
    return actor


def account_of(whole: Whole, user_id: str) -> Account:
    assert whole.runtime.identity is not None
    account = whole.runtime.identity.find(user_id)
    assert account is not None
    return account


def stored(directory: Path) -> bytes:
    """Return all bytes of the files of a data directory."""
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


# -- what a pair is ----------------------------------------------------------------------------------------------------


def test_a_pair_has_two_keys_one_of_which_is_told_once(whole: Whole) -> None:
    made = create(whole, description="nightly builds")
    secret = made.pop("secret_key")
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made["access_key"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", secret)
    named = {"access_key": made["access_key"]}
    answers = [
        whole.call("GET", "keypair", **named),
        whole.call("GET", "keypair/all"),
        whole.call("PUT", "keypair/active", **named, is_active=False),
        whole.call("PUT", "keypair/active", **named, is_active=True),
    ]
    assert answers[0].json == answers[3].json == made
    assert rows(whole) == {made["access_key"]: made}
    assert not [answer for answer in answers if secret in answer.text]
    assert (made["owner_id"], made["project_id"], made["description"]) == ("asdf", "admin", "nightly builds")
    assert (made["is_active"], made["last_used_at"]) == (True, "-")
    assert found(whole, made["access_key"]).secret_key == secret


def test_pairs_differ(whole: Whole) -> None:
    made = [create(whole) for _ in range(5)]
    for name in ("access_key", "secret_key"):
        assert len({one[name] for one in made}) == len(made)


def test_a_pair_that_was_deleted_is_gone(whole: Whole) -> None:
    access_key = create(whole)["access_key"]
    assert whole.call("DELETE", "keypair", access_key=access_key).json == {}
    assert keypairs.credential(whole.runtime, access_key) is None
    assert KeyPair.select().count() == 0
    answer = whole.call("DELETE", "keypair", access_key=access_key)
    assert (answer.status_code, answer.text) == (404, f"Key pair with access key '{access_key}' not found")


@pytest.mark.parametrize("access_key", ["", "AKIA", "akia" + "A" * 16, "AKIA" + "1" * 16, "AKIA" + "A" * 17])
def test_what_is_no_access_key_is_refused(whole: Whole, access_key: str) -> None:
    assert whole.call("GET", "keypair", access_key=access_key).status_code == 400
    assert keypairs.credential(whole.runtime, access_key) is None


def test_a_user_has_so_many_pairs(tmp_path: Path) -> None:
    with Whole(tmp_path, keypairs__limit=2) as whole:
        member = whole.member("tsugumi")
        for token in (whole.token, member, whole.token, member):
            create(whole, token)
        text = "User with id 'tsugumi' has 2 key pairs, more are not allowed: delete some"
        for token, named in ((member, {}), (whole.token, {"user_id": "tsugumi"})):
            answer = whole.call("POST", "keypair", token, **named)
            assert (answer.status_code, answer.text) == (409, text)
        whole.call("DELETE", "keypair", member, access_key=next(iter(rows(whole, member))))
        create(whole, member)


# -- whose it is -------------------------------------------------------------------------------------------------------


def test_users_manage_their_own_pairs_and_admins_all(whole: Whole) -> None:
    first, second = whole.member("tsugumi"), whole.member("kirika", is_project_admin=True)
    pairs = {token: create(whole, token)["access_key"] for token in (first, second, whole.token)}
    assert set(rows(whole)) == set(pairs.values())
    for token in (first, second):
        assert set(rows(whole, token)) == {pairs[token]}
        for foreign in set(pairs.values()) - {pairs[token]}:
            named = {"access_key": foreign}
            answers = [
                whole.call("GET", "keypair", token, **named),
                whole.call("PUT", "keypair/active", token, **named, is_active=False),
                whole.call("DELETE", "keypair", token, **named),
            ]
            assert {answer.status_code for answer in answers} == {404}
    assert all(row["is_active"] for row in rows(whole).values())
    assert whole.call("PUT", "keypair/active", access_key=pairs[first], is_active=False).json["is_active"] is False
    assert whole.call("DELETE", "keypair", access_key=pairs[second]).status_code == 200
    assert rows(whole, second) == {}


def test_only_admins_create_pairs_for_others(whole: Whole) -> None:
    member = whole.member("tsugumi")
    assert create(whole, member, user_id="tsugumi")["owner_id"] == "tsugumi"
    made = create(whole, user_id="tsugumi")
    assert (made["owner_id"], made["project_id"]) == ("tsugumi", ROOM)
    assert whole.call("POST", "keypair", member, user_id="asdf").status_code == 401
    answer = whole.call("POST", "keypair", user_id="nobody")
    assert (answer.status_code, answer.text) == (404, "User with id 'nobody' not found")


def test_requests_work_in_a_project_of_the_user(whole: Whole) -> None:
    member = whole.member("tsugumi")
    for room in ("second", "foreign"):
        whole.call("POST", "project", id=room, name=room)
    whole.call("POST", "user/project", id="tsugumi", project_id="second", role="member")
    assert create(whole, member)["project_id"] == ROOM
    made = create(whole, member, project_id="second")
    actor = known(whole, made["access_key"])
    assert (actor.user_id, actor.project_id, actor.role, actor.scheme) == ("tsugumi", "second", "member", SCHEME)
    answer = whole.call("POST", "keypair", member, project_id="foreign")
    text = "User with id 'tsugumi' is not assigned to the project with id 'foreign'."
    assert (answer.status_code, answer.text) == (404, text)
    whole.call("POST", "user", id="lonely", name="lonely", password="asdfasdf")
    answer = whole.call("POST", "keypair", user_id="lonely")
    assert (answer.status_code, answer.text) == (409, "User with id 'lonely' has no project assigned.")


# -- whom it identifies ------------------------------------------------------------------------------------------------


def test_a_pair_that_is_not_active_identifies_nobody_from_the_next_call_on(whole: Whole) -> None:
    access_key = create(whole)["access_key"]
    kept = found(whole, access_key)
    for is_active in (False, True, False):
        whole.call("PUT", "keypair/active", access_key=access_key, is_active=is_active)
        assert found(whole, access_key).is_active is is_active
        assert (identified(whole, access_key) is not None) is is_active
    # Sockets that were opened before ask the principal that they have.
    with pytest.raises(Unauthorized):
        kept.principal.actor(whole.runtime.identity, SCHEME)


def test_a_pair_outlives_the_passphrase(whole: Whole) -> None:
    member = whole.member("tsugumi")
    access_key = create(whole, member)["access_key"]
    before = known(whole, access_key)
    whole.call("PUT", "user/passphrase", id="tsugumi", password="another one")
    assert whole.call("GET", "keypair/all", member).status_code == 401
    after = known(whole, access_key)
    assert before == after
    # What is made in their name is bound to who the user is now.
    assert before.principal.mark != after.principal.mark == account_of(whole, "tsugumi").mark


def test_a_pair_ends_with_its_membership(whole: Whole) -> None:
    access_key = create(whole, whole.member("tsugumi"))["access_key"]
    place = {"id": "tsugumi", "project_id": ROOM}
    whole.call("DELETE", "user/project", **place)
    assert identified(whole, access_key) is None
    whole.call("POST", "user/project", **place, role="admin")
    assert identified(whole, access_key) is None
    assert set(rows(whole)) == {access_key}


def test_pairs_go_with_their_project(whole: Whole) -> None:
    member = whole.member("tsugumi")
    whole.call("POST", "project", id="second", name="second")
    whole.call("POST", "user/project", id="tsugumi", project_id="second", role="member")
    stays, goes = create(whole, member), create(whole, member, project_id="second")
    assert whole.call("DELETE", "project", id="second").status_code == 200
    assert set(rows(whole)) == {stays["access_key"]} != {goes["access_key"]}


def test_pairs_go_with_their_user(whole: Whole) -> None:
    member = whole.member("tsugumi")
    pairs = [create(whole, member)["access_key"] for _ in range(2)]
    own = create(whole)["access_key"]
    assert whole.call("DELETE", "user", id="tsugumi").status_code == 200
    assert [identified(whole, one) for one in pairs] == [None, None]
    assert set(rows(whole)) == {own}


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_pair_is_not_inherited_by_the_next_user_of_the_name(whole: Whole, is_admin: bool) -> None:
    """Not even one that a killed process has left behind."""

    def arrive() -> None:
        whole.call("POST", "user", id="tsugumi", name="tsugumi", password="asdfasdf", is_admin=is_admin)
        whole.call("POST", "user/project", id="tsugumi", project_id=ROOM, role="member")

    whole.call("POST", "project", id=ROOM, name=ROOM)
    arrive()
    access_key = create(whole, user_id="tsugumi")["access_key"]
    left = KeyPair.select().dicts().get()
    whole.call("DELETE", "user", id="tsugumi")
    assert keypairs.credential(whole.runtime, access_key) is None
    KeyPair.insert(left).execute()
    assert identified(whole, access_key) is None
    arrive()
    assert identified(whole, access_key) is None
    assert findings(whole) == [f"key pair {access_key}"]
    assert identified(whole, create(whole, user_id="tsugumi")["access_key"]) is not None
    whole.call("DELETE", "user", id="tsugumi")
    assert KeyPair.select().count() == 0


def findings(whole: Whole) -> list[str]:
    return [one.where for check in keypairs.hanami_checks(whole.runtime) for one in check.run()]


def test_what_was_begun_is_bound_to_the_user_and_not_to_the_pair(whole: Whole) -> None:
    member = whole.member("tsugumi")
    access_key = create(whole, member)["access_key"]
    actor = known(whole, access_key)
    kept = msgspec.json.decode(caller_of(actor, None), type=Caller).principal
    assert type(kept) is Principal
    whole.call("DELETE", "keypair", member, access_key=access_key)
    assert kept.actor(whole.runtime.identity, SCHEME, any_secret=True) == actor
    whole.call("DELETE", "user", id="tsugumi")
    with pytest.raises(Unauthorized):
        kept.actor(whole.runtime.identity, SCHEME, any_secret=True)


# -- when it was used --------------------------------------------------------------------------------------------------


def test_use_is_stored_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []
    begin = time.time()
    for later in (0.0, 59.0, 61.0):
        with Whole(tmp_path) as whole:
            monkeypatch.setattr(whole.runtime.clock, "now", lambda later=later: begin + later)
            access_key = next(iter(rows(whole)), "") or create(whole)["access_key"]
            for _ in range(3):
                keypairs.record_use(whole.runtime, found(whole, access_key))
        with Whole(tmp_path) as whole:
            used.append(found(whole, access_key).last_used_at or 0.0)
            assert rows(whole)[access_key]["last_used_at"] != "-"
    assert used == [begin, begin, begin + 61.0]


def test_who_is_not_used_was_never_used(whole: Whole) -> None:
    access_key = create(whole)["access_key"]
    assert found(whole, access_key).last_used_at is None


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_no_file_contains_a_secret_key(tmp_path: Path) -> None:
    with Whole(tmp_path) as whole:
        made = [create(whole), keyed(whole, "key", "POST", "keypair", description="x").json]
        for one in made:
            found(whole, one["access_key"])
    content = stored(tmp_path)
    for one in made:
        assert one["access_key"].encode() in content
        assert one["secret_key"].encode() not in content


def test_a_call_that_is_sent_again_gets_the_same_pair(whole: Whole, tmp_path: Path) -> None:
    first, second = (keyed(whole, "key", "POST", "keypair", description="x") for _ in range(2))
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert [answer.headers["idempotency-replayed"] for answer in (first, second)] == ["false", "true"]
    assert found(whole, first.json["access_key"]).secret_key == second.json["secret_key"]
    assert KeyPair.select().count() == 1


def test_a_secret_key_opens_for_its_own_access_key_only(whole: Whole) -> None:
    first, second = create(whole)["access_key"], create(whole)["access_key"]
    sealed = KeyPair.get(KeyPair.access_key == second).sealed
    KeyPair.update(sealed=sealed).where(KeyPair.access_key == first).execute()
    with pytest.raises(Unavailable) as raised:
        keypairs.credential(whole.runtime, first)
    assert raised.value.parameters == {"name": f"secret key of {first}", "file": "keypairs.key"}
    assert found(whole, second)


def test_another_key_in_the_data_directory_opens_no_pair(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Whole(tmp_path) as whole:
        old = create(whole)["access_key"]
        keyed(whole, "key", "POST", "keypair", description="x")
    right = (tmp_path / "keypairs.key").read_bytes()
    (tmp_path / "keypairs.key").write_bytes(secrets.token_bytes(32))
    with Whole(tmp_path) as whole:
        with pytest.raises(Unavailable, match="secret sealed otherwise"):
            keypairs.credential(whole.runtime, old)
        assert f"secret key of {old} cannot be decrypted with keypairs.key of the data directory" in caplog.text
        again = keyed(whole, "key", "POST", "keypair", description="x")
        assert again.status_code == 503
        assert "Put the right file back, or create a new key pair." in again.text
        assert len(findings(whole)) == 2
        new = create(whole)
        assert found(whole, new["access_key"]).secret_key == new["secret_key"]
        assert whole.call("DELETE", "keypair", access_key=new["access_key"]).status_code == 200
    (tmp_path / "keypairs.key").write_bytes(right)
    with Whole(tmp_path) as whole:
        assert identified(whole, old) is not None
        assert findings(whole) == []


def test_a_key_that_was_lost_is_told_and_not_replaced(tmp_path: Path) -> None:
    with Whole(tmp_path):
        key = (tmp_path / "keypairs.key").read_bytes()
    (tmp_path / "keypairs.key").unlink()
    with Whole(tmp_path) as whole:  # nothing is lost yet
        assert (tmp_path / "keypairs.key").read_bytes() != key
        assert (tmp_path / "keypairs.key").stat().st_mode & 0o077 == 0
        create(whole)
    (tmp_path / "keypairs.key").unlink()
    with Whole(tmp_path) as whole:
        plugin = whole.runtime.plugins.plugins["keypairs"]
        assert plugin.state is PluginState.BROKEN
        text = f"{tmp_path}/keypairs.key is missing, but secret keys (1) are encrypted with it; put it back"
        assert text in plugin.reason
        assert whole.call("GET", "keypair/all").status_code == 401
        assert whole.call("GET", "cluster/all").status_code == 200
    assert not (tmp_path / "keypairs.key").exists()


def test_no_secret_key_is_logged(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "a-secret-key-that-nobody-may-read-here-x"
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: secret)

    def fail(**fields: object) -> None:
        raise RuntimeError(f"no room for secret_key={secret}")

    monkeypatch.setattr(KeyPair, "create", fail)
    with caplog.at_level(logging.DEBUG):
        answer = whole.call("POST", "keypair", description="x")
    assert answer.status_code == 500
    lines = [Lines("api").format(record) for record in caplog.records]
    told = [
        answer.text,
        whole.call("GET", "error_log", page=0).text,
        whole.call("GET", "audit_log", page=0).text,
        *lines,
    ]
    assert "no room for" in "".join(told)
    assert secret not in "".join(told)
    monkeypatch.undo()
    actor = known(whole, create(whole)["access_key"])
    action = whole.runtime.routes.action("POST", "v1.0alpha/keypair")
    made = keypairs.create_keypair(whole.runtime, Access(actor, action, whole.runtime.plugins.access_rules))
    credential = found(whole, made.pair.access_key)
    assert made.secret_key == credential.secret_key not in f"{made!r} {credential!r}"


# -- an authenticator --------------------------------------------------------------------------------------------------


class SignatureScheme:
    """Recognises ``Authorization: Signed ACCESS_KEY:SIGNATURE``, which signs the method and the path."""

    name = SCHEME

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime

    def identify(self, request: Any) -> Actor | None:
        kind, _, given = (request.get_header("Authorization") or "").partition(" ")
        if kind != "Signed":
            return None
        access_key, _, signature = given.partition(":")
        credential = keypairs.credential(self.runtime, access_key)
        secret_key = "" if credential is None else credential.secret_key
        right = hmac.compare_digest(sign(secret_key, request.method, request.path).encode(), signature.encode())
        if credential is None or not right:
            raise Unauthorized("signature_invalid")
        actor = credential.principal.actor(self.runtime.identity, self.name)
        keypairs.record_use(self.runtime, credential)
        return actor


def sign(secret_key: str, method: str, path: str) -> str:
    return hmac.new(secret_key.encode(), f"{method} {path}".encode(), hashlib.sha256).hexdigest()


SCHEMES = SimpleNamespace(
    requires=("keypairs",),
    hanami_authenticators=hookimpl(lambda runtime: [SignatureScheme(runtime)], specname="hanami_authenticators"),
)


def signed(access_key: str, secret_key: str) -> Credential:
    def put(request: ClientRequest) -> ClientRequest:
        signature = sign(secret_key, request.method, request.path)
        return request.carrying(authorization=f"Signed {access_key}:{signature}")

    return put


class TestSignatures(AuthenticatorConformance):
    scheme = SCHEME
    settings = Whole.settings | {"keypairs__limit": 1000}
    plugins = (plugin_point("signatures", SCHEMES),)

    @pytest.fixture(scope="class")
    @classmethod
    def pairs(cls, app: Whole) -> Mapping[str, dict[str, Any]]:
        made = {name: create(app) for name in ("good", "inactive", "deleted")}
        app.call("PUT", "keypair/active", access_key=made["inactive"]["access_key"], is_active=False)
        app.call("DELETE", "keypair", access_key=made["deleted"]["access_key"])
        cls.public = (*(pair["access_key"] for pair in made.values()), "AKIA" + "A" * 16)
        return made

    @pytest.fixture
    def credential(self, pairs: Mapping[str, dict[str, Any]]) -> Credential:
        return signed(pairs["good"]["access_key"], pairs["good"]["secret_key"])

    @pytest.fixture
    def invalid(self, pairs: Mapping[str, dict[str, Any]]) -> Mapping[str, Credential]:
        good, inactive, deleted = ((pair["access_key"], pair["secret_key"]) for pair in pairs.values())
        return {
            "malformed": header("authorization", "Signed"),
            "foreign": signed("AKIA" + "A" * 16, good[1]),
            "expired": signed(*inactive),
            "deleted": signed(*deleted),
            "tampered": signed(good[0], inactive[1]),
        }
