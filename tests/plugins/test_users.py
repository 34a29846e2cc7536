"""The plugin `users`."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.errors import BadRequest, Conflict, NotFound, Unauthorized, Unavailable
from hanami_core.priority import LOWEST, STEP
from hanami_plugins.users import Membership, User, find_user, memberships
from hanami_plugins.users.accounts import add_user as create_user
from hanami_plugins.users.accounts import verify
from hanami_plugins.users.native import SecretFields
from hanami_plugins.users.passphrases import CONCURRENT_HASHES, STEPS_BACK, Passphrases, passphrases
from tests.plugins.identity import ADMIN, MEMBER, POLICY, Note, Site, add_user, schema
from tests.server.harness import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def base64_text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def post(site: Site, **fields: Any) -> Any:
    return site.call(ADMIN, "POST", "user", **{"id": "tsugumi", "name": "Tsugumi", "password": "new password"} | fields)


def test_create_get_list_delete(site: Site) -> None:
    created = post(site)
    user = {"creator_id": "asdf", "id": "tsugumi", "is_admin": False, "name": "Tsugumi", "projects": []}
    assert created == user | {"created_at": created["created_at"]}
    assert site.call(ADMIN, "GET", "user", id="tsugumi") == created
    assert site.call(ADMIN, "GET", "user/all") == {
        "header": ["created_at", "id", "name", "creator_id", "projects", "is_admin"],
        "body": [[created["created_at"], "tsugumi", "Tsugumi", "asdf", [], False]],
    }
    assert site.call(ADMIN, "DELETE", "user", id="tsugumi") == {}
    for method in ("GET", "DELETE"):
        with pytest.raises(NotFound, match=r"^User with id 'tsugumi' not found$"):
            site.call(ADMIN, method, "user", id="tsugumi")
    assert site.call(ADMIN, "GET", "user/all")["body"] == []


def test_is_admin_is_optional_and_off(site: Site) -> None:
    assert post(site)["is_admin"] is False
    assert post(site, id="yui_", is_admin=True)["is_admin"] is True


def test_the_last_admin_stays(site: Site) -> None:
    post(site, is_admin=True)
    with pytest.raises(Conflict, match=r"^User with id 'tsugumi' is the last admin and cannot be deleted\.$"):
        site.call(ADMIN, "DELETE", "user", id="tsugumi")
    post(site, id="yui_", is_admin=True)
    assert site.call(ADMIN, "DELETE", "user", id="tsugumi") == {}


def test_projects_of_a_user_are_listed(site: Site) -> None:
    post(site)
    post(site, id="other")
    Membership.create(user_id="tsugumi", project_id="proj", role="member")
    Membership.create(user_id="tsugumi", project_id="room", role="admin", is_project_admin=True)
    projects = [
        {"is_project_admin": False, "project_id": "proj", "role": "member"},
        {"is_project_admin": True, "project_id": "room", "role": "admin"},
    ]
    assert site.call(ADMIN, "GET", "user", id="tsugumi")["projects"] == projects
    assert [row[4] for row in site.call(ADMIN, "GET", "user/all")["body"]] == [projects, []]


def test_an_identifier_is_unique_among_active_users_only(site: Site) -> None:
    post(site)
    with pytest.raises(Conflict, match=r"^User with id 'tsugumi' already exist\.$"):
        post(site)
    site.call(ADMIN, "DELETE", "user", id="tsugumi")
    post(site, name="Another")
    assert site.call(ADMIN, "GET", "user", id="tsugumi")["name"] == "Another"


def test_the_database_refuses_a_second_active_user(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests at once both find the identifier free; the index decides."""
    post(site)
    monkeypatch.setattr("hanami_plugins.users.accounts.find_user", lambda user_id: None)
    with pytest.raises(Conflict, match="user exists"):
        add_user("tsugumi")


def test_a_new_user_does_not_inherit_what_a_deleted_one_left(site: Site) -> None:
    post(site)
    note = Note.create(project_id="proj", owner_id="tsugumi", name="note")
    site.call(ADMIN, "DELETE", "user", id="tsugumi")
    with pytest.raises(Conflict, match="still owns 1 resources"):
        post(site)
    note.mark_deleted()
    assert post(site)["id"] == "tsugumi"


def test_nobody_deletes_himself_even_if_he_does_not_exist(site: Site) -> None:
    with pytest.raises(Conflict, match=r"^User with id 'asdf' tries to delete himself, which is not allowed\.$"):
        site.call(ADMIN, "DELETE", "user", id="asdf")


def test_delete_takes_the_memberships_along(site: Site) -> None:
    post(site)
    Membership.create(user_id="tsugumi", project_id="proj", role="member")
    site.call(ADMIN, "DELETE", "user", id="tsugumi")
    assert memberships("tsugumi") == []


