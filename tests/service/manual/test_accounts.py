"""Exceptions, projects and users."""

from __future__ import annotations

import json

import pytest

from hanami_sdk import (
    cluster,
    hanami_exceptions,
    hanami_token,
    project,
    user,
)
from hanami_server.local import LocalServer
from tests.service.conftest import Ctl
from tests.service.manual.kit import TIME, Login, listing, record, rows


def test_exceptions(login: Login, server: LocalServer) -> None:
    absent = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.get_cluster(*login, absent, verify_connection=False)
    with pytest.raises(hanami_exceptions.BadRequestException):
        cluster.get_cluster(*login, "no uuid")
    with pytest.raises(hanami_exceptions.UnauthorizedException):
        hanami_token.request_token(server.address, server.user, "a wrong passphrase")
    with pytest.raises(hanami_exceptions.ConflictException):
        user.delete_user(*login, server.user)


def test_projects_with_the_command_line(ctl: Ctl, server: LocalServer) -> None:
    created = record(ctl("project", "create", "-n", "cli test project", "cli_test_project"))
    assert list(created) == ["ID", "NAME", "CREATOR ID", "CREATED AT"]
    assert list(created.values())[:3] == ["cli_test_project", "cli test project", server.user]
    assert TIME.fullmatch(created["CREATED AT"])
    assert record(ctl("project", "get", "cli_test_project")) == created
    titles, found = listing(ctl("project", "list"))
    assert titles == list(created)
    assert created in found
    assert ctl("project", "delete", "cli_test_project") == "successfully deleted project 'cli_test_project'\n"
    assert created not in listing(ctl("project", "list"))[1]


def test_projects_with_the_sdk(login: Login, server: LocalServer) -> None:
    created = json.loads(project.create_project(*login, "test_project", "Test Project"))
    expected = {"creator_id": server.user, "id": "test_project", "name": "Test Project"}
    assert created.items() >= expected.items()
    assert json.loads(project.get_project(*login, "test_project")) == created
    assert created in rows(project.list_projects(*login), "id", "name", "creator_id")
    project.delete_project(*login, "test_project")
    assert created not in rows(project.list_projects(*login))


def test_users_with_the_command_line(ctl: Ctl, server: LocalServer) -> None:
    # In the manual the passphrase is asked for although it is given; here it is taken.
    created = record(ctl("user", "create", "-n", "cli test user", "-p", "asdfasdfasdf", "cli_test_user"))
    assert list(created) == ["ID", "NAME", "IS ADMIN", "PROJECTS", "CREATOR ID", "CREATED AT"]
    assert list(created.values())[:5] == ["cli_test_user", "cli test user", "false", "[]", server.user]
    assert TIME.fullmatch(created["CREATED AT"])
    assert record(ctl("user", "get", "cli_test_user")) == created
    titles, found = listing(ctl("user", "list"))
    assert titles == list(created)
    assert created in found
    admin = next(row for row in found if row["ID"] == server.user)
    assert (admin["IS ADMIN"], admin["PROJECTS"], admin["CREATOR ID"]) == ("true", "[]", "HANAMI_INIT")
    # The manual shows the sentence of a deleted project here.
    assert ctl("user", "delete", "cli_test_user") == "successfully deleted user 'cli_test_user'\n"


def test_what_the_manual_leaves_blank_on_the_command_line(ctl: Ctl, server: LocalServer) -> None:
    """Its boxes for projects of users are empty; these commands fill them."""
    ctl("user", "create", "-n", "cli test user", "-p", "asdfasdfasdf", "cli_test_user")
    for name in ("cli_project", "cli_other"):
        ctl("project", "create", "-n", "cli test project", name)
        added = record(ctl("user", "project", "add", "cli_test_user", name, "--role", "member", "--is_project_admin"))
        assert added["ID"] == "cli_test_user"
    titles, found = listing(ctl("user", "project", "list", "--user", "cli_test_user"))
    assert titles == ["PROJECT ID", "ROLE", "IS PROJECT ADMIN"]
    assert [row["PROJECT ID"] for row in found] == ["cli_project", "cli_other"]
    assert {(row["ROLE"], row["IS PROJECT ADMIN"]) for row in found} == {("member", "true")}
    assert ctl("project", "switch", "admin") == "export HANAMI_PROJECT=admin\n"
    assert json.loads(ctl("whoami", "-j", "--project", "admin"))["project"] == "admin"
    removed = json.loads(ctl("user", "project", "remove", "cli_test_user", "cli_project", "-j"))
    assert [place["project_id"] for place in removed["projects"]] == ["cli_other"]
    ctl("user", "passphrase", "--user", "cli_test_user", "-p", "qwerqwerqwer")
    assert hanami_token.request_token(server.address, "cli_test_user", "qwerqwerqwer")
    ctl("user", "delete", "cli_test_user")
    for name in ("cli_project", "cli_other"):
        ctl("project", "delete", name)


def test_users_and_their_projects_with_the_sdk(login: Login, server: LocalServer) -> None:
    printed = "id", "name", "creator_id", "projects", "is_admin"
    for is_admin in (True, False):
        created = json.loads(user.create_user(*login, "new_user", "new_user", "asdfasdf", is_admin))
        expected = {"creator_id": server.user, "id": "new_user", "is_admin": is_admin, "name": "new_user"}
        assert created.items() >= (expected | {"projects": []}).items()
        assert json.loads(user.get_user(*login, "new_user")) == created
        assert created in rows(user.list_users(*login), *printed)
        user.delete_user(*login, "new_user")
    user.create_user(*login, "new_user", "new_user", "asdfasdf", False)

    for name in ("test_project", "other_project"):
        project.create_project(*login, name, "Test Project")
        user.add_roject_to_user(*login, "new_user", name, "member", True)
    own = hanami_token.request_token(server.address, "new_user", "asdfasdf"), server.address
    membership = {"project_id": "test_project", "role": "member", "is_project_admin": True}
    assert membership in json.loads(user.list_projects_of_user(*own))["projects"]
    assert "token" in json.loads(user.switch_project(*own, "other_project"))
    user.remove_project_fromUser(*login, "new_user", "test_project")
    left = json.loads(user.get_user(*login, "new_user"))["projects"]
    assert [entry["project_id"] for entry in left] == ["other_project"]

    user.delete_user(*login, "new_user")
    for name in ("test_project", "other_project"):
        project.delete_project(*login, name)
    assert "new_user" not in [row["id"] for row in rows(user.list_users(*login))]
