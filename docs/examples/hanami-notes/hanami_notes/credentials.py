"""What stands for a user: cookies for a day, and keys with a secret for as long as the passphrase stays the same.

Nothing is stored. Each names a principal and is signed, and the secret of a key is made of the key.
"""

from __future__ import annotations

import hashlib
import hmac

import jwt
import msgspec

from hanami_core.clock import Clock
from hanami_core.errors import Unauthorized
from hanami_core.identity import Principal
from hanami_core.stash import StashKey

SESSION_SECONDS = 86_400


class Credentials:
    """Makes and reads credentials with the key of a server."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Use a key."""
        self._key, self._clock = key, clock

    def session(self, principal: Principal) -> str:
        """Return the value of a cookie."""
        return self._issue("notes-session", principal, exp=int(self._clock.now()) + SESSION_SECONDS)

    def key(self, principal: Principal) -> str:
        """Return a key, which is not a secret: it stands in every request."""
        return self._issue("notes-key", principal)

    def secret(self, key: str) -> str:
        """Return what requests with a key are signed with."""
        return hmac.new(self._key, f"secret:{key}".encode(), hashlib.sha256).hexdigest()

    def of_session(self, cookie: str) -> Principal:
        """Return whom a cookie stands for, or raise `Unauthorized`."""
        return self._read("notes-session", cookie)

    def of_key(self, key: str) -> Principal:
        """Return whom a key stands for, or raise `Unauthorized`."""
        return self._read("notes-key", key)

    def _issue(self, audience: str, principal: Principal, **more: int) -> str:
        claims = {"aud": audience, "principal": msgspec.to_builtins(principal), **more}
        return jwt.encode(claims, self._key, "HS256")

    def _read(self, audience: str, token: str) -> Principal:
        try:
            claims = jwt.decode(token, self._key, ["HS256"], audience=audience)
            return msgspec.convert(claims["principal"], Principal)
        except jwt.PyJWTError as error:
            raise Unauthorized("credential_invalid") from error


CREDENTIALS: StashKey[Credentials] = StashKey("notes.credentials")
