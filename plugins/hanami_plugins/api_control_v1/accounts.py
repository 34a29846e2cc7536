"""Logins, users and projects, as v0.4 shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing, rows_like
from hanami_core.identity import ProjectMembership
from hanami_core.ids import AnyName, AnyProject, AnyUser, Id, Name, UserId
from hanami_plugins import auth_jwt, projects, users
from hanami_plugins.api_control_v1.api import ATTRIBUTES, NAME, for_admins, route
from hanami_plugins.users import Membership, User

USER_HEADER = ("id", "name", "creator_id", "projects", "is_admin")
PROJECT_HEADER = ("id", "name", "creator_id")
HTTP_TYPES = ("DELETE", "GET", "HEAD", "POST", "PUT")
"""Methods as `http_type` counts them, from 1 on."""
TOKEN, SECRET = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJrYXRoZXJpbmUifQ.c2lnbmF0dXJl", "correct horse battery"

Endpoint = Annotated[
    str, Meta(pattern=r"^[a-zA-Z][a-zA-Z_/0-9]*$", min_length=4, max_length=256, examples=["v1/cluster"])
]
ShownAdmin = Annotated[bool, Meta(examples=[False])]
ShownRole = Annotated[str, Meta(examples=["member"])]
PersonName = Annotated[AnyName, Meta(examples=["Katherine Johnson"])]
Password = Annotated[
    str, Meta(description="Passphrase, at least 8 bytes.", min_length=8, max_length=4096, examples=[SECRET])
]


class ControlLogin(msgspec.Struct, forbid_unknown_fields=True):
    """A login.

    Attributes:
        id: id of the user.
    """

    id: UserId
    password: Password

    def __repr__(self) -> str:
        """Show no secret, because a representation may end up in a log."""
        return f"ControlLogin({self.id!r}, ...)"


class ControlRenew(msgspec.Struct, forbid_unknown_fields=True):
    """The project of the new token.

    Attributes:
        project_id: id of a project that you are a member of.
    """

    project_id: Id


class ControlTokenAnswer(msgspec.Struct):
    """A token and its user.

    Attributes:
        id: id of the user.
        is_admin: whether the user is a global admin.
        name: name of the user.
        token: token for the header `X-Auth-Token`.
    """

    id: AnyUser
    is_admin: ShownAdmin
    name: PersonName
    token: Annotated[str, Meta(examples=[TOKEN])]


class ControlCheckToken(msgspec.Struct, forbid_unknown_fields=True):
    """A call that you want to make; without one, only the token is checked.

    Attributes:
        endpoint: path of the call without the leading slash; needs `http_type`.
        http_type: method of the call: 1 for DELETE, 2 GET, 3 HEAD, 4 POST, 5 PUT; needs `endpoint`.
        token: not used; accepted for released clients. The token in the header counts.
    """

    endpoint: Annotated[
        str, Meta(pattern=r"^[a-zA-Z][a-zA-Z_/0-9]*$", min_length=4, max_length=256, examples=["v1/cluster"])
    ] = ""
    http_type: Annotated[int, Meta(ge=1, le=len(HTTP_TYPES), examples=[4])] | None = None
    token: Annotated[str, Meta(max_length=4096, examples=[TOKEN])] = ""


class ControlIdentity(msgspec.Struct):
    """The user and the project of a token.

    Attributes:
        id: id of the user.
        is_admin: whether the user is a global admin.
        is_project_admin: whether the user manages the members of the project.
        name: name of the user.
        project_id: id of the project that the user works in.
        role: role of the user in the project.
    """

    id: AnyUser
    is_admin: ShownAdmin
    is_project_admin: ShownAdmin
    name: PersonName
    project_id: AnyProject
    role: ShownRole


class ControlCreateUser(msgspec.Struct, forbid_unknown_fields=True):
    """A new user.

    Attributes:
        id: id of the user, for logging in.
        name: name of the user.
        is_admin: whether the user is a global admin, who may do everything.
    """

    id: UserId
    name: Annotated[Name, Meta(examples=["Katherine Johnson"])]
    password: Password
    is_admin: bool = False

    def __repr__(self) -> str:
        """Show no secret, because a representation may end up in a log."""
        return f"ControlCreateUser({self.id!r}, ...)"


class UserById(msgspec.Struct, forbid_unknown_fields=True):
    """A user.

    Attributes:
        id: id of the user.
    """

    id: UserId


class ControlMembership(msgspec.Struct):
    """A membership in a project.

    Attributes:
        is_project_admin: whether the user manages the members of the project.
        project_id: id of the project.
        role: role of the user in the project.
    """

    is_project_admin: ShownAdmin
    project_id: AnyProject
    role: ShownRole


class ControlUserAnswer(msgspec.Struct):
    """A user.

    Attributes:
        creator_id: id of the user who created this one.
        id: id of the user.
        is_admin: whether the user is a global admin.
        name: name of the user.
        projects: projects that the user works in.
    """

    creator_id: Annotated[AnyUser, Meta(examples=["asdf"])]
    id: AnyUser
    is_admin: ShownAdmin
    name: PersonName
    projects: list[ControlMembership]


class ControlAssign(msgspec.Struct, forbid_unknown_fields=True):
    """A new member of a project; with `project_id` alone, a switch of your own to that project.

    Attributes:
        project_id: id of the project.
        id: id of the user.
        role: role of the user in the project, one that the policy knows, such as `member` or `admin`.
        is_project_admin: whether the user manages the members of the project.
    """

    project_id: Id
    id: UserId = ""
    role: Annotated[Id, Meta(examples=["member"])] = ""
    is_project_admin: bool = False


class ControlUnassign(msgspec.Struct, forbid_unknown_fields=True):
    """A member of a project.

    Attributes:
        id: id of the user.
        project_id: id of the project.
    """

    id: UserId
    project_id: Id


class ControlOfUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user whose projects are listed.

    Attributes:
        user_id: id of the user; you if empty.
    """

    user_id: UserId = ""


