"""Logins, users and projects, as v0.4 shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.identity import ProjectMembership
from hanami_core.ids import Id, Name, UserId
from hanami_plugins import auth_jwt, projects, users
from hanami_plugins.api_control_v1.api import ATTRIBUTES, NAME, for_admins, route
from hanami_plugins.users import Membership, User

USER_HEADER = ("id", "name", "creator_id", "projects", "is_admin")
PROJECT_HEADER = ("id", "name", "creator_id")
HTTP_TYPES = ("DELETE", "GET", "HEAD", "POST", "PUT")
"""Methods as `http_type` counts them, from 1 on."""

Password = Annotated[str, Meta(min_length=8, max_length=4096)]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """Who logs in, with which secret."""

    id: UserId
    password: Password

    def __repr__(self) -> str:
        """Show no secret, because a representation may end up in a log."""
        return f"Login({self.id!r}, ...)"


class Renew(msgspec.Struct, forbid_unknown_fields=True):
    """The project of the new token."""

    project_id: Id


class TokenAnswer(msgspec.Struct):
    """A token and whom it is for."""

    id: str
    is_admin: bool
    name: str
    token: str


class CheckToken(msgspec.Struct, forbid_unknown_fields=True):
    """A call that the caller wants to make: its endpoint and its method, from DELETE 1 and GET 2 to PUT 5."""

    endpoint: Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z_/0-9]*$", min_length=4, max_length=256)] = ""
    http_type: Annotated[int, Meta(ge=1, le=len(HTTP_TYPES))] | None = None
    token: Annotated[str, Meta(max_length=4096)] = ""


class Identity(msgspec.Struct):
    """Whom a token stands for."""

    id: str
    is_admin: bool
    is_project_admin: bool
    name: str
    project_id: str
    role: str


class CreateUser(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new user."""

    id: UserId
    name: Name
    password: Password
    is_admin: bool = False

    def __repr__(self) -> str:
        """Show no secret, because a representation may end up in a log."""
        return f"CreateUser({self.id!r}, ...)"


class UserById(msgspec.Struct, forbid_unknown_fields=True):
    """A user."""

    id: UserId


class Place(msgspec.Struct):
    """A user's place in a project."""

    is_project_admin: bool
    project_id: str
    role: str


class UserAnswer(msgspec.Struct):
    """A user."""

    creator_id: str
    id: str
    is_admin: bool
    name: str
    projects: list[Place]


class Assign(msgspec.Struct, forbid_unknown_fields=True):
    """A new place of a user; with `project_id` alone, a switch of the caller to that project."""

    project_id: Id
    id: UserId = ""
    role: Id = ""
    is_project_admin: bool = False


class Unassign(msgspec.Struct, forbid_unknown_fields=True):
    """A place of a user."""

    id: UserId
    project_id: Id


class OfUser(msgspec.Struct, forbid_unknown_fields=True):
    """The user to list the projects of; oneself if not given."""

    user_id: UserId = ""


class Places(msgspec.Struct):
    """Where a user can work."""

    projects: list[Place]


