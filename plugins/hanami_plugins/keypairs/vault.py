"""Encrypts secrets with a key of the data directory. Must not know what they open."""

from __future__ import annotations

import hmac
import logging
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hanami_core.errors import Unavailable
from hanami_core.stash import StashKey

__all__ = ["KEY_NAME", "VAULT", "Vault"]

KEY_NAME = "keypairs"
NONCE_BYTES = 12

log = logging.getLogger("hanami.keypairs")


class Vault:
    """AES-256-GCM (NIST SP 800-38D) with random nonces; implements `hanami_core.keys.Sealer`.

    The name under which something is sealed is its associated data, so nothing can stand in for something else.
    """

    def __init__(self, key: bytes, key_name: str) -> None:
        """Use the bytes of the key file ``KEY_NAME.key``."""
        self._cipher = AESGCM(hmac.digest(key, f"hanami {key_name}".encode(), "sha256"))
        self._file = f"{key_name}.key"

    def seal(self, content: bytes, name: str) -> bytes:
        """Return the nonce, and behind it the content encrypted."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Return the content of what was sealed under a name.

        Raises:
            Unavailable: if it was sealed under another name or with another key.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            log.error("%s cannot be decrypted with %s of the data directory", name, self._file)
            raise Unavailable("secret_sealed_otherwise", name=name, file=self._file) from None


VAULT: StashKey[Vault] = StashKey("keypairs.vault")
