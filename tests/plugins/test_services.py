"""What plugins publish for other plugins, used the way another API would use it: without a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.access import Access, Action, Actor
from hanami_core.clock import Moment
from hanami_core.errors import BadRequest, Conflict, Forbidden, NotFound, TooManyRequests, Unauthorized
from hanami_core.events import CallAllowed, CallFailed
from hanami_plugins import auth_jwt, hosts, logs, measurements, openapi, projects, users
from hanami_plugins.measurements.sensors import Sensors
from tests.plugins.identity import ADMIN, MEMBER, Note, Site, add_user
from tests.whole import Whole


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        add_user("asdf", is_admin=True)
        yield site


def make(site: Site, user_id: str = "tsugumi", project_id: str = "digits") -> None:
    access = site.access(ADMIN)
    users.create_user(site.runtime, access, user_id, "Tsugumi", "asdfasdf")
    projects.create_project(access, project_id, "Digits")
    projects.assign(access, user_id, project_id, "member")


# -- users -------------------------------------------------------------------------------------------------------------


def test_users_come_and_go(site: Site) -> None:
    access = site.access(ADMIN)
    created = users.create_user(site.runtime, access, "tsugumi", "Tsugumi", b"asdfasdf", is_admin=True)
    assert (created.id, created.name, created.creator_id, created.is_admin) == ("tsugumi", "Tsugumi", "asdf", True)
    assert users.get_user(access, "tsugumi") == created
    assert [user.id for user in users.list_users(access)] == ["asdf", "tsugumi"]
    with pytest.raises(Conflict) as taken:
        users.create_user(site.runtime, access, "tsugumi", "Tsugumi", "asdfasdf")
    assert (taken.value.code, taken.value.parameters) == ("user_exists", {"id": "tsugumi"})
    users.delete_user(site.runtime, access, "tsugumi")
    with pytest.raises(NotFound) as missing:
        users.get_user(access, "tsugumi")
    assert (missing.value.code, missing.value.parameters) == ("user_missing", {"id": "tsugumi"})


def test_what_a_deleted_user_left_is_counted(site: Site) -> None:
    Note.create(project_id="digits", owner_id="tsugumi", name="note")
    with pytest.raises(Conflict) as left:
        users.create_user(site.runtime, site.access(ADMIN), "tsugumi", "Tsugumi", "asdfasdf")
    assert left.value.parameters == {"id": "tsugumi", "count": 1}
    assert users.count_owned(site.runtime, "project_id", "digits") == 1


def test_users_are_for_admins_whatever_route_leads_to_them(site: Site) -> None:
    make(site)
    access = site.access(MEMBER)
    for forbidden in (
        lambda: users.create_user(site.runtime, access, "other", "Other", "asdfasdf"),
        lambda: users.set_passphrase(access, "asdf", "another one"),
    ):
        with pytest.raises(Forbidden):
            forbidden()
    for hidden in (lambda: users.get_user(access, "asdf"), lambda: users.delete_user(site.runtime, access, "asdf")):
        with pytest.raises(NotFound):
            hidden()
    assert list(users.list_users(access)) == []


@pytest.mark.parametrize("secret", ["asdfasd", "é" * 3, b"1234567", b"", "x" * 4097])
def test_a_passphrase_has_a_length_that_no_api_can_change(site: Site, secret: str | bytes) -> None:
    access = site.access(ADMIN)
    with pytest.raises(BadRequest) as caught:
        users.create_user(site.runtime, access, "tsugumi", "Tsugumi", secret)
    assert (caught.value.code, caught.value.parameters) == ("passphrase_length", {"minimum": 8, "maximum": 4096})
    with pytest.raises(BadRequest, match="passphrase length"):
        users.set_passphrase(access, "asdf", secret)
    assert users.find_user("tsugumi") is None


def test_a_passphrase_is_changed_by_an_admin_or_with_the_current_one(site: Site) -> None:
    make(site)
    users.set_passphrase(site.access(ADMIN), "tsugumi", "second one")
    with pytest.raises(Unauthorized, match="login_denied"):
        users.change_passphrase(site.runtime, MEMBER, "asdfasdf", "third one", "")
    users.change_passphrase(site.runtime, MEMBER, "second one", "third one", "")
    assert auth_jwt.login(site.runtime, "tsugumi", "third one", "").account.id == "tsugumi"


# -- projects ----------------------------------------------------------------------------------------------------------


def test_projects_and_memberships(site: Site) -> None:
    make(site)
    access = site.access(ADMIN)
    assert projects.get_project(access, "digits").name == "Digits"
    assert [project.id for project in projects.list_projects(access)] == ["digits"]
    (membership,) = projects.list_memberships(site.access(MEMBER))
    assert (membership.project_id, membership.role, membership.is_project_admin) == ("digits", "member", False)
    assert projects.list_memberships(access, "tsugumi") == [membership]
    assert [one.uuid for one in users.all_memberships(["tsugumi"])["tsugumi"]] == [membership.uuid]
    projects.unassign(access, "tsugumi", "digits")
    assert projects.list_memberships(access, "tsugumi") == users.memberships("tsugumi") == []
    projects.delete_project(site.runtime, access, "digits")
    assert projects.find_project("digits") is None


def test_projects_are_for_admins_whatever_route_leads_to_them(site: Site) -> None:
    make(site)
    access = site.access(MEMBER)
    for forbidden in (
        lambda: projects.create_project(access, "other", "Other"),
        lambda: projects.assign(access, "tsugumi", "digits", "admin", is_project_admin=True),
        lambda: projects.unassign(access, "tsugumi", "digits"),
        lambda: projects.list_memberships(access, "asdf"),
    ):
        with pytest.raises(Forbidden, match="admins_only"):
            forbidden()
    with pytest.raises(NotFound):
        projects.delete_project(site.runtime, access, "digits")
    assert list(projects.list_projects(access)) == []


# -- logins ------------------------------------------------------------------------------------------------------------


def test_a_login_says_who_where_and_by_which_token(site: Site) -> None:
    make(site)
    found = auth_jwt.login(site.runtime, "tsugumi", "asdfasdf", "127.0.0.1")
    assert (found.account.id, found.membership.project_id, found.attributes) == ("tsugumi", "digits", {})
    assert found.token not in repr(found)
    actor = auth_jwt.actor_of(site.runtime, found.token)
    assert (actor.user_id, actor.project_id, actor.scheme) == ("tsugumi", "digits", auth_jwt.SCHEME)


def test_a_login_can_name_its_project(site: Site) -> None:
    make(site)
    projects.create_project(site.access(ADMIN), "words", "Words")
    projects.assign(site.access(ADMIN), "tsugumi", "words", "member")
    found = auth_jwt.login(site.runtime, "tsugumi", "asdfasdf", "", project_id="words")
    assert auth_jwt.actor_of(site.runtime, found.token).project_id == "words"
    with pytest.raises(Unauthorized, match="project not assigned"):
        auth_jwt.login(site.runtime, "tsugumi", "asdfasdf", "", project_id="admin")


def test_attributes_of_a_login_stay_with_its_actor(site: Site) -> None:
    make(site)
    attributes = {"generation": "v0.2", "client": "browser"}
    found = auth_jwt.login(site.runtime, "tsugumi", "asdfasdf", "", attributes=attributes)
    actor = site.actor(found.token)
    assert actor.attributes == attributes
    again = auth_jwt.switch_project(site.runtime, actor, "digits")
    assert site.actor(again.token).attributes == attributes
    renewed = site.call(actor, "PUT", "token", project_id="digits")["token"]
    assert site.actor(renewed).attributes == attributes
    changed = auth_jwt.change_passphrase(site.runtime, actor, "asdfasdf", "another one", "")
    assert site.actor(changed.token).attributes == attributes
    assert site.actor(site.login("tsugumi", "another one")).attributes == {}


def test_attributes_must_fit_into_a_token(site: Site) -> None:
    make(site)
    with pytest.raises(ValueError, match="at most 4096 characters"):
        auth_jwt.login(site.runtime, "tsugumi", "asdfasdf", "", attributes={"note": "x" * 4096})


def test_another_way_in_has_the_same_limit_of_failures(tmp_path: Path) -> None:
    with Site(tmp_path, users__attempts=2) as site:
        make(site)
        for _ in range(2):
            with pytest.raises(Unauthorized, match="login_denied"):
                auth_jwt.login(site.runtime, "tsugumi", "wrong one", "10.0.0.1")
        with pytest.raises(TooManyRequests) as caught:
            users.change_passphrase(site.runtime, MEMBER, "asdfasdf", "another one", "10.0.0.1")
        assert caught.value.code == "logins_exhausted"


def test_a_call_can_be_asked_about(site: Site) -> None:
    auth_jwt.check_call(site.runtime, ADMIN, "GET", "v1.0alpha/user/all")
    auth_jwt.check_call(site.runtime, MEMBER, "GET", "v1.0alpha/user/project")
    with pytest.raises(Forbidden):
        auth_jwt.check_call(site.runtime, MEMBER, "GET", "v1.0alpha/user/all")


# -- logs, hosts, machine, descriptions --------------------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path / "data") as whole:
        yield whole


def access(whole: Whole, actor: Actor) -> Access:
    return Access(actor, Action("panel.show", "GET", "", "read", ()), whole.runtime.plugins.access_rules)


def test_logs_are_read_as_entries(whole: Whole) -> None:
    runtime = whole.runtime
    for actor, number in ((MEMBER, 1), (ADMIN, 2), (MEMBER, 3)):
        runtime.plugins.event(runtime, CallAllowed(actor=actor, endpoint=f"notes/{number}", method="POST"))
    values = {"name": "x"}
    failed = CallFailed(actor=MEMBER, component="notes.add", context="POST notes", input_values=values, message="gone")
    runtime.plugins.event(runtime, failed)
    own = logs.read_audit(access(whole, MEMBER))
    assert [(one.user_id, one.endpoint, one.method) for one in own] == [
        ("tsugumi", "notes/1", "POST"),
        ("tsugumi", "notes/3", "POST"),
    ]
    assert Moment(0.0) < own[0].at <= own[1].at < Moment(None)
    assert logs.read_audit(access(whole, ADMIN), "tsugumi", offset=1, limit=1) == own[1:]
    (error,) = logs.read_errors(access(whole, ADMIN))
    assert (error.component, error.context, error.input_values, error.message) == (
        "notes.add",
        "POST notes",
        values,
        "gone",
    )
    assert logs.read_errors(access(whole, ADMIN), "asdf") == []
    with pytest.raises(Forbidden, match="audit_of_others"):
        logs.read_audit(access(whole, MEMBER), "asdf")
    with pytest.raises(Forbidden, match="errors_for_admins"):
        logs.read_errors(access(whole, MEMBER))


def test_hosts_have_the_name_that_clusters_show(whole: Whole) -> None:
    found = hosts.list_hosts(whole.runtime)
    assert [(one.name, one.kind) for one in found] == [(one.name, one.kind) for one in whole.runtime.hosts.values()]
    assert [[one.uuid, one.kind] for one in found] == whole.call("GET", "host/all").json["body"]


def test_the_machine_is_told_about(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measurements.describe_machine(whole.runtime).hostname
    assert "api/MainThread" in measurements.thread_map(whole.runtime)
    monkeypatch.setattr("hanami_plugins.measurements.service.Sensors", lambda: Sensors(Path("/nowhere")))
    for quantity in (measurements.POWER, measurements.TEMPERATURE, measurements.SPEED):
        with pytest.raises(NotFound) as caught:
            measurements.measured(whole.runtime, quantity)
        assert caught.value.code == f"{quantity}_not_measured"


def test_an_api_that_is_not_there_is_not_described(whole: Whole) -> None:
    assert b"openapi" in bytes(openapi.document_of(whole.runtime))
    with pytest.raises(NotFound) as caught:
        openapi.document_of(whole.runtime, "strange")
    assert (caught.value.code, caught.value.parameters) == ("api_missing", {"name": "strange"})
    answer = whole.call("GET", "/openapi.json", api="strange")
    assert (answer.status_code, answer.text) == (404, "Api with name 'strange' not found")