def test_only_admins_whatever_the_policy_says(tmp_path: Path) -> None:
    tmp_path.joinpath("own.policy").write_text(POLICY.read_text().replace(": admin\n", ": admin, member\n"))
    with Site(tmp_path, policy_file__path="own.policy") as site:
        for bound in site.own("users"):
            with pytest.raises(Unauthorized, match=r"^$"):
                site.call(MEMBER, bound.route.method, bound.route.path.removeprefix("/"))
    with Site(tmp_path) as site:
        for bound in site.own("users"):
            with pytest.raises(Unauthorized):
                site.call(MEMBER, bound.route.method, bound.route.path.removeprefix("/"))


# -- secrets -----------------------------------------------------------------------------------------------------------


@given(st.text(min_size=8, max_size=200).filter(lambda text: len(base64_text(text)) <= 4096))
def test_both_fields_give_the_same_secret(text: str) -> None:
    plain, encoded = SecretFields(password=text), SecretFields(passphrase=base64_text(text))
    assert plain.secret() == encoded.secret()
    assert repr(plain) == repr(encoded) == "SecretFields(...)"


def test_a_user_of_one_client_generation_logs_in_from_the_other(site: Site) -> None:
    post(site, id="user_a")
    site.call(ADMIN, "POST", "user", id="user_b", name="user_b", passphrase=base64_text("new password"))
    assert verify("user_a", base64.b64decode(base64_text("new password")))
    assert verify("user_b", "new password")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Validation failed, because variable 'passphrase' is required, but is not set."),
        (
            {"password": "asdfasdf", "passphrase": "YXNkZmFzZGY="},
            "Validation failed, because only one of 'passphrase' and 'password' can be set.",
        ),
        ({"password": "asdfasd"}, "Given item 'password' is shorter than 8 characters"),
        ({"password": ""}, "Given item 'password' is shorter than 8 characters"),
        ({"password": "a" * 4097}, "Given item 'password' is longer than 4096 characters"),
        ({"passphrase": "YXNkZg=="}, "Given item 'passphrase' is shorter than 8 characters"),
        ({"passphrase": "a" * 4100}, "Given item 'passphrase' is longer than 4096 characters"),
        (
            {"password": 5},
            "Value-validation failed, because a item 'password'  has the false type: Exprect string-type.",
        ),
    ],
)
def test_a_broken_secret_is_refused(site: Site, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        site.call(ADMIN, "POST", "user", id="tsugumi", name="tsugumi", **fields)
    assert str(caught.value) == text


def test_a_passphrase_has_to_be_base64(site: Site) -> None:
    with pytest.raises(BadRequest, match="Given item 'passphrase' doesn't match with regex"):
        site.call(ADMIN, "POST", "user", id="tsugumi", name="tsugumi", passphrase="asdfasdf!")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"id": "_user"}, "Given item 'id' is not a valid user ID"),
        ({"id": "a"}, "Given item 'id' is shorter than 2 characters"),
        ({"name": "a" * 255}, "Given item 'name' is longer than 254 characters"),
        ({"is_admin": 1}, "Exprect bool-type"),
        ({"role": "admin"}, "item 'role' is not in the list of allowed keys"),
    ],
)
def test_a_broken_field_is_refused(site: Site, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        post(site, **fields)


def test_secrets_are_stored_as_argon2id_only(site: Site) -> None:
    post(site)
    user = find_user("tsugumi")
    assert user is not None
    assert user.passphrase_hash.startswith("$argon2id$")
    site.runtime.database.driver.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"new password" not in site.directory.joinpath("hanami.db").read_bytes()


def test_verify(site: Site) -> None:
    post(site)
    assert verify("tsugumi", "new password")
    assert verify("tsugumi", "new passwore") is None
    assert verify("nobody", "new password") is None
    site.call(ADMIN, "DELETE", "user", id="tsugumi")
    assert verify("tsugumi", "new password") is None


def test_an_unknown_user_costs_a_hash_of_the_same_kind(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    post(site)
    checked: list[str] = []
    hasher: Any = passphrases._hasher

    class Spy:
        def verify(self, stored: str, secret: bytes) -> bool:
            checked.append(stored.rpartition("$")[0].rpartition("$")[0])
            return bool(hasher.verify(stored, secret))

    monkeypatch.setattr(passphrases, "_hasher", Spy())
    assert verify("nobody", "new password") is None
    assert verify("tsugumi", "wrong password") is None
    assert checked == ["$argon2id$v=19$m=1024,t=1,p=4"] * 2


def test_the_decoy_matches_nothing() -> None:
    own = Passphrases()
    own.configure(1, 1024)
    assert not own.matches(None, b"")
    assert not own.outdated(own._decoy)


def test_a_hash_of_another_cost_is_renewed_by_the_next_login(site: Site) -> None:
    post(site)
    before = find_user("tsugumi")
    passphrases.configure(2, 1024)
    assert verify("tsugumi", "new password")
    after = find_user("tsugumi")
    assert before is not None
    assert after is not None
    assert "t=2" in after.passphrase_hash
    assert after.login_mark == before.login_mark
    assert verify("tsugumi", "new password")
    again = find_user("tsugumi")
    assert again is not None
    assert again.passphrase_hash == after.passphrase_hash


def test_hashes_leave_the_processors_to_others() -> None:
    own = Passphrases()
    own.configure(1, 1024)
    before = {thread.native_id for thread in threading.enumerate()}
    assert own.matches(own.hash(b"secret"), b"secret")
    hashing = [one.native_id for one in threading.enumerate() if one.native_id not in before]
    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert hashing
    for thread in hashing:
        assert os.getpriority(os.PRIO_PROCESS, thread or 0) == min(usual + STEPS_BACK * STEP, LOWEST)


def test_two_hashes_at_once_and_no_more() -> None:
    own = Passphrases()
    together = threading.Barrier(CONCURRENT_HASHES)
    inside, most, lock = [0], [0], threading.Lock()

    class Slow:
        def hash(self, secret: bytes) -> str:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            together.wait(10)
            with lock:
                inside[0] -= 1
            return "hash"

    own._hasher = Slow()  # type: ignore[assignment]
    threads = [threading.Thread(target=own.hash, args=(b"",)) for _ in range(4 * CONCURRENT_HASHES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == CONCURRENT_HASHES
    assert not together.broken


def test_few_wait_for_a_hash_and_others_are_told_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_user("tsugumi", is_admin=True)
    passphrases.limit(1, most=3)
    hasher: Any = passphrases._hasher
    started, go = threading.Semaphore(0), threading.Event()

    class Slow:
        def verify(self, stored: str, secret: bytes) -> bool:
            started.release()
            assert go.wait(10)
            return bool(hasher.verify(stored, secret))

        check_needs_rehash = hasher.check_needs_rehash

    monkeypatch.setattr(passphrases, "_hasher", Slow())
    with ThreadPoolExecutor(3) as pool:
        inside = [pool.submit(site.login, "tsugumi") for _ in range(3)]
        assert started.acquire(timeout=10)
        until(lambda: not passphrases._places.free)
        for _ in range(100):  # nothing was guessed, so nothing is used up
            with pytest.raises(Unavailable, match=r"^Too many logins at once, try again in 1 seconds\.$"):
                site.login("tsugumi", "wrong password")
        assert "login failed" not in caplog.text
        go.set()
        assert all(one.result() for one in inside)
    assert site.login("tsugumi")


def test_a_login_does_not_fail_because_its_hash_can_not_be_renewed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    add_user("tsugumi", is_admin=True)
    passphrases.configure(2, 1024)

    def busy(secret: bytes) -> str:
        raise Unavailable("logins_busy", retry_after=1)

    monkeypatch.setattr(passphrases, "hash", busy)
    assert site.login("tsugumi")
    monkeypatch.undo()
    assert site.login("tsugumi")


# -- first admin -------------------------------------------------------------------------------------------------------


def test_the_first_admin_is_created_once(site: Site) -> None:
    directory = site.runtime.identity
    assert directory is not None
    add_user("member")
    assert not directory.has_admin()
    directory.create_admin("root@home", "Root", "asdfasdf")
    assert directory.has_admin()
    directory.create_admin("other", "x", "short")
    assert find_user("other") is None
    user = verify("root@home", "asdfasdf")
    assert user is not None
    assert (user.is_admin, user.name, user.creator_id) == (True, "Root", "HANAMI_INIT")


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (("a", "Root", "asdfasdf"), "field id.*length >= 2"),
        (("root", "ro:ot", "asdfasdf"), "field name.*matching regex"),
        (("root", "Root", "asdf"), "field passphrase.*length >= 8"),
        (("root", "Root", "a" * 4097), "field passphrase.*length <= 4096"),
    ],
)
def test_a_broken_first_admin_is_refused(site: Site, first: tuple[str, str, str], text: str) -> None:
    directory = site.runtime.identity
    assert directory is not None
    with pytest.raises(BadRequest, match=text):
        directory.create_admin(*first)
    assert not directory.has_admin()


def test_the_first_admin_does_not_take_over_a_user(site: Site) -> None:
    add_user("root")
    assert site.runtime.identity is not None
    with pytest.raises(Conflict, match="root"):
        site.runtime.identity.create_admin("root", "Root", "asdfasdf")


def test_a_start_creates_no_admin(site: Site) -> None:
    assert User.select().count() == 0


# -- database ----------------------------------------------------------------------------------------------------------


def test_migrations_make_what_the_models_say(site: Site, tmp_path: Path) -> None:
    other = peewee.SqliteDatabase(tmp_path / "other.db")
    with other.bind_ctx([User, Membership]):
        other.create_tables([User, Membership], safe=False)
    wanted = schema(other, ("user", "membership"))
    other.close()
    assert schema(site.runtime.database.driver, ("user", "membership")) == wanted


def test_create_user_tells_about_a_conflict(site: Site) -> None:
    add_user("tsugumi")
    with pytest.raises(Conflict):
        create_user("tsugumi", "tsugumi", b"asdfasdf", is_admin=False, creator_id="asdf")
