"""Keys that plugins sign or encrypt with: random bytes, each in a file of the data directory.

Must not know what a key is for.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hanami_core.errors import StartupError
from hanami_core.syncing import sync

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["KEY_BYTES", "Sealer", "create_key", "read_key", "secret_key"]

KEY_BYTES = 32
"""As many as the hash behind the signature has; fewer would be its weakest part."""


@runtime_checkable
class Sealer(Protocol):
    """Encrypts what is stored and must not be read from there."""

    def seal(self, content: bytes, name: str) -> bytes:
        """Return the content encrypted; it can be opened under the same name only."""

    def open(self, sealed: bytes, name: str) -> bytes:
        """Return the content of what was sealed under a name.

        Raises:
            VisibleError: if it was sealed under another name or with another key.
        """


def secret_key(runtime: Runtime, name: str) -> bytes:
    """Return the key in the file ``NAME.key``, which is created if it is missing and this process prepares the others.

    For use in `hanami_startup`: all processes of a server have the same key, and it never changes.

    Raises:
        StartupError: if there is no usable key.
    """
    file = runtime.settings.data_dir / f"{name}.key"
    if runtime.role.prepares:
        create_key(file)
    return read_key(file)


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
    sync(file.parent)


def read_key(file: Path) -> bytes:
    """Return the key.

    Raises:
        StartupError: if there is no usable key.
    """
    try:
        key = file.read_bytes()
    except OSError as error:
        raise StartupError(f"{file}: {error.strerror}; 'hanami init' creates the {file.stem} key") from error
    if len(key) < KEY_BYTES:
        raise StartupError(f"{file}: a key has at least {KEY_BYTES} bytes, this one has {len(key)}")
    return key
