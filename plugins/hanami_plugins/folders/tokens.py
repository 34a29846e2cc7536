"""Signed, short-lived texts that stand for one upload or one download, for clients that carry no other credential.

A token grants nothing by itself: whoever it was issued for is looked up again each time, so that it ends with the user,
the membership, the permission and the folder. Knows no storage.
"""

from __future__ import annotations

from typing import Any, Literal

import jwt
import msgspec

from hanami_core.access import Access, Action, Actor, Verb
from hanami_core.clock import Clock
from hanami_core.errors import Unauthorized
from hanami_core.identity import Principal
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey

__all__ = ["TRANSFER_TOKENS", "TransferClaims", "TransferTokens", "access_of", "claims_for"]

ALGORITHM = "HS256"
AUDIENCE = "hanami-folders"
LONGEST_TOKEN = 16_384
_OPTIONS: Any = {"require": ["exp", "iat", "jti", "aud"], "strict_aud": True, "enforce_minimum_key_length": True}


class TransferClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token is for, and for whom.

    `upload` is that of an upload, whose row tells path and size; `path` is that of a download, of a whole directory if
    `archive`. An actor without a `principal` is known by what stands in the token.
    """

    op: Literal["upload", "download"]
    folder: str
    user: str
    name: str
    project: str
    role: str
    is_admin: bool = False
    is_project_admin: bool = False
    principal: Principal | None = None
    scheme: str = ""
    attributes: dict[str, str] = {}
    method: str = ""
    endpoint: str = ""
    upload: str = ""
    path: str = ""
    archive: bool = False


def claims_for(
    access: Access,
    op: Literal["upload", "download"],
    folder: str,
    *,
    upload: str = "",
    path: str = "",
    archive: bool = False,
) -> TransferClaims:
    """Return the claims of an actor's transfer."""
    actor, action = access.actor, access.action
    return TransferClaims(
        op,
        folder,
        actor.user_id,
        actor.name,
        actor.project_id,
        actor.role,
        actor.is_admin,
        actor.is_project_admin,
        actor.principal,
        actor.scheme,
        dict(actor.attributes),
        action.method,
        action.endpoint,
        upload,
        path,
        archive,
    )


class TransferTokens:
    """Issues and reads tokens of one key."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Use a key."""
        self._key, self._clock = key, clock

    def issue(self, claims: TransferClaims, seconds: int) -> str:
        """Return a new token that is good for so many seconds."""
        now = int(self._clock.now())
        frame = {"iat": now, "exp": now + seconds, "jti": new_uuid(), "aud": AUDIENCE}
        return jwt.encode(msgspec.to_builtins(claims) | frame, self._key, ALGORITHM)

    def read(self, token: str, op: str) -> TransferClaims:
        """Return the claims of a valid token for an operation.

        Raises:
            Unauthorized: if the signature, the time, the operation or a claim is wrong.
        """
        try:
            if len(token) > LONGEST_TOKEN:
                raise Unauthorized("credential_invalid")
            found = jwt.decode(token, self._key, [ALGORITHM], options=_OPTIONS, audience=AUDIENCE)
            claims = msgspec.convert(found, TransferClaims)
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized("credential_expired") from error
        except (jwt.PyJWTError, msgspec.ValidationError) as error:
            raise Unauthorized("credential_invalid") from error
        if claims.op != op:
            raise Unauthorized("credential_invalid")
        return claims


TRANSFER_TOKENS: StashKey[TransferTokens] = StashKey("folders.tokens")


def access_of(runtime: Runtime, claims: TransferClaims) -> Access:
    """Return what whoever a token was issued for may do now.

    Raises:
        Unauthorized: if the user or the membership does not exist any more.
        Forbidden: if the call that issued the token is not allowed any more.
    """
    actor = _actor(runtime, claims)
    found = runtime.routes.called(claims.method, claims.endpoint) if claims.endpoint else None
    verb: Verb = "write" if claims.op == "upload" else "read"
    action = Action(f"folders.{claims.op}", "", "", verb, ()) if found is None else found.action
    access = Access(actor, action, runtime.plugins.access_rules)
    if found is not None:
        access.require()
    return access


def _actor(runtime: Runtime, claims: TransferClaims) -> Actor:
    if claims.principal is not None:
        return claims.principal.actor(runtime.identity, claims.scheme, claims.attributes, any_secret=True)
    return Actor(
        claims.user,
        claims.name,
        claims.project,
        claims.role,
        claims.is_admin,
        claims.is_project_admin,
        scheme=claims.scheme,
        attributes=claims.attributes,
    )
