"""REST routes of tokens."""

from __future__ import annotations

import msgspec

from hanami_core.errors import NotFound, Unauthorized
from hanami_core.ids import Id, UserId
from hanami_core.routes import Call, Route
from hanami_plugins.auth_jwt.sessions import SESSIONS, TokenAnswer
from hanami_plugins.users import MISSING, ChangedSecretFields, SecretFields, find_user, set_passphrase

PATH = "/v1.0alpha/token"
CHANGE_PATH = "/v1.0alpha/user/passphrase"


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


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PATH, "tokens.create", Login, TokenAnswer, create, anonymous=True),
        Route("PUT", PATH, "tokens.renew", Renew, TokenAnswer, renew),
        Route("PUT", CHANGE_PATH, "passphrases.change", ChangePassphrase, Changed, change_passphrase),
    ]


def create(call: Call, request: Login) -> TokenAnswer:
    """Log in."""
    return call.runtime.stash[SESSIONS].login(request.id, request.secret())


def renew(call: Call, request: Renew) -> TokenAnswer:
    """Return a fresh token for a project of the caller."""
    return call.runtime.stash[SESSIONS].switch(call.actor.user_id, request.project_id)


def change_passphrase(call: Call, request: ChangePassphrase) -> Changed:
    """Change the own passphrase, or as an admin somebody's; all tokens of that user end.

    The own one needs the current passphrase as `current_passphrase` (base64) or `current_password`, and is answered
    with a fresh token for the same project.
    """
    if request.id in ("", call.actor.user_id):
        sessions = call.runtime.stash[SESSIONS]
        answer = sessions.change_passphrase(call.actor, request.current_secret(), request.secret())
        return Changed(answer.id, answer.token)
    if not call.actor.is_admin:
        raise Unauthorized("only an admin can change the passphrase of another user")
    user, secret = find_user(request.id), request.secret()
    if user is None:
        raise NotFound(MISSING.format(request.id))
    set_passphrase(user, secret)
    return Changed(user.id)
