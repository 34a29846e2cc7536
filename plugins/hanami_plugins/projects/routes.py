"""Native routes of projects, and of the memberships of users in them.

``POST /user/project`` stands with the plugin that issues tokens: with a project alone, it switches the caller's login.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Empty, Listing, Paging, Route, RouteGroup, listing, rows_like
from hanami_core.ids import AnyName, AnyProject, AnyUser, Id, Name, UserId
from hanami_plugins.projects import service
from hanami_plugins.projects.models import Project
from hanami_plugins.users import native

PREFIX = "/project"
GROUP = RouteGroup("projects", "Create projects, and decide who works in them.", 700)
USER_PREFIX = "/user/project"
LIST_HEADER = ("created_at", "id", "name", "creator_id")
ADMINS, ALL = ("admin",), ("admin", "member")


class CreateProject(msgspec.Struct, forbid_unknown_fields=True):
    """A new project.

    Attributes:
        id: id of the project.
        name: name of the project.
    """

    id: Id
    name: Annotated[Name, Meta(examples=["Flower shop"])]


class WantedProject(msgspec.Struct, forbid_unknown_fields=True):
    """A project.

    Attributes:
        id: id of the project.
    """

    id: Id


class ProjectAnswer(msgspec.Struct):
    """A project.

    Attributes:
        created_at: when it was created, in UTC.
        creator_id: id of the user who created it.
        id: id of the project.
        name: name of the project.
    """

    created_at: Moment
    creator_id: Annotated[AnyUser, Meta(examples=["asdf"])]
    id: AnyProject
    name: Annotated[AnyName, Meta(examples=["Flower shop"])]


ProjectRow = rows_like(
    Listing, created_at="2026-03-14 09:26:53", id="flower_shop", name="Flower shop", creator_id="asdf"
)


class Unassign(msgspec.Struct, forbid_unknown_fields=True):
    """A member of a project.

    Attributes:
        id: id of the user.
        project_id: id of the project.
    """

    id: UserId
    project_id: Id


class OfUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user whose projects are listed.

    Attributes:
        user_id: id of the user; you if empty.
    """

    user_id: UserId = ""


class ProjectsAnswer(msgspec.Struct):
    """The projects of a user.

    Attributes:
        projects: memberships, one for each project.
    """

    projects: list[native.MembershipAnswer]


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("POST", PREFIX, "projects.create", CreateProject, ProjectAnswer, create, ADMINS, keyed=True),
        Route("GET", PREFIX, "projects.get", WantedProject, ProjectAnswer, get, ADMINS),
        Route("DELETE", PREFIX, "projects.delete", WantedProject, Empty, delete, ADMINS),
        Route("GET", f"{PREFIX}/all", "projects.list", Paging, ProjectRow, list_all, ADMINS),
        Route("DELETE", USER_PREFIX, "memberships.remove", Unassign, native.UserAnswer, unassign, ALL),
        Route("GET", USER_PREFIX, "memberships.list", OfUser, ProjectsAnswer, list_of_user, ALL),
    )


def create(call: Call, request: CreateProject) -> ProjectAnswer:
    """Create a project."""
    return _answer(service.create_project(call.access, request.id, request.name))


def get(call: Call, request: WantedProject) -> ProjectAnswer:
    """Return a project."""
    return _answer(service.get_project(call.access, request.id))


def delete(call: Call, request: WantedProject) -> Empty:
    """Delete a project that contains no resources."""
    service.delete_project(call.runtime, call.access, request.id)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List all projects."""
    return listing(LIST_HEADER, service.list_projects(call.access), request)


def unassign(call: Call, request: Unassign) -> native.UserAnswer:
    """Remove a user from a project."""
    return native.user_answer(service.unassign(call.access, request.id, request.project_id))


def list_of_user(call: Call, request: OfUser) -> ProjectsAnswer:
    """List the projects of a user; only an admin may see those of others."""
    return ProjectsAnswer(native.membership_answers(service.list_memberships(call.access, request.user_id or None)))


def _answer(project: Project) -> ProjectAnswer:
    return ProjectAnswer(Moment(project.created_at), project.creator_id, project.id, project.name)
