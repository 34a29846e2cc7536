"""REST routes of tokens."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.access import Access
from hanami_core.errors import BadRequest, NotFound, Unauthorized
from hanami_core.http import Call, Route
from hanami_core.ids import Id, UserId
from hanami_plugins.auth_jwt.sessions import SESSIONS
from hanami_plugins.auth_jwt.tokens import LONGEST_TOKEN
from hanami_plugins.projects import TokenAnswer
from hanami_plugins.users import MISSING, ChangedSecretFields, SecretFields, find_user, set_passphrase

PATH = "/token"
CHANGE_PATH = "/user/passphrase"
CHECK_PATH = "/auth"
HTTP_TYPES = ("DELETE", "GET", "HEAD", "POST", "PUT")
"""Methods as `http_type` counts them, from 1 on."""


class Login(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """Who logs in, with which secret."""

    id: UserId


class Renew(msgspec.Struct, forbid_unknown_fields=True):
    """The project of the new token."""

    project_id: Id


class ChangePassphrase(ChangedSecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new passphrase: the caller's, with the current one, or that of the user `id`."""

    id: UserId = ""


class Changed(msgspec.Struct):
    """Whose passphrase was changed, and a fresh token, or an empty one if that was not the caller's."""

    id: str
    token: str = ""


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
    return [
        Route("POST", PATH, "tokens.create", Login, TokenAnswer, create, anonymous=True),
        Route("PUT", PATH, "tokens.renew", Renew, TokenAnswer, renew),
        Route("GET", CHECK_PATH, "tokens.check", CheckToken, Identity, check),
        Route("PUT", CHANGE_PATH, "passphrases.change", ChangePassphrase, Changed, change_passphrase),
    ]


def create(call: Call, request: Login) -> TokenAnswer:
    """Log in."""
    return call.runtime.stash[SESSIONS].login(request.id, request.secret(), call.address)


def renew(call: Call, request: Renew) -> TokenAnswer:
    """Return a fresh token for a project of the caller."""
    return call.runtime.stash[SESSIONS].switch(call.actor.user_id, request.project_id)


def check(call: Call, request: CheckToken) -> Identity:
    """Tell whom the token stands for, and refuse it if it does not allow the given call."""
    if bool(request.endpoint) != (request.http_type is not None):
        missing = "http_type" if request.endpoint else "endpoint"
        raise BadRequest(f"Validation failed, because variable '{missing}' is required, but is not set.")
    if request.http_type is not None:
        _require(call, HTTP_TYPES[request.http_type - 1], request.endpoint)
    actor = call.actor
    return Identity(actor.user_id, actor.is_admin, actor.is_project_admin, actor.name, actor.project_id, actor.role)


def _require(call: Call, method: str, endpoint: str) -> None:
    routes = call.runtime.routes
    found = routes.called(method, endpoint)
    if found is None or not found.route.anonymous:
        Access(call.actor, routes.action(method, endpoint), call.runtime.plugins.access_rules).require()


def change_passphrase(call: Call, request: ChangePassphrase) -> Changed:
    """Change the own passphrase, or as an admin somebody's; all tokens of that user end.

    The own one needs the current passphrase as `current_passphrase` (base64) or `current_password`, and is answered
    with a fresh token for the same project.
    """
    if request.id in ("", call.actor.user_id):
        sessions = call.runtime.stash[SESSIONS]
        answer = sessions.change_passphrase(call.actor, request.current_secret(), request.secret(), call.address)
        return Changed(answer.id, answer.token)
    if not call.actor.is_admin:
        raise Unauthorized("only an admin can change the passphrase of another user")
    user, secret = find_user(request.id), request.secret()
    if user is None:
        raise NotFound(MISSING.format(request.id))
    set_passphrase(user, secret)
    return Changed(user.id)
