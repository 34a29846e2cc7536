"""What a request that is signed with a key pair stands for, for authenticators of other plugins. Knows no HTTP."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized
from hanami_core.identity import IdentityProvider, Principal
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.prepared import Prepared
from hanami_plugins.keypairs.models import KeyPair
from hanami_plugins.keypairs.usage import USAGE
from hanami_plugins.keypairs.vault import Vault

__all__ = ["SECRETS", "Credential", "KeyPairPrincipal", "Secrets", "credential", "record_use"]

MOST_OPENED = 1024
"""Secret keys that a process keeps decrypted."""

_PAIR = Prepared(
    lambda access_key: KeyPair.active(
        KeyPair.sealed,
        KeyPair.owner_id,
        KeyPair.owner_uid,
        KeyPair.project_id,
        KeyPair.place,
        KeyPair.is_active,
        KeyPair.last_used_at,
    ).where(KeyPair.access_key == access_key)
)
_IS_ACTIVE = Prepared(lambda access_key: KeyPair.active(KeyPair.is_active).where(KeyPair.access_key == access_key))


@dataclass(frozen=True)
class KeyPairPrincipal(Principal):
    """A user in a project for as long as a key pair is active, also after the user's passphrase was changed."""

    access_key: str = ""

    def actor(
        self,
        provider: IdentityProvider | None,
        scheme: str,
        attributes: Mapping[str, str] | None = None,
        *,
        any_secret: bool = False,
    ) -> Actor:
        """Return the user as an actor.

        Raises:
            Unauthorized: if pair, user or membership are gone, or the pair is not active.
        """
        if not any(is_active for (is_active,) in _IS_ACTIVE.tuples(self.access_key)):
            raise Unauthorized("credential_invalid")
        return super().actor(provider, scheme, attributes, any_secret=any_secret)


@dataclass(frozen=True)
class Credential:
    """A key pair as authenticators need it.

    Attributes:
        access_key: what requests name.
        secret_key: what they are signed with; 40 characters.
        is_active: whether the pair may be used.
        principal: whom it was issued for; ``principal.actor`` says who that is now.
        last_used_at: seconds since 1970, None if it was never used.
    """

    access_key: str
    secret_key: str = field(repr=False)
    is_active: bool
    principal: KeyPairPrincipal
    last_used_at: float | None


class Secrets:
    """Secret keys as the database has them, and back; what was decrypted is kept for a while."""

    def __init__(self, vault: Vault) -> None:
        """Encrypt with a vault."""
        self._vault = vault
        # Whoever stores another secret key stores other letters, so nothing is kept for too long.
        self.opened = lru_cache(MOST_OPENED)(self._opened)

    def sealed(self, access_key: str, secret_key: str) -> str:
        """Return the secret key of a pair as it is stored."""
        return base64.b64encode(self._vault.seal(secret_key.encode(), _name(access_key))).decode()

    def _opened(self, access_key: str, sealed: str) -> str:
        """Return the secret key of a pair.

        Raises:
            Unavailable: if it belongs to another pair, or was encrypted with another key.
        """
        return self._vault.open(base64.b64decode(sealed), _name(access_key)).decode()


SECRETS: StashKey[Secrets] = StashKey("keypairs.secrets")


def _name(access_key: str) -> str:
    return f"secret key of {access_key}"


def credential(runtime: Runtime, access_key: str) -> Credential | None:
    """Return the pair with an access key, active or not, or None if there is none.

    It takes one query. Whoever compares a signature says afterwards, with `record_use`, that it was the right one.

    Raises:
        Unavailable: if the secret key cannot be decrypted with the key of the data directory.
    """
    for sealed, owner_id, owner_uid, project_id, place, is_active, last_used_at in _PAIR.tuples(access_key):
        secret_key = runtime.stash[SECRETS].opened(access_key, sealed)
        principal = KeyPairPrincipal(owner_id, "", project_id, place, owner_uid, access_key)
        return Credential(access_key, secret_key, is_active, principal, last_used_at)
    return None


def record_use(runtime: Runtime, used: Credential) -> None:
    """Have it stored that a request was signed with a pair; takes no query, and is stored once a minute at most."""
    runtime.stash[USAGE].note(used.access_key, used.last_used_at)
