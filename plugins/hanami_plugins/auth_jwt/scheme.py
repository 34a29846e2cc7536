"""The scheme ``token``: a signed token in the header ``X-Auth-Token``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized
from hanami_core.runtime import Runtime
from hanami_plugins.auth_jwt.service import SCHEME, actor_of
from hanami_plugins.auth_jwt.tokens import looks_like_token

if TYPE_CHECKING:
    import falcon

__all__ = ["HEADER", "TokenScheme"]

HEADER = "X-Auth-Token"


class TokenScheme:
    """Recognises tokens; implements `hanami_core.identity.Authenticator`."""

    name = SCHEME

    def __init__(self, runtime: Runtime) -> None:
        """Recognise the tokens of a runtime."""
        self._runtime = runtime

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whom the token in the header stands for, or None if there is no token."""
        token = request.get_header(HEADER)
        if not token:
            return None
        if not looks_like_token(token):
            raise Unauthorized("credential_invalid")
        return actor_of(self._runtime, token)
