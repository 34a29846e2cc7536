"""The schemes ``token`` and ``bearer``: a signed token in the header ``X-Auth-Token``, or in ``Authorization``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized
from hanami_core.runtime import Runtime
from hanami_plugins.auth_jwt.service import SCHEME, actor_of
from hanami_plugins.auth_jwt.tokens import looks_like_token

if TYPE_CHECKING:
    import falcon

__all__ = ["BEARER", "HEADER", "BearerScheme", "TokenScheme"]

HEADER = "X-Auth-Token"
BEARER = "bearer"
_PREFIX = "bearer "


class TokenScheme:
    """Recognises tokens; implements `hanami_core.identity.Authenticator`."""

    name = SCHEME

    def __init__(self, runtime: Runtime) -> None:
        """Recognise the tokens of a runtime."""
        self._runtime = runtime

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whom the token stands for, or None if there is no token."""
        token = self._token(request)
        if not token:
            return None
        if not looks_like_token(token):
            raise Unauthorized("credential_invalid")
        return actor_of(self._runtime, token)

    def _token(self, request: falcon.Request) -> str:
        return request.get_header(HEADER) or ""


class BearerScheme(TokenScheme):
    """Recognises the same tokens where clients of other protocols send them (RFC 6750)."""

    name = BEARER

    def _token(self, request: falcon.Request) -> str:
        header = request.get_header("Authorization") or ""
        return header[len(_PREFIX) :].strip() if header.lower().startswith(_PREFIX) else ""
