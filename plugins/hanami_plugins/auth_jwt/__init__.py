"""Logins with signed tokens (JWT, HS256).

A token names a user and a membership of that user in a project. It grants nothing by itself: each call loads both from
the database, so that a token ends with the user, the membership, or the passphrase that it was issued for.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.keys import secret_key
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.auth_jwt import routes
from hanami_plugins.auth_jwt.scheme import BearerScheme, TokenScheme
from hanami_plugins.auth_jwt.service import (
    SCHEME,
    TOKENS,
    Login,
    actor_of,
    change_passphrase,
    check_call,
    login,
    switch_project,
)
from hanami_plugins.auth_jwt.tokens import Tokens

__all__ = ["SCHEME", "Login", "actor_of", "change_passphrase", "check_call", "login", "switch_project"]

requires = ("users", "projects")
essential = True


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long a login lasts."""
    return [
        Setting("auth_jwt.expire", int, 3600, "Seconds after which a token expires", 1),
    ]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Read the key, and create it if this process prepares the others."""
    runtime.stash[TOKENS] = Tokens(secret_key(runtime, "token"), runtime.settings["auth_jwt.expire"], runtime.clock)


@hookimpl
def hanami_authenticators(runtime: Runtime) -> list[TokenScheme]:
    """Add the schemes ``token`` and ``bearer``."""
    return [TokenScheme(runtime), BearerScheme(runtime)]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of tokens."""
    return routes.routes()
