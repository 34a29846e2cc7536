"""What is wrong with key pairs, as ``hanami doctor`` tells it."""

from __future__ import annotations

from collections.abc import Iterator

from hanami_core.checks import Finding
from hanami_core.errors import Unavailable
from hanami_core.runtime import Runtime
from hanami_plugins.keypairs.credentials import SECRETS
from hanami_plugins.keypairs.models import KeyPair
from hanami_plugins.keypairs.vault import KEY_NAME

__all__ = ["leftovers", "unreadable"]


def unreadable(runtime: Runtime) -> Iterator[Finding]:
    """Yield the pairs whose secret keys were encrypted with another key than that of the data directory."""
    for pair in KeyPair.active():
        try:
            runtime.stash[SECRETS].opened(pair.access_key, pair.sealed)
        except Unavailable:
            what = f"its secret key was not encrypted with {KEY_NAME}.key; put the right file back, or delete the pair"
            yield Finding(f"key pair {pair.access_key}", what)


def leftovers(runtime: Runtime) -> Iterator[Finding]:
    """Yield the pairs of users who do not exist any more."""
    if runtime.identity is None:
        return
    for pair in KeyPair.active():
        account = runtime.identity.find(pair.owner_id)
        if account is None or account.lasting_mark != pair.owner_uid:
            what = f"its user '{pair.owner_id}' was deleted, so it identifies nobody; delete the pair"
            yield Finding(f"key pair {pair.access_key}", what)
