"""Native routes of tokens, and the one that adds a membership or switches to one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Route
from hanami_core.ids import Id, UserId
from hanami_plugins import projects, users
from hanami_plugins.auth_jwt import service
from hanami_plugins.auth_jwt.tokens import LONGEST_TOKEN
from hanami_plugins.users import native

PATH = "/token"
CHANGE_PATH = "/user/passphrase"
CHECK_PATH = "/auth"
MEMBERSHIP_PATH = "/user/project"
HTTP_TYPES = ("DELETE", "GET", "HEAD", "POST", "PUT")
"""Methods as `http_type` counts them, from 1 on."""


class CreateToken(native.SecretFields, forbid_unknown_fields=True, kw_only=True):
    """Who logs in, with which secret."""

    id: UserId


class TokenAnswer(msgspec.Struct):
    """A token and whom it is for."""

    id: str
    is_admin: bool
    name: str
    token: str


class Renew(msgspec.Struct, forbid_unknown_fields=True):
    """The project of the new token."""

    project_id: Id


class ChangePassphrase(native.ChangedSecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new passphrase: the caller's, with the current one, or that of the user `id`."""

    id: UserId = ""


class Changed(msgspec.Struct):
    """Whose passphrase was changed, and a fresh token, or an empty one if that was not the caller's."""

    id: str
    token: str = ""


class Assign(msgspec.Struct, forbid_unknown_fields=True):
    """A new place of the user `id`; with `project_id` alone, a switch to that project."""

    project_id: Id
    id: UserId = ""
    role: Id = ""
    is_project_admin: bool = False


class CheckToken(msgspec.Struct, forbid_unknown_fields=True):
    """A call that the caller wants to make: its endpoint and its method, from DELETE 1 and GET 2 to POST 4 and PUT 5.

    `token` is accepted and ignored; the header's counts.
    """

    endpoint: Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z._/0-9]*$", min_length=4, max_length=256)] = ""
    http_type: Annotated[int, Meta(ge=1, le=len(HTTP_TYPES))] | None = None
    token: Annotated[str, Meta(max_length=LONGEST_TOKEN)] = ""


class Identity(msgspec.Struct):
    """Whom a token stands for."""

    id: str
    is_admin: bool
    is_project_admin: bool
    name: str
    project_id: str
    role: str


def routes() -> list[Route]:
    """Return all routes."""
    either = native.UserAnswer | TokenAnswer
    return [
        Route("POST", PATH, "tokens.create", CreateToken, TokenAnswer, create, anonymous=True),
        Route("PUT", PATH, "tokens.renew", Renew, TokenAnswer, renew),
        Route("GET", CHECK_PATH, "tokens.check", CheckToken, Identity, check),
        Route("PUT", CHANGE_PATH, "passphrases.change", ChangePassphrase, Changed, change_passphrase),
        Route("POST", MEMBERSHIP_PATH, "memberships.add", Assign, either, assign),
    ]


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
    """Change the own passphrase, or as an admin somebody's; all tokens of that user end.

    The own one needs the current passphrase as `current_passphrase` (base64) or `current_password`, and is answered
    with a fresh token for the same project.
    """
    if request.id in ("", call.actor.user_id):
        current, new = request.current_secret(), request.secret()
        changed = service.change_passphrase(call.runtime, call.actor, current, new, call.address)
        return Changed(changed.account.id, changed.token)
    # Who is no admin learns that before anything about the fields.
    call.access.require_admin("passphrase_of_others")
    return Changed(users.set_passphrase(call.access, request.id, request.secret()).id)


def assign(call: Call, request: Assign) -> native.UserAnswer | TokenAnswer:
    """Give a user a place in a project, or switch the caller to a project.

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