class ControlMemberships(msgspec.Struct):
    """The projects of a user.

    Attributes:
        projects: memberships, one for each project.
    """

    projects: list[ControlMembership]


class ControlCreateProject(msgspec.Struct, forbid_unknown_fields=True):
    """A new project.

    Attributes:
        id: id of the project.
        name: name of the project.
    """

    id: Id
    name: Annotated[Name, Meta(examples=["Flower shop"])]


class ProjectById(msgspec.Struct, forbid_unknown_fields=True):
    """A project.

    Attributes:
        id: id of the project.
    """

    id: Id


class ControlProjectAnswer(msgspec.Struct):
    """A project.

    Attributes:
        creator_id: id of the user who created it.
        id: id of the project.
        name: name of the project.
    """

    creator_id: Annotated[AnyUser, Meta(examples=["asdf"])]
    id: AnyProject
    name: Annotated[AnyName, Meta(examples=["Flower shop"])]


UserRow = rows_like(
    Listing,
    id="katherine",
    name="Katherine Johnson",
    creator_id="asdf",
    projects=[{"is_project_admin": False, "project_id": "flower_shop", "role": "member"}],
    is_admin=False,
)
ProjectRow = rows_like(Listing, id="flower_shop", name="Flower shop", creator_id="asdf")


def routes() -> list[Route]:
    """Return the routes."""
    either = ControlUserAnswer | ControlTokenAnswer
    return [
        Route("POST", "/token", "tokens.create", ControlLogin, ControlTokenAnswer, log_in, anonymous=True, api=NAME),
        route("PUT", "/token", "tokens.renew", ControlRenew, ControlTokenAnswer, renew),
        route(
            "GET", "/auth", "tokens.check", ControlCheckToken, ControlIdentity, check, example=("endpoint", "http_type")
        ),
        for_admins("POST", "/user", "users.create", ControlCreateUser, ControlUserAnswer, create_user, keyed=True),
        for_admins("GET", "/user", "users.get", UserById, ControlUserAnswer, get_user),
        for_admins("GET", "/user/all", "users.list", Paging, UserRow, list_users),
        for_admins("DELETE", "/user", "users.delete", UserById, Empty, delete_user),
        route("POST", "/user/project", "memberships.add", ControlAssign, either, assign),
        route("DELETE", "/user/project", "memberships.remove", ControlUnassign, ControlUserAnswer, unassign),
        route("GET", "/user/project", "memberships.list", ControlOfUser, ControlMemberships, list_memberships),
        for_admins(
            "POST",
            "/project",
            "projects.create",
            ControlCreateProject,
            ControlProjectAnswer,
            create_project,
            keyed=True,
        ),
        for_admins("GET", "/project", "projects.get", ProjectById, ControlProjectAnswer, get_project),
        for_admins("GET", "/project/all", "projects.list", Paging, ProjectRow, list_projects),
        for_admins("DELETE", "/project", "projects.delete", ProjectById, Empty, delete_project),
    ]


# -- logins ------------------------------------------------------------------------------------------------------------


