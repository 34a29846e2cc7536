"""Short notices from the api to the sidecar of a host that a cluster has changed.

A notice may get lost and tells nothing but which cluster it is about; whoever gets it reads the row. Must not know what
has changed.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from pathlib import Path

from hanami_core import localsocket

__all__ = ["Notices", "notify"]

LONGEST = 64


def _path(data_dir: Path, host: str) -> Path:
    return localsocket.run_directory(data_dir) / f"{host}.clusters"


def notify(data_dir: Path, host: str, uuid: str) -> None:
    """Tell the sidecar of a host that a cluster has changed; nobody listening is fine."""
    with contextlib.suppress(OSError), localsocket.connect(socket.SOCK_DGRAM, _path(data_dir, host)) as out:
        out.setblocking(False)
        out.send(uuid.encode())


class Notices:
    """The receiving end, for one thread that waits and others that wake it."""

    def __init__(self, data_dir: Path, host: str) -> None:
        """Listen for a host."""
        self._socket = localsocket.bind(socket.SOCK_DGRAM, _path(data_dir, host))
        self._awake, self._alarm = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._socket, self._awake, self._alarm):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        for end in (self._socket, self._awake):
            self._selector.register(end, selectors.EVENT_READ)

    def wake(self) -> None:
        """Let `wait` return; never blocks."""
        with contextlib.suppress(BlockingIOError):  # full of wakes already
            self._alarm.send(b"!")

    def wait(self, timeout: float) -> set[str]:
        """Return when something has happened or the time is over, with the clusters that notices are about."""
        self._selector.select(timeout)
        _drain(self._awake)
        return {content.decode(errors="replace") for content in _drain(self._socket)}

    def close(self) -> None:
        """Stop listening."""
        self._selector.close()
        for end in (self._socket, self._awake, self._alarm):
            end.close()


def _drain(end: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(end.recv(LONGEST))
    return found
