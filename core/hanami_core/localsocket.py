"""Unix sockets inside the data directory, whatever the length of its path.

A socket address holds about 100 bytes; a path through ``/proc/self/fd`` always fits.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


def run_directory(data_dir: Path) -> Path:
    """Return the directory of sockets and locks of a running server."""
    return data_dir / "run"


def notify_path(data_dir: Path, host: str) -> Path:
    """Return the datagram socket that wakes who runs the tasks of a host."""
    return run_directory(data_dir) / f"{host}.notify"


def calls_path(data_dir: Path, host: str) -> Path:
    """Return the stream socket at which the sidecar of a host answers calls."""
    return run_directory(data_dir) / f"{host}.calls"


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def bind(kind: socket.SocketKind, path: Path) -> socket.socket:
    """Return a Unix socket of `kind` bound to `path`, which only this user can reach; an old file is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    result = socket.socket(socket.AF_UNIX, kind)
    with _short(path) as address:
        result.bind(address)
    path.chmod(0o600)
    return result


def connect(kind: socket.SocketKind, path: Path, timeout: float = 5.0) -> socket.socket:
    """Return a Unix socket of `kind` connected to `path`."""
    result = socket.socket(socket.AF_UNIX, kind)
    result.settimeout(timeout)
    try:
        with _short(path) as address:
            result.connect(address)
    except BaseException:
        result.close()
        raise
    return result


def notify(path: Path) -> None:
    """Wake whoever listens at a datagram socket; nobody listening is fine."""
    with contextlib.suppress(OSError), connect(socket.SOCK_DGRAM, path) as out:
        out.setblocking(False)
        out.send(b"!")
