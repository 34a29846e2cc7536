"""From a secret to a token, and from a token to an actor, for routes of any Api and for other plugins.

Both ask the identity provider, every time. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hanami_core.access import Access, Actor
from hanami_core.errors import TooManyRequests, Unauthorized
from hanami_core.events import LoginFailed, LoginSucceeded
from hanami_core.identity import Account, IdentityProvider, Principal, ProjectMembership, membership_of
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins import users
from hanami_plugins.auth_jwt.tokens import TokenClaims, Tokens

__all__ = ["SCHEME", "TOKENS", "Login", "actor_of", "change_passphrase", "check_call", "login", "switch_project"]

SCHEME = "token"
TOKENS: StashKey[Tokens] = StashKey("auth_jwt.tokens")


@dataclass(frozen=True)
class Login:
    """A login: who it is for, where it stands, what was put into it, and the token that carries it."""

    account: Account
    membership: ProjectMembership
    token: str = field(repr=False)
    attributes: Mapping[str, str] = field(default_factory=dict)


def login(
    runtime: Runtime,
    user_id: str,
    secret: str | bytes,
    address: str,
    *,
    project_id: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Login:
    """Log a user in.

    Args:
        runtime: the process' runtime.
        user_id: who it is.
        secret: the user's passphrase.
        address: where the attempt comes from, empty if unknown.
        project_id: project that the login stands in; None for the user's default.
        attributes: what `Actor.attributes` has whenever the token is used, and after it was renewed.

    Raises:
        Unauthorized: if the user or the secret is wrong, or the user has no such project.
        TooManyRequests: if it was tried too often.
        Unavailable: if too many others try at the same time.
    """
    try:
        account = _identity(runtime).verify(user_id, secret, address)
        issued = _issue(runtime, account, project_id, attributes or {})
    except (Unauthorized, TooManyRequests) as error:
        runtime.emit(LoginFailed(actor=None, user_id=user_id, address=address, code=error.code))
        raise
    runtime.emit(LoginSucceeded(actor=None, user_id=user_id, address=address))
    return issued


def switch_project(runtime: Runtime, actor: Actor, project_id: str) -> Login:
    """Return a fresh login of an actor that stands in a project, the same or another, with the same attributes.

    Raises:
        Unauthorized: if the actor is gone or no member of it.
    """
    account = _identity(runtime).find(actor.user_id)
    if account is None:
        raise Unauthorized("login_denied")
    return _issue(runtime, account, project_id, actor.attributes)


def change_passphrase(runtime: Runtime, actor: Actor, current: str | bytes, new: str | bytes, address: str) -> Login:
    """Change the passphrase of an actor who knows the current one; all its logins end, but for the one returned.

    Raises:
        Unauthorized: if the current passphrase is wrong.
        TooManyRequests: if it was tried too often.
        Unavailable: if too many others try at the same time.
        BadRequest: if the new one is too short or too long.
    """
    users.change_passphrase(runtime, actor, current, new, address)
    return switch_project(runtime, actor, actor.project_id)


def actor_of(runtime: Runtime, token: str) -> Actor:
    """Return whom a token stands for.

    Raises:
        Unauthorized: if the token is wrong, or what it was issued for is gone.
    """
    claims = runtime.stash[TOKENS].read(token)
    principal = Principal(claims.sub, claims.mark, claims.project_id, claims.place)
    return principal.actor(runtime.identity, SCHEME, claims.attributes)


def check_call(runtime: Runtime, actor: Actor, method: str, endpoint: str) -> None:
    """Raise `Forbidden` unless an actor may call an endpoint, as policy files call it."""
    routes = runtime.routes
    found = routes.called(method, endpoint)
    if found is None or not found.route.anonymous:
        Access(actor, routes.action(method, endpoint), runtime.plugins.access_rules).require()


def _identity(runtime: Runtime) -> IdentityProvider:
    if runtime.identity is None:
        raise Unauthorized("login_denied")
    return runtime.identity


def _issue(runtime: Runtime, account: Account, project_id: str | None, attributes: Mapping[str, str]) -> Login:
    membership = membership_of(_identity(runtime), account, project_id)
    claims = TokenClaims(account.id, account.mark, membership.project_id, membership.uuid, dict(attributes))
    return Login(account, membership, runtime.stash[TOKENS].issue(claims), claims.attributes)
