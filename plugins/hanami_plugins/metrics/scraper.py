"""The scheme ``scraper``: a secret for tools that cannot log in, which opens nothing but metrics.

Must not know metrics.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from hanami_core.access import Actor
from hanami_core.errors import SettingsError, Unauthorized

if TYPE_CHECKING:
    import falcon

__all__ = ["API", "ROLE", "SCHEME", "SHORTEST", "ScraperScheme", "check"]

API = "metrics"
SCHEME = "scraper"
ROLE = "scraper"
SHORTEST = 16
"""Characters of a secret that nobody guesses over the network."""

_PREFIX = "bearer "


def check(secret: str) -> None:
    """Raise `SettingsError` if a secret is set and too short."""
    if 0 < len(secret) < SHORTEST:
        raise SettingsError(f"metrics.token must have at least {SHORTEST} characters")


class ScraperScheme:
    """Recognises the secret in ``Authorization: Bearer``; implements `hanami_core.identity.Authenticator`."""

    name = SCHEME

    def __init__(self, secret: str) -> None:
        """Recognise a secret, or nobody if it is empty."""
        self._secret = secret.encode()

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return the actor of the secret, or None if the request has none.

        Raises:
            Unauthorized: if it has another one.
        """
        header = request.get_header("Authorization", default="")
        if not header.lower().startswith(_PREFIX):
            return None
        if not (self._secret and hmac.compare_digest(header[len(_PREFIX) :].strip().encode(), self._secret)):
            raise Unauthorized("credential_invalid")
        return Actor("", "scraper", "", ROLE, scheme=SCHEME)
