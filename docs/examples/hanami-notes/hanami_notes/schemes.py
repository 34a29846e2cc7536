"""The two ways to say who one is: a signature of the request, and the cookie of a session."""

from __future__ import annotations

import base64
import hmac
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized
from hanami_core.http import expect_digest, raw_target
from hanami_core.runtime import Runtime
from hanami_notes.credentials import CREDENTIALS
from hanami_notes.signature import sign

if TYPE_CHECKING:
    import falcon

COOKIE = "notes_session"


class SignatureScheme:
    """Recognises ``Authorization: Notes KEY:SIGNATURE``."""

    name = "notes-signature"

    def __init__(self, runtime: Runtime) -> None:
        """Recognise the keys of a runtime."""
        self._runtime = runtime

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whom the key stands for, if the request is signed with its secret, and was signed a moment ago."""
        kind, _, credential = (request.get_header("Authorization") or "").partition(" ")
        if kind != "Notes":
            return None
        key, _, signature = credential.partition(":")
        host, date, digest = (request.get_header(name) or "" for name in ("Host", "Date", "Content-Digest"))
        credentials = self._runtime.stash[CREDENTIALS]
        expected = sign(credentials.secret(key), request.method, raw_target(request), host, date, digest)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Unauthorized("signature_invalid")
        if abs(self._runtime.clock.now() - _seconds(date)) > self._runtime.settings["notes.window"]:
            raise Unauthorized("signature_expired")
        # The body is yet to come; nobody gets its end if it is another one.
        expect_digest(request, "sha256", _sha256(digest))
        return credentials.of_key(key).actor(self._runtime.identity, self.name)


class SessionScheme:
    """Recognises the cookie of a login."""

    name = "notes-session"

    def __init__(self, runtime: Runtime) -> None:
        """Recognise the sessions of a runtime."""
        self._runtime = runtime

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whom the cookie stands for."""
        cookies = request.get_cookie_values(COOKIE)
        if not cookies:
            return None
        principal = self._runtime.stash[CREDENTIALS].of_session(cookies[0])
        return principal.actor(self._runtime.identity, self.name)


def _seconds(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        raise Unauthorized("date_invalid") from None


def _sha256(digest: str) -> bytes:
    try:
        return base64.b64decode(digest.removeprefix("sha-256=:").removesuffix(":"), validate=True)
    except ValueError:
        raise Unauthorized("digest_invalid") from None