class CreateProject(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new project."""

    id: Id
    name: Name


class ProjectById(msgspec.Struct, forbid_unknown_fields=True):
    """A project."""

    id: Id


class ProjectAnswer(msgspec.Struct):
    """A project."""

    creator_id: str
    id: str
    name: str


def routes() -> list[Route]:
    """Return the routes."""
    either = UserAnswer | TokenAnswer
    return [
        Route("POST", "/token", "tokens.create", Login, TokenAnswer, log_in, anonymous=True, api=NAME),
        route("PUT", "/token", "tokens.renew", Renew, TokenAnswer, renew),
        route("GET", "/auth", "tokens.check", CheckToken, Identity, check),
        for_admins("POST", "/user", "users.create", CreateUser, UserAnswer, create_user, keyed=True),
        for_admins("GET", "/user", "users.get", UserById, UserAnswer, get_user),
        for_admins("GET", "/user/all", "users.list", Paging, Listing, list_users),
        for_admins("DELETE", "/user", "users.delete", UserById, Empty, delete_user),
        route("POST", "/user/project", "memberships.add", Assign, either, assign),
        route("DELETE", "/user/project", "memberships.remove", Unassign, UserAnswer, unassign),
        route("GET", "/user/project", "memberships.list", OfUser, Places, list_places),
        for_admins("POST", "/project", "projects.create", CreateProject, ProjectAnswer, create_project, keyed=True),
        for_admins("GET", "/project", "projects.get", ProjectById, ProjectAnswer, get_project),
        for_admins("GET", "/project/all", "projects.list", Paging, Listing, list_projects),
        for_admins("DELETE", "/project", "projects.delete", ProjectById, Empty, delete_project),
    ]


# -- logins ------------------------------------------------------------------------------------------------------------


def log_in(call: Call, request: Login) -> TokenAnswer:
    """Log in; the token tells later which generation its client is of."""
    found = auth_jwt.login(call.runtime, request.id, request.password, call.address, attributes=ATTRIBUTES)
    return _token(found)


def renew(call: Call, request: Renew) -> TokenAnswer:
    """Return a fresh token for a project of the caller."""
    return _token(auth_jwt.switch_project(call.runtime, call.actor, request.project_id))


def _token(login: auth_jwt.Login) -> TokenAnswer:
    return TokenAnswer(login.account.id, login.account.is_admin, login.account.name, login.token)


def check(call: Call, request: CheckToken) -> Identity:
    """Tell whom the token stands for, and refuse it if it does not allow the given call."""
    if bool(request.endpoint) != (request.http_type is not None):
        raise BadRequest("field_missing", field="http_type" if request.endpoint else "endpoint")
    if request.http_type is not None:
        auth_jwt.check_call(call.runtime, call.actor, HTTP_TYPES[request.http_type - 1], request.endpoint)
    actor = call.actor
    return Identity(actor.user_id, actor.is_admin, actor.is_project_admin, actor.name, actor.project_id, actor.role)


# -- users -------------------------------------------------------------------------------------------------------------


def create_user(call: Call, request: CreateUser) -> UserAnswer:
    """Create a user."""
    given = request.id, request.name, request.password
    return _user(users.create_user(call.runtime, call.access, *given, is_admin=request.is_admin))


def get_user(call: Call, request: UserById) -> UserAnswer:
    """Return a user."""
    return _user(users.get_user(call.access, request.id))


def list_users(call: Call, request: Paging) -> Listing:
    """List all users."""
    found = users.all_memberships()

    def row(user: User) -> list[Any]:
        return [user.id, user.name, user.creator_id, _places(found.get(user.id, [])), user.is_admin]

    return listing(USER_HEADER, users.list_users(call.access), request, row)


def delete_user(call: Call, request: UserById) -> Empty:
    """Delete a user; nobody can delete himself."""
    users.delete_user(call.runtime, call.access, request.id)
    return Empty()


def _user(user: User) -> UserAnswer:
    return UserAnswer(user.creator_id, user.id, user.is_admin, user.name, _places(users.memberships(user.id)))


def _places(found: Iterable[Membership | ProjectMembership]) -> list[Place]:
    return [Place(one.is_project_admin, one.project_id, one.role) for one in found]


# -- projects ----------------------------------------------------------------------------------------------------------


def assign(call: Call, request: Assign) -> UserAnswer | TokenAnswer:
    """Give a user a place in a project, or, with `project_id` alone, switch the caller to a project."""
    if not (request.id or request.role or request.is_project_admin):
        return _token(auth_jwt.switch_project(call.runtime, call.actor, request.project_id))
    call.access.require_admin()
    for name in ("id", "role"):
        if not getattr(request, name):
            raise BadRequest("field_missing", field=name)
    given = request.id, request.project_id, request.role
    return _user(projects.assign(call.access, *given, is_project_admin=request.is_project_admin))


def unassign(call: Call, request: Unassign) -> UserAnswer:
    """Take a user's place in a project."""
    return _user(projects.unassign(call.access, request.id, request.project_id))


def list_places(call: Call, request: OfUser) -> Places:
    """List where a user can work; only an admin may ask about others."""
    return Places(_places(projects.list_memberships(call.access, request.user_id or None)))


def create_project(call: Call, request: CreateProject) -> ProjectAnswer:
    """Create a project."""
    return _project(projects.create_project(call.access, request.id, request.name))


def get_project(call: Call, request: ProjectById) -> ProjectAnswer:
    """Return a project."""
    return _project(projects.get_project(call.access, request.id))


def list_projects(call: Call, request: Paging) -> Listing:
    """List all projects."""
    return listing(PROJECT_HEADER, projects.list_projects(call.access), request)


def delete_project(call: Call, request: ProjectById) -> Empty:
    """Delete a project that contains no resources."""
    projects.delete_project(call.runtime, call.access, request.id)
    return Empty()


def _project(project: projects.Project) -> ProjectAnswer:
    return ProjectAnswer(project.creator_id, project.id, project.name)
