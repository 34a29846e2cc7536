"""Exceptions, projects and users of v0.4."""

from __future__ import annotations

import json

import pytest

from hanami_sdk.v04 import (
    cluster,
    hanami_exceptions,
    hanami_token,
    project,
    user,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import ABSENT, TEMPLATE, Like, Login, table


def test_exceptions(login: Login, server: LocalServer) -> None:
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Cluster with uuid '{ABSENT}' not found"):
        cluster.get_cluster(*login, ABSENT, verify_connection=False)
    with pytest.raises(hanami_exceptions.BadRequestException, match="uuid"):
        cluster.get_cluster(*login, "fail_cluster")
    with pytest.raises(hanami_exceptions.UnauthorizedException, match="User or password is incorrect"):
        hanami_token.request_token(server.address, server.user, "a wrong password", verify_connection=False)
    with pytest.raises(hanami_exceptions.UnauthorizedException, match=r"^Failed to validate JWT-Token$"):
        cluster.list_clusters("no token", server.address)
    with pytest.raises(hanami_exceptions.ConflictException, match="tries to delete himself"):
        user.delete_user(*login, server.user)


def test_projects(login: Login, server: LocalServer) -> None:
    expected = {"creator_id": server.user, "id": "test_project", "name": "Test Project"}
    assert json.loads(project.create_project(*login, "test_project", "Test Project")) == expected
    with pytest.raises(hanami_exceptions.ConflictException):
        project.create_project(*login, "test_project", "Test Project")
    assert json.loads(project.get_project(*login, "test_project")) == expected
    rows = table(project.list_projects(*login), ["id", "name", "creator_id"])
    assert ["test_project", "Test Project", server.user] in rows
    with pytest.raises(hanami_exceptions.NotFoundException):
        project.get_project(*login, "fail_project")
    assert json.loads(project.delete_project(*login, "test_project")) == {}
    with pytest.raises(hanami_exceptions.NotFoundException):
        project.delete_project(*login, "test_project")


@pytest.mark.parametrize("is_admin", [True, False])
def test_users(login: Login, server: LocalServer, is_admin: bool) -> None:
    expected = {
        "creator_id": server.user,
        "id": "new_user",
        "is_admin": is_admin,
        "name": "new_user",
        "projects": [],
    }
    assert json.loads(user.create_user(*login, "new_user", "new_user", "new password", is_admin)) == expected
    with pytest.raises(hanami_exceptions.ConflictException):
        user.create_user(*login, "new_user", "new_user", "new password", is_admin)
    assert json.loads(user.get_user(*login, "new_user")) == expected
    rows = table(user.list_users(*login), ["id", "name", "creator_id", "projects", "is_admin"])
    assert ["new_user", "new_user", server.user, [], is_admin] in rows
    # The manuals call the creator of the first admin MISAKI, which no release did.
    assert [server.user, server.user, "HANAMI_INIT", [], True] in rows
    assert json.loads(user.delete_user(*login, "new_user")) == {}
    with pytest.raises(hanami_exceptions.NotFoundException):
        user.delete_user(*login, "new_user")


def test_projects_of_users(login: Login, server: LocalServer) -> None:
    for name in ("test_project", "other_project"):
        project.create_project(*login, name, "Test Project")
    user.create_user(*login, "new_user", "new_user", "asdfasdf", False)
    place = {"project_id": "test_project", "role": "member", "is_project_admin": True}
    added = json.loads(user.add_roject_to_user(*login, "new_user", "test_project", "member", True))
    assert added == json.loads(user.get_user(*login, "new_user"))
    assert added["projects"] == [place]
    user.add_roject_to_user(*login, "new_user", "other_project", "member", False)

    own = hanami_token.request_token(server.address, "new_user", "asdfasdf"), server.address
    other = {"project_id": "other_project", "role": "member", "is_project_admin": False}
    assert json.loads(user.list_projects_of_user(*own)) == {"projects": [place, other]}
    # The function of v0.4.0 fails before it sends anything, that of v0.4.1 calls an endpoint that refuses it.
    switched = json.loads(user.switch_project(*own, "other_project"))
    assert switched == {"id": "new_user", "is_admin": False, "name": "new_user", "token": Like(r"[\w-]+(\.[\w-]+){2}")}
    created = json.loads(cluster.create_cluster(switched["token"], server.address, "of other project", TEMPLATE))
    assert created["project_id"] == "other_project"
    cluster.delete_cluster(switched["token"], server.address, created["uuid"])

    removed = json.loads(user.remove_project_fromUser(*login, "new_user", "test_project"))
    assert removed["projects"] == [other]
    user.delete_user(*login, "new_user")
    for name in ("test_project", "other_project"):
        project.delete_project(*login, name)
