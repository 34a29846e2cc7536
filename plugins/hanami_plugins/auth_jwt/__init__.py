"""Logins with signed tokens (JWT, HS256).

A token names a user and a place of that user in a project. It grants nothing by itself: each call loads both from the
database, so that a token ends with the user, the place, or the passphrase that it was issued for.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.access import Actor
from hanami_core.http.routes import Route
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.auth_jwt import routes
from hanami_plugins.auth_jwt.keys import KEY_FILE, create_key, read_key
from hanami_plugins.auth_jwt.sessions import SESSIONS, Sessions
from hanami_plugins.auth_jwt.throttle import Throttle
from hanami_plugins.auth_jwt.tokens import Tokens, looks_like_token
from hanami_plugins.projects import TOKEN_ISSUER

__all__: list[str] = []

requires = ("users", "projects")
essential = True


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long a login lasts and how often it may be tried."""
    return [
        Setting("auth_jwt.expire", int, 3600, "Seconds after which a token ends", 1),
        Setting("auth_jwt.attempts", int, 60, "Failed logins a minute of one user in one process", 1),
        Setting("auth_jwt.address_attempts", int, 120, "Failed logins a minute from one address in one process", 1),
    ]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Read the key, and create it if this process prepares the others."""
    file = runtime.settings.data_dir / KEY_FILE
    if runtime.role.prepares:
        create_key(file)
    tokens = Tokens(read_key(file), runtime.settings["auth_jwt.expire"], runtime.clock)
    limits = runtime.settings["auth_jwt.attempts"], runtime.settings["auth_jwt.address_attempts"]
    sessions = Sessions(tokens, Throttle(runtime.clock, *limits))
    runtime.stash[SESSIONS] = sessions
    runtime.stash[TOKEN_ISSUER] = sessions.switch


@hookimpl
def hanami_authenticate(runtime: Runtime, token: str) -> Actor | None:
    """Return who a token stands for; None for a token of another kind."""
    return runtime.stash[SESSIONS].actor(token) if looks_like_token(token) else None


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of tokens."""
    return routes.routes()
