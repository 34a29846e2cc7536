"""The secret of a user as requests carry it, in the two spellings of released clients."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest

MINIMUM_BYTES, MAXIMUM_BYTES = 8, 4096

BASE64_PATTERN = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Base64Secret = Annotated[str, Meta(pattern=BASE64_PATTERN, min_length=MINIMUM_BYTES, max_length=MAXIMUM_BYTES)]
PlainSecret = Annotated[str, Meta(min_length=MINIMUM_BYTES, max_length=MAXIMUM_BYTES)]


class SecretFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Exactly one of `passphrase`, in base64, and `password`, in plain text; both give the same secret."""

    passphrase: Base64Secret = ""
    password: PlainSecret = ""

    def __repr__(self) -> str:
        """Show no field, because a representation may end up in a log."""
        return f"{type(self).__name__}(...)"

    def secret(self) -> bytes:
        """Return the secret's bytes, whichever field they came in."""
        return _one_of(self.passphrase, self.password)


class ChangedSecretFields(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new secret, and the current one in either spelling."""

    current_passphrase: Base64Secret = ""
    current_password: PlainSecret = ""

    def current_secret(self) -> bytes:
        """Return the bytes of the current secret, whichever field they came in."""
        return _one_of(self.current_passphrase, self.current_password, "current_")


def secret_bytes(text: str) -> bytes:
    """Return the bytes of a plain secret."""
    return text.encode(errors="surrogatepass")


def _one_of(passphrase: str, password: str, prefix: str = "") -> bytes:
    encoded, plain = f"{prefix}passphrase", f"{prefix}password"
    if passphrase and password:
        raise BadRequest(f"Validation failed, because only one of '{encoded}' and '{plain}' can be set.")
    if password:
        return secret_bytes(password)
    if not passphrase:
        raise BadRequest(f"Validation failed, because variable '{encoded}' is required, but is not set.")
    secret = base64.b64decode(passphrase)
    # The limits of the field count base64 letters, eight of which can stand for a six byte secret.
    if len(secret) < MINIMUM_BYTES:
        raise BadRequest(f"Given item '{encoded}' is shorter than {MINIMUM_BYTES} characters")
    return secret
