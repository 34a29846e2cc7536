"""The two ways to be known at this API: a signature with a pair of keys, and the cookie of a login.

Each of them counts where it belongs: signatures at the API itself, cookies below ``/func``.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from hanami_core.access import Actor
from hanami_core.errors import BadRequest, Unauthorized
from hanami_core.http import raw_target
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins import keypairs
from hanami_plugins.api_backendai import web_sessions
from hanami_plugins.api_backendai.models import UsedSignature
from hanami_plugins.api_backendai.signature import WINDOW, Authorization, Signed, is_current, parse_authorization, sign

if TYPE_CHECKING:
    import falcon

__all__ = [
    "ACCESS_KEY",
    "COOKIE",
    "COOKIE_SCHEME",
    "READING",
    "SIGNATURE",
    "CookieScheme",
    "SignatureScheme",
    "expect_valid_form",
    "forget_signatures",
    "note_used",
    "uses_cookie",
]

SIGNATURE, COOKIE_SCHEME = "backendai_signature", "backendai_cookie"
COOKIE = "HANAMI_SESSION"
ACCESS_KEY = "access_key"
"""Attribute of actors with the key that has signed."""
READING = ("GET", "HEAD")
WORD = "BackendAI"
"""What the header of a signature begins with."""
VERSION_HEADER = "X-BackendAI-Version"
DEFAULT_PORTS = ("", ":80", ":443")
"""A client that was told the default port signs it, but does not send it."""


def uses_cookie(request: falcon.Request) -> bool:
    """Tell whether a request came below ``/func``, where the cookie of a login counts."""
    return bool(getattr(request.context, "by_cookie", False))


def expect_valid_form(request: falcon.Request, now: float) -> None:
    """Refuse a request whose signature cannot be compared with anything; one without any is not looked at.

    Raises:
        BadRequest: naming the header and the rule that it breaks.
    """
    header = request.get_header("Authorization")
    if uses_cookie(request) or not header:
        return
    try:
        parse_authorization(header)
        current = is_current(_date(request), now)
    except ValueError as error:
        raise BadRequest("auth_params_invalid", reason=str(error)) from None
    if not current:
        minutes = int(WINDOW.total_seconds() // 60)
        raise BadRequest("auth_params_invalid", reason=f"the header Date is more than {minutes} minutes off")


class SignatureScheme:
    """Recognises signatures; implements `hanami_core.identity.Authenticator`."""

    name = SIGNATURE

    def __init__(self, runtime: Runtime) -> None:
        """Recognise what was signed with the keys of a runtime's users."""
        self._runtime = runtime

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whose keys have signed a request, or None if it has no signature."""
        header = request.get_header("Authorization") or ""
        if uses_cookie(request) or not header.startswith(WORD):
            return None
        try:
            credential = parse_authorization(header)
            return self._actor(request, credential)
        except ValueError:
            raise Unauthorized("credential_invalid") from None

    def _actor(self, request: falcon.Request, credential: Authorization) -> Actor:
        pair = keypairs.credential(self._runtime, credential.access_key)
        # Somebody who guesses keys shall not learn from the time that it takes which ones exist.
        secret = "" if pair is None else pair.secret_key
        matches = any(
            hmac.compare_digest(sign(signed, secret, credential.hash), credential.signature)
            for signed in _possible(request)
        )
        if pair is None or not matches or not is_current(_date(request), self._runtime.clock.now()):
            raise Unauthorized("credential_invalid")
        actor = pair.principal.actor(self._runtime.identity, SIGNATURE, {ACCESS_KEY: credential.access_key})
        if request.method not in READING and _was_used(credential.signature):
            raise Unauthorized("credential_used")
        request.context.signature = credential.signature
        keypairs.record_use(self._runtime, pair)
        return actor


class CookieScheme:
    """Recognises the cookie of a login; implements `hanami_core.identity.Authenticator`."""

    name = COOKIE_SCHEME

    def __init__(self, runtime: Runtime) -> None:
        """Recognise the logins of a runtime."""
        self._runtime = runtime

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whom the login stands for, or None if there is no cookie."""
        cookie = request.cookies.get(COOKIE) if uses_cookie(request) else None
        if not cookie:
            return None
        if request.method not in READING and not request.get_header(VERSION_HEADER):
            # A page of somebody else can send the cookie along, but not a header that the browser would have to allow.
            raise Unauthorized("credential_invalid")
        principal = web_sessions.principal_of(self._runtime, cookie)
        return principal.actor(self._runtime.identity, COOKIE_SCHEME)


def note_used(request: falcon.Request, now: float) -> None:
    """Let nobody send the same request again that has changed something, whoever may have listened.

    Only what was answered counts: a client that got no answer repeats its request with the same signature.
    """
    signature = getattr(request.context, "signature", None)
    if signature is not None:
        with atomic():
            row = UsedSignature.insert(signature=signature, expires_at=now + 2 * WINDOW.total_seconds())
            row.on_conflict_ignore().execute()


def _was_used(signature: str) -> bool:
    return UsedSignature.get_or_none(UsedSignature.signature == signature) is not None


def forget_signatures(runtime: Runtime) -> None:
    """Remove signatures that are too old to be valid."""
    with atomic():
        UsedSignature.delete().where(UsedSignature.expires_at <= runtime.clock.now()).execute()


def _possible(request: falcon.Request) -> list[Signed]:
    host = request.get_header("Host") or ""
    hosts = [host + port for port in DEFAULT_PORTS] if ":" not in host else [host]
    return [
        Signed(
            request.method,
            raw_target(request),
            _date(request),
            name,
            request.get_header("Content-Type") or "",
            request.get_header(VERSION_HEADER) or "",
        )
        for name in hosts
    ]


def _date(request: falcon.Request) -> str:
    return request.get_header("Date") or ""
