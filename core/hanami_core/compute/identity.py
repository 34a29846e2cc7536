"""Identities of compute hosts towards clients. They lie in the data directory, so that a new container keeps them.

Each is a file of its own, ``hosts/NAME.uuid``, that is made once and never changed: whoever finds none makes it, and of
several processes that do so at the same time one wins and all others read what it wrote.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from hanami_core.errors import StartupError
from hanami_core.syncing import sync

__all__ = ["host_uuid", "host_uuids"]

_NAMESPACE = uuid.UUID("6f1a3c5e-0f0b-5d0e-9d5c-7c1f6d0b8a42")


def host_uuids(data_dir: Path, names: Iterable[str], *, write: bool) -> dict[str, str]:
    """Return the identities of hosts by their names, see `host_uuid`."""
    return {name: host_uuid(data_dir, name, write=write) for name in names}


def host_uuid(data_dir: Path, name: str, *, write: bool) -> str:
    """Return the identity of a host.

    A host that has none gets one from the name of the machine, which is where all had theirs from before they were
    kept. With `write` it is kept from now on.

    Raises:
        StartupError: if the identity cannot be read or written.
    """
    path = data_dir / "hosts" / f"{name}.uuid"
    try:
        if not path.exists():
            made = str(uuid.uuid5(_NAMESPACE, f"{socket.gethostname()}/{name}"))
            if not write:
                return made
            _create(path, made)
        return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError) as error:
        raise StartupError(f"{path} is to hold the uuid of compute host {name}: {error}") from error


def _create(path: Path, content: str) -> None:
    """Make a file with all of its content at once, unless somebody else has just made it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
        file.write(content + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
    sync(path.parent, path.parent.parent)
