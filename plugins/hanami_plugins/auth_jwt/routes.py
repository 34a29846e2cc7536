"""Native routes of tokens, and the one that adds a membership or switches to one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Route, RouteGroup
from hanami_core.ids import AnyName, AnyProject, AnyUser, Id, UserId
from hanami_plugins import projects, users
from hanami_plugins.auth_jwt import service
from hanami_plugins.auth_jwt.tokens import LONGEST_TOKEN
from hanami_plugins.users import native

PATH = "/token"
GROUP = RouteGroup("tokens", "Log in with a passphrase, and send the token that you get with all other calls.", 100)
PROJECTS = RouteGroup("projects", "Create projects, and decide who works in them.", 700)
CHANGE_PATH = "/user/passphrase"
CHECK_PATH = "/auth"
MEMBERSHIP_PATH = "/user/project"
HTTP_TYPES = ("DELETE", "GET", "HEAD", "POST", "PUT")
"""Methods as `http_type` counts them, from 1 on."""
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJrYXRoZXJpbmUifQ.c2lnbmF0dXJl"  # noqa: S105 - an example
ShownToken = Annotated[str, Meta(examples=[TOKEN])]


class CreateToken(native.SecretFields, forbid_unknown_fields=True, kw_only=True):
    """A login; needs either `passphrase` or `password`.

    Attributes:
        id: id of the user.
    """

    id: UserId


class TokenAnswer(msgspec.Struct):
    """A token and its user.

    Attributes:
        id: id of the user.
        is_admin: whether the user is a global admin.
        name: name of the user.
        token: token for the header `X-Auth-Token`; expires after an hour by default.
    """

    id: AnyUser
    is_admin: Annotated[bool, Meta(examples=[False])]
    name: Annotated[AnyName, Meta(examples=["Katherine Johnson"])]
    token: ShownToken


class Renew(msgspec.Struct, forbid_unknown_fields=True):
    """The project of the new token.

    Attributes:
        project_id: id of a project that you are a member of.
    """

    project_id: Id


class ChangePassphrase(native.ChangedSecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new passphrase: your own, with the current one, or as an admin that of a user.

    Attributes:
        id: id of the user; your own if empty.
    """

    id: UserId = ""


class Changed(msgspec.Struct):
    """Whose passphrase was changed.

    Attributes:
        id: id of the user.
        token: new token for you; empty if the passphrase is that of somebody else.
    """

    id: AnyUser
    token: ShownToken = ""


class Assign(msgspec.Struct, forbid_unknown_fields=True):
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


class CheckToken(msgspec.Struct, forbid_unknown_fields=True):
    """A call that you want to make; without one, only the token is checked.

    Attributes:
        endpoint: path of the call without the leading slash; needs `http_type`.
        http_type: method of the call: 1 for DELETE, 2 GET, 3 HEAD, 4 POST, 5 PUT; needs `endpoint`.
        token: not used; accepted for released clients. The token in the header counts.
    """

    endpoint: Annotated[
        str, Meta(pattern=r"^[a-zA-Z][a-zA-Z._/0-9]*$", min_length=4, max_length=256, examples=["v1.0alpha/cluster"])
    ] = ""
    http_type: Annotated[int, Meta(ge=1, le=len(HTTP_TYPES), examples=[4])] | None = None
    token: Annotated[str, Meta(max_length=LONGEST_TOKEN, examples=[TOKEN])] = ""


class Identity(msgspec.Struct):
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
    is_admin: Annotated[bool, Meta(examples=[False])]
    is_project_admin: Annotated[bool, Meta(examples=[False])]
    name: Annotated[AnyName, Meta(examples=["Katherine Johnson"])]
    project_id: AnyProject
    role: Annotated[str, Meta(examples=["member"])]


def routes() -> list[Route]:
    """Return all routes."""
    either = native.UserAnswer | TokenAnswer
    return GROUP.of(
        Route("POST", PATH, "tokens.create", CreateToken, TokenAnswer, create, anonymous=True, example=("password",)),
        Route("PUT", PATH, "tokens.renew", Renew, TokenAnswer, renew),
        Route("GET", CHECK_PATH, "tokens.check", CheckToken, Identity, check, example=("endpoint", "http_type")),
        Route(
            "PUT",
            CHANGE_PATH,
            "passphrases.change",
            ChangePassphrase,
            Changed,
            change_passphrase,
            example=("current_password", "password"),
        ),
        Route(
            "POST",
            MEMBERSHIP_PATH,
            "memberships.add",
            Assign,
            either,
            assign,
            group=PROJECTS,
            example=("id", "role"),
        ),
    )


def create(call: Call, request: CreateToken) -> TokenAnswer:
    """Log in."""
    return _answer(service.login(call.runtime, request.id, request.secret(), call.address))


def renew(call: Call, request: Renew) -> TokenAnswer:
    """Return a fresh token for a project of the caller."""
    return _answer(service.switch_project(call.runtime, call.actor, request.project_id))


def check(call: Call, request: CheckToken) -> Identity:
    """Tell whom the token stands for, and refuse it if it does not allow the given call."""
    if bool(request.endpoint) != (request.http_type is not None):
        raise BadRequest("field_missing", field="http_type" if request.endpoint else "endpoint")
    if request.http_type is not None:
        service.check_call(call.runtime, call.actor, HTTP_TYPES[request.http_type - 1], request.endpoint)
    actor = call.actor
    return Identity(actor.user_id, actor.is_admin, actor.is_project_admin, actor.name, actor.project_id, actor.role)


def change_passphrase(call: Call, request: ChangePassphrase) -> Changed:
    """Change your own passphrase, or as an admin that of a user; all tokens of that user end.

    Your own one needs the current passphrase as `current_passphrase` (base64) or `current_password`, and is answered
    with a fresh token for the same project.
    """
    if request.id in ("", call.actor.user_id):
        current, new = request.current_secret(), request.secret()
        changed = service.change_passphrase(call.runtime, call.actor, current, new, call.address)
        return Changed(changed.account.id, changed.token)
    # Who is not an admin learns that before anything about the fields.
    call.access.require_admin("passphrase_of_others")
    return Changed(users.set_passphrase(call.access, request.id, request.secret()).id)


def assign(call: Call, request: Assign) -> native.UserAnswer | TokenAnswer:
    """Make a user a member of a project, or switch the caller to a project.

    With `project_id` alone it does what `PUT token` does: the answer is a token for one of the caller's own projects.
    Everything else is for admins, needs `id` and `role`, and is answered with the user.
    """
    if not (request.id or request.role or request.is_project_admin):
        return _answer(service.switch_project(call.runtime, call.actor, request.project_id))
    call.access.require_admin()
    for name in ("id", "role"):
        if not getattr(request, name):
            raise BadRequest("field_missing", field=name)
    user = projects.assign(
        call.access, request.id, request.project_id, request.role, is_project_admin=request.is_project_admin
    )
    return native.user_answer(user)


def _answer(login: service.Login) -> TokenAnswer:
    account = login.account
    return TokenAnswer(account.id, account.is_admin, account.name, login.token)
