"""Logins whose credential is a cookie: how one begins, what it stands for, and how it ends. Knows no HTTP."""

from __future__ import annotations

import hashlib
import secrets

from hanami_core.errors import Unauthorized
from hanami_core.identity import Principal
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.api_backendai.models import WebSession

__all__ = ["SECONDS", "begin", "end", "end_all_of", "forget_expired", "principal_of"]

SECONDS = "api_backendai.session"
"""Name of the setting with the seconds for which a login lasts."""
COOKIE_BYTES = 32


def begin(runtime: Runtime, principal: Principal) -> str:
    """Begin a login and return the value of its cookie."""
    cookie = secrets.token_urlsafe(COOKIE_BYTES)
    with atomic():
        WebSession.create(
            cookie_hash=_hash(cookie),
            user_id=principal.user_id,
            mark=principal.mark,
            project_id=principal.project_id,
            place=principal.place,
            expires_at=runtime.clock.now() + runtime.settings[SECONDS],
        )
    return cookie


def principal_of(runtime: Runtime, cookie: str) -> Principal:
    """Return whom a cookie was issued for.

    Raises:
        Unauthorized: if the login has ended.
    """
    row = WebSession.get_or_none(WebSession.cookie_hash == _hash(cookie))
    if row is None or row.expires_at <= runtime.clock.now():
        raise Unauthorized("credential_invalid")
    return Principal(row.user_id, row.mark, row.project_id, row.place)


def end(cookie: str) -> None:
    """End a login, if there is one."""
    with atomic():
        WebSession.delete().where(WebSession.cookie_hash == _hash(cookie)).execute()


def end_all_of(user_id: str) -> None:
    """End all logins of a user; called in the transaction that deletes the user."""
    WebSession.delete().where(WebSession.user_id == user_id).execute()


def forget_expired(runtime: Runtime) -> None:
    """Remove logins that have expired."""
    with atomic():
        WebSession.delete().where(WebSession.expires_at <= runtime.clock.now()).execute()


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
