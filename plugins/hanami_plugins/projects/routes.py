"""REST routes of projects, and of the places of users in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hanami_core.clock import Moment
from hanami_core.errors import BadRequest, NotFound, Unauthorized
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Id, Name, UserId
from hanami_core.stash import StashKey
from hanami_plugins.projects import service
from hanami_plugins.projects.models import Project
from hanami_plugins.projects.service import MISSING
from hanami_plugins.users import MISSING as USER_MISSING
from hanami_plugins.users import (
    MembershipAnswer,
    User,
    UserAnswer,
    contexts,
    find_user,
    membership_answers,
    user_answer,
)

PREFIX = "/project"
USER_PREFIX = "/user/project"
LIST_HEADER = ("created_at", "id", "name", "creator_id")
ADMINS, ALL = ("admin",), ("admin", "member")


class TokenAnswer(msgspec.Struct):
    """A token and whom it is for."""

    id: str
    is_admin: bool
    name: str
    token: str


TOKEN_ISSUER: StashKey[Callable[[str, str], TokenAnswer]] = StashKey("projects.token_issuer")
"""Called with the identifiers of a user and a project, returns the answer that carries a token for it."""


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


class Assign(msgspec.Struct, forbid_unknown_fields=True):
    """A new place of the user `id`; with `project_id` alone, a switch to that project."""

    project_id: Id
    id: UserId = ""
    role: Id = ""
    is_project_admin: bool = False


class Unassign(msgspec.Struct, forbid_unknown_fields=True):
    """A place of a user in a project."""

    id: UserId
    project_id: Id


class OfUser(msgspec.Struct, forbid_unknown_fields=True):
    """The user to list the projects of; oneself if not given."""

    user_id: UserId = ""


class ProjectsAnswer(msgspec.Struct):
    """Projects of a user."""

    projects: list[MembershipAnswer]


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PREFIX, "projects.create", CreateProject, ProjectAnswer, create, ADMINS),
        Route("GET", PREFIX, "projects.get", ById, ProjectAnswer, get, ADMINS),
        Route("DELETE", PREFIX, "projects.delete", ById, Empty, delete, ADMINS),
        Route("GET", f"{PREFIX}/all", "projects.list", Paging, Listing, list_all, ADMINS),
        Route("POST", USER_PREFIX, "memberships.add", Assign, UserAnswer | TokenAnswer, assign, ALL),
        Route("DELETE", USER_PREFIX, "memberships.remove", Unassign, UserAnswer, unassign, ALL),
        Route("GET", USER_PREFIX, "memberships.list", OfUser, ProjectsAnswer, list_of_user, ALL),
    ]


def create(call: Call, request: CreateProject) -> ProjectAnswer:
    """Create a project."""
    return _answer(service.create_project(request.id, request.name, call.actor.user_id))


def get(call: Call, request: ById) -> ProjectAnswer:
    """Return a project."""
    return _answer(call.get(Project, request.id, MISSING.format(request.id)))


def delete(call: Call, request: ById) -> dict[str, Any]:
    """Delete a project that contains no resources."""
    service.delete_project(call.runtime, call.get(Project, request.id, MISSING.format(request.id)))
    return {}


def list_all(call: Call, request: Paging) -> Listing:
    """List all projects."""
    return listing(LIST_HEADER, call.access.visible(Project), request)


def assign(call: Call, request: Assign) -> UserAnswer | TokenAnswer:
    """Give a user a place in a project, or switch the caller to a project.

    With `project_id` alone it does what `PUT token` does: the answer is a token for one of the caller's own projects.
    Everything else is for admins, needs `id` and `role`, and is answered with the user.
    """
    if not (request.id or request.role or request.is_project_admin):
        return _switch(call, request.project_id)
    if not call.actor.is_admin:
        raise Unauthorized
    for name in ("id", "role"):
        if not getattr(request, name):
            raise BadRequest(f"Validation failed, because variable '{name}' is required, but is not set.")
    user = _user(request.id)
    service.assign(user, request.project_id, request.role, is_project_admin=request.is_project_admin)
    return user_answer(user)


def unassign(call: Call, request: Unassign) -> UserAnswer:
    """Take a user's place in a project."""
    user = _user(request.id)
    service.unassign(user, request.project_id)
    return user_answer(user)


def list_of_user(call: Call, request: OfUser) -> ProjectsAnswer:
    """List where a user can work; only an admin may ask about others."""
    if request.user_id and not call.actor.is_admin:
        raise Unauthorized
    user = _user(request.user_id or call.actor.user_id)
    return ProjectsAnswer(membership_answers(contexts(user)))


def _switch(call: Call, project_id: str) -> TokenAnswer:
    if TOKEN_ISSUER not in call.runtime.stash:
        raise BadRequest("Validation failed, because variable 'id' is required, but is not set.")
    return call.runtime.stash[TOKEN_ISSUER](call.actor.user_id, project_id)


def _user(user_id: str) -> User:
    user = find_user(user_id)
    if user is None:
        raise NotFound(USER_MISSING.format(user_id))
    return user


def _answer(project: Project) -> ProjectAnswer:
    return ProjectAnswer(Moment(project.created_at), project.creator_id, project.id, project.name)
