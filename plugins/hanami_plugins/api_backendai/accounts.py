"""Routes of logins by cookie, and of passwords."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.access import Access, Actor
from hanami_core.errors import BadRequest, Unauthorized
from hanami_core.http import Call, Empty, Route, RouteGroup
from hanami_core.identity import Account, Principal
from hanami_core.runtime import Runtime
from hanami_plugins import auth_jwt, keypairs
from hanami_plugins.api_backendai import web_sessions
from hanami_plugins.api_backendai.api import PREFIX, route
from hanami_plugins.api_backendai.problems import BASE
from hanami_plugins.api_backendai.schemes import COOKIE

GROUP = RouteGroup("backendai_logins", "Log in with a cookie, and change the password.", 900)
FAILED = {
    "type": f"{BASE}auth-failed",
    "title": "Credential/signature mismatch.",
    "details": "The user or the password is wrong.",
}
SUPERADMIN, USER = "superadmin", "user"
"""Roles as released clients know them."""

Password = Annotated[str, Meta(max_length=4096, examples=["a long passphrase"])]
Username = Annotated[str, Meta(max_length=254, examples=["katherine"])]


class LogIn(msgspec.Struct, forbid_unknown_fields=True):
    """A login.

    Attributes:
        username: id of the user.
        password: passphrase of the user.
    """

    username: Username
    password: Password


class Authorize(msgspec.Struct, forbid_unknown_fields=True):
    """A question for a user's keys.

    Attributes:
        username: id of the user.
        password: passphrase of the user.
        type: kind of credential that is wanted, `keypair`.
        domain: name of the domain, `default`.
    """

    username: Username
    password: Password
    type: Annotated[str, Meta(examples=["keypair"])] = "keypair"
    domain: Annotated[str, Meta(examples=["default"])] = "default"


class UpdatePassword(msgspec.Struct, forbid_unknown_fields=True):
    """A new passphrase.

    Attributes:
        old_password: the current passphrase.
        new_password: the new passphrase.
        new_password2: the new passphrase once more.
    """

    old_password: Password
    new_password: Password
    new_password2: Password


def routes() -> list[Route]:
    """Return the routes."""
    answer = dict[str, Any]
    return GROUP.of(
        route("POST", "/server/login", "backendai.login", LogIn, answer, log_in, anonymous=True),
        route("POST", "/server/login-check", "backendai.login", Empty, answer, check_login, anonymous=True, reads=True),
        route("POST", "/server/logout", "backendai.logout", Empty, answer, log_out, anonymous=True),
        route("POST", "/auth/authorize", "backendai.authorize", Authorize, answer, authorize, anonymous=True),
        route("POST", "/auth/update-password", "backendai.password", UpdatePassword, answer, update_password),
    )


def log_in(call: Call, request: LogIn) -> dict[str, Any]:
    """Log in; the cookie of the answer counts below `/func`, until it expires or the user logs out."""
    try:
        login = auth_jwt.login(call.runtime, request.username, request.password, call.address)
    except Unauthorized:
        return {"authenticated": False, "data": FAILED}
    account = login.account
    cookie = web_sessions.begin(call.runtime, Principal.of(account, login.membership))
    call.resp.set_cookie(COOKIE, cookie, path=PREFIX, secure=_is_encrypted(call), http_only=True, same_site="Strict")
    pair = keypairs.list_keypairs(_access(call, login)).where(keypairs.KeyPair.owner_id == account.id).first()
    data = {"access_key": "" if pair is None else pair.access_key, "role": _role(account), "status": "active"}
    return {"authenticated": True, "data": data}


def check_login(call: Call, request: Empty) -> dict[str, Any]:
    """Tell whether the cookie of the request counts."""
    actor = _by_cookie(call)
    if actor is None:
        return {"authenticated": False, "data": None, "session_id": None}
    return {"authenticated": True, "data": {"role": SUPERADMIN if actor.is_admin else USER, "status": "active"}}


def log_out(call: Call, request: Empty) -> dict[str, Any]:
    """End the login of the cookie."""
    cookie = call.req.cookies.get(COOKIE)
    if cookie:
        web_sessions.end(cookie)
        call.resp.unset_cookie(COOKIE, path=PREFIX)
    return {}


def authorize(call: Call, request: Authorize) -> dict[str, Any]:
    """Return a pair of keys for a passphrase; a user without any gets one."""
    if request.type != "keypair":
        raise BadRequest("field_invalid", field="type", reason="it must be 'keypair'")
    login = auth_jwt.login(call.runtime, request.username, request.password, call.address)
    keys = _keys(call.runtime, _access(call, login))
    return {"data": keys | {"role": _role(login.account), "status": "active"}}


def _keys(runtime: Runtime, access: Access) -> dict[str, str]:
    """Return the first pair of keys of a user that is active, or a new one."""
    mine = keypairs.KeyPair.owner_id == access.actor.user_id
    for pair in keypairs.list_keypairs(access).where(mine & keypairs.KeyPair.is_active):
        found = keypairs.credential(runtime, pair.access_key)
        if found is not None:
            return {"access_key": found.access_key, "secret_key": found.secret_key}
    new = keypairs.create_keypair(runtime, access, description="made for a client of Backend.AI")
    return {"access_key": new.pair.access_key, "secret_key": new.secret_key}


def _access(call: Call, login: auth_jwt.Login) -> Access:
    """Return what a user may do who has just proven who it is."""
    principal = Principal.of(login.account, login.membership)
    action = call.runtime.routes.named("keypairs.list")
    assert action is not None
    return Access(principal.actor(call.runtime.identity, ""), action, call.runtime.plugins.access_rules)


def update_password(call: Call, request: UpdatePassword) -> dict[str, Any]:
    """Change the passphrase of the caller; all logins of the caller end."""
    if request.new_password != request.new_password2:
        raise BadRequest("passphrases_differ")
    actor = call.actor
    auth_jwt.change_passphrase(call.runtime, actor, request.old_password, request.new_password, call.address)
    return {}


def _by_cookie(call: Call) -> Actor | None:
    cookie = call.req.cookies.get(COOKIE)
    try:
        return web_sessions.principal_of(call.runtime, cookie).actor(call.runtime.identity, "") if cookie else None
    except Unauthorized:
        return None


def _role(account: Account) -> str:
    return SUPERADMIN if account.is_admin else USER


def _is_encrypted(call: Call) -> bool:
    return bool(call.req.forwarded_scheme == "https")
