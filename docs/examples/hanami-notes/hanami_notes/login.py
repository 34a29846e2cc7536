"""Routes of credentials."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import Unauthorized
from hanami_core.http import Call, Empty, Route
from hanami_core.identity import Principal, membership_of
from hanami_notes.credentials import CREDENTIALS, SESSION_SECONDS
from hanami_notes.schemes import COOKIE


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """Who it is."""

    id: Annotated[str, Meta(max_length=254)]
    passphrase: Annotated[str, Meta(max_length=4096)]


class Key(msgspec.Struct):
    """A key, and the secret to sign requests with."""

    key: str
    secret: str


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", "/session", "note_sessions.create", Login, None, log_in, anonymous=True, api="notes"),
        Route("DELETE", "/session", "note_sessions.delete", Empty, None, log_out, anonymous=True, api="notes"),
        Route("POST", "/key", "note_keys.create", Login, Key, make_key, anonymous=True, api="notes", status=201),
    ]


def log_in(call: Call, request: Login) -> None:
    """Begin a session: the answer sets its cookie."""
    cookie = call.runtime.stash[CREDENTIALS].session(_principal(call, request))
    # Falcon adds Secure by itself.
    call.resp.set_cookie(COOKIE, cookie, max_age=SESSION_SECONDS, path="/notes", http_only=True, same_site="Strict")


def log_out(call: Call, request: Empty) -> None:
    """End the session: the answer removes its cookie."""
    call.resp.unset_cookie(COOKIE, path="/notes", same_site="Strict")


def make_key(call: Call, request: Login) -> Key:
    """Return a new key, good until the passphrase is changed."""
    credentials = call.runtime.stash[CREDENTIALS]
    key = credentials.key(_principal(call, request))
    return Key(key, credentials.secret(key))


def _principal(call: Call, request: Login) -> Principal:
    identity = call.runtime.identity
    if identity is None:
        raise Unauthorized("login_denied")
    account = identity.verify(request.id, request.passphrase, call.address)
    return Principal.of(account, membership_of(identity, account))
