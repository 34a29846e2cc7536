"""Native routes of projects, and of the memberships of users in them.

``POST /user/project`` stands with the plugin that issues tokens: with a project alone, it switches the caller's login.
"""

from __future__ import annotations

import msgspec

from hanami_core.clock import Moment
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Id, Name, UserId
from hanami_plugins.projects import service
from hanami_plugins.projects.models import Project
from hanami_plugins.users import native

PREFIX = "/project"
USER_PREFIX = "/user/project"
LIST_HEADER = ("created_at", "id", "name", "creator_id")
ADMINS, ALL = ("admin",), ("admin", "member")


class CreateProject(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new project."""

    id: Id
    name: Name


class ById(msgspec.Struct, forbid_unknown_fields=True):
    """A project by its identifier."""

    id: Id


class ProjectAnswer(msgspec.Struct):
    """A project, as clients see it."""

    created_at: Moment
    creator_id: str
    id: str
    name: str


class Unassign(msgspec.Struct, forbid_unknown_fields=True):
    """A membership of a user in a project."""

    id: UserId
    project_id: Id


class OfUser(msgspec.Struct, forbid_unknown_fields=True):
    """The user to list the projects of; oneself if not given."""

    user_id: UserId = ""


class ProjectsAnswer(msgspec.Struct):
    """Projects of a user."""

    projects: list[native.MembershipAnswer]


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PREFIX, "projects.create", CreateProject, ProjectAnswer, create, ADMINS, keyed=True),
        Route("GET", PREFIX, "projects.get", ById, ProjectAnswer, get, ADMINS),
        Route("DELETE", PREFIX, "projects.delete", ById, Empty, delete, ADMINS),
        Route("GET", f"{PREFIX}/all", "projects.list", Paging, Listing, list_all, ADMINS),
        Route("DELETE", USER_PREFIX, "memberships.remove", Unassign, native.UserAnswer, unassign, ALL),
        Route("GET", USER_PREFIX, "memberships.list", OfUser, ProjectsAnswer, list_of_user, ALL),
    ]


def create(call: Call, request: CreateProject) -> ProjectAnswer:
    """Create a project."""
    return _answer(service.create_project(call.access, request.id, request.name))


def get(call: Call, request: ById) -> ProjectAnswer:
    """Return a project."""
    return _answer(service.get_project(call.access, request.id))


def delete(call: Call, request: ById) -> Empty:
    """Delete a project that contains no resources."""
    service.delete_project(call.runtime, call.access, request.id)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List all projects."""
    return listing(LIST_HEADER, service.list_projects(call.access), request)


def unassign(call: Call, request: Unassign) -> native.UserAnswer:
    """Take a user's place in a project."""
    return native.user_answer(service.unassign(call.access, request.id, request.project_id))


def list_of_user(call: Call, request: OfUser) -> ProjectsAnswer:
    """List where a user can work; only an admin may ask about others."""
    return ProjectsAnswer(native.membership_answers(service.list_memberships(call.access, request.user_id or None)))


def _answer(project: Project) -> ProjectAnswer:
    return ProjectAnswer(Moment(project.created_at), project.creator_id, project.id, project.name)
