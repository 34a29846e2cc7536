"""The plugin `projects`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest

from hanami_core.errors import BadRequest, Conflict, NotFound, Unauthorized
from hanami_plugins.projects import Project, assign, find_project, list_memberships
from hanami_plugins.users import memberships
from tests.plugins.identity import ADMIN, MEMBER, Note, Site, add_user, schema

PROJECTS = [{"is_project_admin": False, "project_id": "test_project", "role": "member"}]
VIRTUAL = {"is_project_admin": True, "project_id": "admin", "role": "admin"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        add_user("asdf", is_admin=True)
        add_user("tsugumi")
        yield site


def create(site: Site, project_id: str = "test_project") -> Any:
    return site.call(ADMIN, "POST", "project", id=project_id, name="Test project")


def give(site: Site, **fields: Any) -> Any:
    wanted = {"id": "tsugumi", "project_id": "test_project", "role": "member", "is_project_admin": False}
    return site.call(ADMIN, "POST", "user/project", **wanted | fields)


def test_create_get_list_delete(site: Site) -> None:
    created = create(site)
    assert created == {
        "created_at": created["created_at"],
        "creator_id": "asdf",
        "id": "test_project",
        "name": "Test project",
    }
    assert site.call(ADMIN, "GET", "project", id="test_project") == created
    assert site.call(ADMIN, "GET", "project/all") == {
        "header": ["created_at", "id", "name", "creator_id"],
        "body": [[created["created_at"], "test_project", "Test project", "asdf"]],
    }
    assert site.call(ADMIN, "DELETE", "project", id="test_project") == {}
    for method in ("GET", "DELETE"):
        with pytest.raises(NotFound, match=r"^Project with id 'test_project' not found$"):
            site.call(ADMIN, method, "project", id="test_project")


def test_an_identifier_is_unique_among_active_projects_only(site: Site) -> None:
    create(site)
    with pytest.raises(Conflict, match=r"^Project with id 'test_project' already exist\.$"):
        create(site)
    site.call(ADMIN, "DELETE", "project", id="test_project")
    create(site)


def test_the_database_refuses_a_second_active_project(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    create(site)
    monkeypatch.setattr("hanami_plugins.projects.service.find_project", lambda project_id: None)
    with pytest.raises(Conflict, match="already exist"):
        create(site)


def test_nobody_can_create_the_project_of_the_admins(site: Site) -> None:
    """Its members would share a room with all global admins."""
    with pytest.raises(Conflict, match="already exist"):
        create(site, "admin")


def test_a_project_with_resources_stays(site: Site) -> None:
    create(site)
    give(site)
    first, second = (Note.create(project_id="test_project", owner_id="tsugumi", name="note") for _ in range(2))
    text = r"^Project with id 'test_project' still contains 2 resources, delete them first\.$"
    with pytest.raises(Conflict, match=text):
        site.call(ADMIN, "DELETE", "project", id="test_project")
    assert len(memberships("tsugumi")) == 1
    first.mark_deleted()
    second.mark_deleted()
    site.call(ADMIN, "DELETE", "project", id="test_project")
    assert memberships("tsugumi") == []


def test_members_are_kept_out(site: Site) -> None:
    paths = [(bound.route.method, bound.route.path.removeprefix("/")) for bound in site.own("projects")]
    for method, path in [*paths, ("DELETE", "user/project")]:
        with pytest.raises(Unauthorized):
            site.call(MEMBER, method, path)


def test_the_role_admin_alone_opens_nothing(site: Site) -> None:
    named = type(MEMBER)("tsugumi", "tsugumi", "test_project", "admin", is_project_admin=True)
    paths = [(bound.route.method, bound.route.path.removeprefix("/")) for bound in site.own("users", "projects")]
    for method, path in [*paths, ("DELETE", "user/project")]:
        with pytest.raises(Unauthorized, match=r"^$"):
            site.call(named, method, path)


# -- places in projects ------------------------------------------------------------------------------------------------


def test_assign_and_remove(site: Site) -> None:
    create(site)
    answer = give(site)
    assert answer == site.call(ADMIN, "GET", "user", id="tsugumi")
    assert answer["projects"] == PROJECTS
    with pytest.raises(Conflict) as conflict:
        give(site, role="admin")
    assert str(conflict.value) == "Project with ID 'test_project' is already assigned to user with id 'tsugumi'."
    removed = site.call(ADMIN, "DELETE", "user/project", id="tsugumi", project_id="test_project")
    assert removed == answer | {"projects": []}
    with pytest.raises(NotFound) as missing:
        site.call(ADMIN, "DELETE", "user/project", id="tsugumi", project_id="test_project")
    text = "Project with ID 'test_project' is not assigned to user with id 'tsugumi'"
    assert str(missing.value) == f"{text} and so it can not be removed from the user."


def test_is_project_admin_is_optional_and_off(site: Site) -> None:
    create(site)
    user = site.call(ADMIN, "POST", "user/project", id="tsugumi", project_id="test_project", role="member")
    assert user["projects"] == PROJECTS


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"id": "nobody"}, "User with id 'nobody' not found"),
        ({"project_id": "nowhere"}, "Project with id 'nowhere' not found"),
        ({"id": "nobody", "project_id": "nowhere"}, "User with id 'nobody' not found"),
    ],
)
def test_only_what_exists_is_assigned(site: Site, fields: dict[str, str], text: str) -> None:
    create(site)
    with pytest.raises(NotFound) as caught:
        give(site, **fields)
    assert str(caught.value) == text


def test_a_deleted_project_is_not_assigned(site: Site) -> None:
    create(site)
    site.call(ADMIN, "DELETE", "project", id="test_project")
    with pytest.raises(NotFound):
        give(site)


def test_the_database_refuses_a_second_place(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    create(site)
    give(site)
    nothing = type(memberships("tsugumi")[0]).select().where(peewee.SQL("0 = 1"))
    monkeypatch.setattr("hanami_plugins.projects.service._membership", lambda user_id, project_id: nothing)
    with pytest.raises(Conflict, match="membership exists"):
        assign(site.access(ADMIN), "tsugumi", "test_project", "member")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"id": "tsugumi"}, "role"),
        ({"role": "member"}, "id"),
        ({"is_project_admin": True}, "id"),
    ],
)
def test_a_half_assignment_is_refused(site: Site, fields: dict[str, Any], name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        site.call(ADMIN, "POST", "user/project", project_id="test_project", **fields)
    assert str(caught.value) == f"Validation failed, because variable '{name}' is required, but is not set."


def test_a_member_assigns_nothing(site: Site) -> None:
    create(site)
    with pytest.raises(Unauthorized, match=r"^$"):
        site.call(MEMBER, "POST", "user/project", id="tsugumi", project_id="test_project", role="member")
    assert memberships("tsugumi") == []


def test_own_projects_and_those_of_others(site: Site) -> None:
    create(site)
    give(site)
    assert site.call(MEMBER, "GET", "user/project") == {"projects": PROJECTS}
    assert site.call(ADMIN, "GET", "user/project") == {"projects": [VIRTUAL]}
    assert site.call(ADMIN, "GET", "user/project", user_id="tsugumi") == {"projects": PROJECTS}
    assert site.call(ADMIN, "GET", "user/project", user_id="asdf") == {"projects": [VIRTUAL]}
    give(site, id="asdf")
    assert site.call(ADMIN, "GET", "user/project") == {"projects": [VIRTUAL, *PROJECTS]}
    with pytest.raises(NotFound, match=r"^User with id 'nobody' not found$"):
        site.call(ADMIN, "GET", "user/project", user_id="nobody")
    with pytest.raises(Unauthorized, match=r"^$"):
        site.call(MEMBER, "GET", "user/project", user_id="asdf")


def test_memberships_of_an_admin_begin_with_the_admins_project(site: Site) -> None:
    create(site)
    give(site, id="asdf")
    assert [one.project_id for one in list_memberships(site.access(ADMIN))] == ["admin", "test_project"]


# -- switching ---------------------------------------------------------------------------------------------------------


def test_a_project_alone_switches_the_project(site: Site) -> None:
    for name in ("proj_a", "proj_b"):
        create(site, name)
        give(site, project_id=name)
    actor = site.actor(site.login("tsugumi"))
    assert actor.project_id == "proj_a"
    answer = site.call(actor, "POST", "user/project", project_id="proj_b")
    assert sorted(answer) == ["id", "is_admin", "name", "token"]
    assert site.actor(answer["token"]).project_id == "proj_b"


def test_migrations_make_what_the_models_say(site: Site, tmp_path: Path) -> None:
    other = peewee.SqliteDatabase(tmp_path / "other.db")
    with other.bind_ctx([Project]):
        other.create_tables([Project], safe=False)
    wanted = schema(other, ("project",))
    other.close()
    assert schema(site.runtime.database.driver, ("project",)) == wanted
    assert find_project("test_project") is None
