"""Signed claims as text, and back. Knows no database."""

from __future__ import annotations

from typing import Any

import jwt
import msgspec

from hanami_core.clock import Clock
from hanami_core.errors import Unauthorized
from hanami_core.ids import new_uuid

ALGORITHM = "HS256"
AUDIENCE = "hanami-api"
LEEWAY_SECONDS = 5
LONGEST_TOKEN = 4096
MOST_VERIFIED = 1024
"""Tokens whose signature is not verified again; each takes less than 1 KiB, usually."""

_OPTIONS: Any = {
    "require": ["exp", "iat", "sub", "jti", "aud"],
    "strict_aud": True,
    "enforce_minimum_key_length": True,
}


class TokenClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says.

    `sub` is the user's identifier and `mark` which login of that user it is; `place` is the uuid of the membership,
    empty for a global admin's own project. `attributes` are what whoever issued it wants to know again.
    """

    sub: str
    mark: str
    project_id: str
    place: str
    attributes: dict[str, str] = {}


class Tokens:
    """Issues and reads tokens of one key."""

    def __init__(self, key: bytes, lifetime: int, clock: Clock) -> None:
        """Use `key`; tokens end `lifetime` seconds after they were issued."""
        self._key, self._lifetime, self._clock = key, lifetime, clock
        self._verified: dict[str, tuple[TokenClaims, float]] = {}

    def issue(self, claims: TokenClaims) -> str:
        """Return a new token.

        Raises:
            ValueError: if the claims are too long, so that nobody could read it.
        """
        now = int(self._clock.now())
        frame = {"iat": now, "exp": now + self._lifetime, "jti": new_uuid(), "aud": AUDIENCE}
        token = jwt.encode(msgspec.to_builtins(claims) | frame, self._key, ALGORITHM)
        if len(token) > LONGEST_TOKEN:
            raise ValueError(f"a token has at most {LONGEST_TOKEN} characters, this one would have {len(token)}")
        return token

    def read(self, token: str) -> TokenClaims:
        """Return the claims of a valid token.

        Raises:
            Unauthorized: if the signature, the time or a claim is wrong.
        """
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._verified) >= MOST_VERIFIED:
                self._verified.clear()
            self._verified[token] = known
        claims, end = known
        if self._clock.now() >= end:
            raise refusal("credential_expired")
        return claims

    def _verify(self, token: str) -> tuple[TokenClaims, float]:
        """Return the claims of a valid token, which is most of the work, and until when they hold."""
        if len(token) > LONGEST_TOKEN:
            raise refusal()
        try:
            claims = jwt.decode(
                token, self._key, [ALGORITHM], options=_OPTIONS, audience=AUDIENCE, leeway=LEEWAY_SECONDS
            )
            return msgspec.convert(claims, TokenClaims), int(claims["exp"]) + LEEWAY_SECONDS
        except jwt.ExpiredSignatureError as error:
            raise refusal("credential_expired") from error
        except jwt.InvalidSignatureError as error:
            raise refusal("signature_invalid") from error
        except (jwt.PyJWTError, msgspec.ValidationError) as error:
            raise refusal() from error


def looks_like_token(text: str) -> bool:
    """Tell whether a text has the three parts of a signed token, right or wrong."""
    return text.count(".") == 2


def refusal(code: str = "credential_invalid") -> Unauthorized:
    """Return the error for a token that is not accepted."""
    return Unauthorized(code)
