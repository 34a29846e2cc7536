"""REST routes of tokens."""

from __future__ import annotations

import msgspec

from hanami_core.ids import Id, UserId
from hanami_core.routes import Call, Route
from hanami_plugins.auth_jwt.sessions import SESSIONS, TokenAnswer
from hanami_plugins.users import SecretFields

PATH = "/v1.0alpha/token"


class Login(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """Who logs in, with which secret."""

    id: UserId


class Renew(msgspec.Struct, forbid_unknown_fields=True):
    """The project of the new token."""

    project_id: Id


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PATH, "tokens.create", Login, TokenAnswer, create, anonymous=True),
        Route("PUT", PATH, "tokens.renew", Renew, TokenAnswer, renew),
    ]


def create(call: Call, request: Login) -> TokenAnswer:
    """Log in."""
    return call.runtime.stash[SESSIONS].login(request.id, request.secret())


def renew(call: Call, request: Renew) -> TokenAnswer:
    """Return a fresh token for a project of the caller."""
    return call.runtime.stash[SESSIONS].switch(call.actor.user_id, request.project_id)
