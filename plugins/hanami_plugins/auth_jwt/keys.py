"""The key that signs tokens: random bytes in a file of the data directory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hanami_core.errors import StartupError

KEY_FILE = "token.key"
KEY_BYTES = 32
"""As many as the hash behind the signature has; fewer would be its weakest part."""


def create_key(file: Path) -> None:
    """Make a key file that only its owner can read, if there is none."""
    if file.exists():
        return
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(KEY_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
    try:
        # A link, unlike a rename, never replaces the key that another process made in the meantime.
        file.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def read_key(file: Path) -> bytes:
    """Return the key.

    Raises:
        StartupError: if there is no usable key.
    """
    try:
        key = file.read_bytes()
    except OSError as error:
        raise StartupError(f"{file}: {error.strerror}; 'hanami init' creates the token key") from error
    if len(key) < KEY_BYTES:
        raise StartupError(f"{file}: a token key has at least {KEY_BYTES} bytes, this one has {len(key)}")
    return key