def log_in(call: Call, request: ControlLogin) -> ControlTokenAnswer:
    """Log in; the token tells later which generation its client is of."""
    found = auth_jwt.login(call.runtime, request.id, request.password, call.address, attributes=ATTRIBUTES)
    return _token(found)


def renew(call: Call, request: ControlRenew) -> ControlTokenAnswer:
    """Return a fresh token for a project of the caller."""
    return _token(auth_jwt.switch_project(call.runtime, call.actor, request.project_id))


def _token(login: auth_jwt.Login) -> ControlTokenAnswer:
    return ControlTokenAnswer(login.account.id, login.account.is_admin, login.account.name, login.token)


def check(call: Call, request: ControlCheckToken) -> ControlIdentity:
    """Tell whom the token stands for, and refuse it if it does not allow the given call."""
    if bool(request.endpoint) != (request.http_type is not None):
        raise BadRequest("field_missing", field="http_type" if request.endpoint else "endpoint")
    if request.http_type is not None:
        auth_jwt.check_call(call.runtime, call.actor, HTTP_TYPES[request.http_type - 1], request.endpoint)
    actor = call.actor
    return ControlIdentity(
        actor.user_id, actor.is_admin, actor.is_project_admin, actor.name, actor.project_id, actor.role
    )


# -- users -------------------------------------------------------------------------------------------------------------


def create_user(call: Call, request: ControlCreateUser) -> ControlUserAnswer:
    """Create a user."""
    given = request.id, request.name, request.password
    return _user(users.create_user(call.runtime, call.access, *given, is_admin=request.is_admin))


def get_user(call: Call, request: UserById) -> ControlUserAnswer:
    """Return a user."""
    return _user(users.get_user(call.access, request.id))


def list_users(call: Call, request: Paging) -> Listing:
    """List all users."""
    found = users.all_memberships()

    def row(user: User) -> list[object]:
        return [user.id, user.name, user.creator_id, _places(found.get(user.id, [])), user.is_admin]

    return listing(USER_HEADER, users.list_users(call.access), request, row)


def delete_user(call: Call, request: UserById) -> Empty:
    """Delete a user; nobody can delete himself."""
    users.delete_user(call.runtime, call.access, request.id)
    return Empty()


def _user(user: User) -> ControlUserAnswer:
    return ControlUserAnswer(user.creator_id, user.id, user.is_admin, user.name, _places(users.memberships(user.id)))


def _places(found: Iterable[Membership | ProjectMembership]) -> list[ControlMembership]:
    return [ControlMembership(one.is_project_admin, one.project_id, one.role) for one in found]


# -- projects ----------------------------------------------------------------------------------------------------------


def assign(call: Call, request: ControlAssign) -> ControlUserAnswer | ControlTokenAnswer:
    """Make a user a member of a project, or, with `project_id` alone, switch the caller to a project."""
    if not (request.id or request.role or request.is_project_admin):
        return _token(auth_jwt.switch_project(call.runtime, call.actor, request.project_id))
    call.access.require_admin()
    for name in ("id", "role"):
        if not getattr(request, name):
            raise BadRequest("field_missing", field=name)
    given = request.id, request.project_id, request.role
    return _user(projects.assign(call.access, *given, is_project_admin=request.is_project_admin))


def unassign(call: Call, request: ControlUnassign) -> ControlUserAnswer:
    """Take a user's place in a project."""
    return _user(projects.unassign(call.access, request.id, request.project_id))


def list_memberships(call: Call, request: ControlOfUser) -> ControlMemberships:
    """List where a user can work; only an admin may ask about others."""
    return ControlMemberships(_places(projects.list_memberships(call.access, request.user_id or None)))


def create_project(call: Call, request: ControlCreateProject) -> ControlProjectAnswer:
    """Create a project."""
    return _project(projects.create_project(call.access, request.id, request.name))


def get_project(call: Call, request: ProjectById) -> ControlProjectAnswer:
    """Return a project."""
    return _project(projects.get_project(call.access, request.id))


def list_projects(call: Call, request: Paging) -> Listing:
    """List all projects."""
    return listing(PROJECT_HEADER, projects.list_projects(call.access), request)


def delete_project(call: Call, request: ProjectById) -> Empty:
    """Delete a project that contains no resources."""
    projects.delete_project(call.runtime, call.access, request.id)
    return Empty()


def _project(project: projects.Project) -> ControlProjectAnswer:
    return ControlProjectAnswer(project.creator_id, project.id, project.name)
