"""How hosts are, told by their sidecars to all other processes: one small file for each host of a running server.

A sidecar writes its file every few seconds (`Describer`); others read it and believe it as long as it is fresh.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from hanami_core.compute.hosts import ComputeHost, HostDescription
from hanami_core.localsocket import run_directory

__all__ = ["Describer", "load", "load_all"]

INTERVAL = 5.0
"""Seconds between two descriptions of a host."""
PREPARING_INTERVAL = 1.0
"""The same while it prepares something that somebody may wait for."""
FRESH = 3 * INTERVAL
"""Age up to which a description is believed."""
PATIENCE = 0.5
"""Seconds that a description may take when its host is about to stop."""

log = logging.getLogger("hanami.compute")


def load_all(data_dir: Path, names: Iterable[str]) -> dict[str, HostDescription]:
    """Return the descriptions that are known, by the names of the hosts."""
    found = {name: load(data_dir, name) for name in names}
    return {name: description for name, description in found.items() if description is not None}


def load(data_dir: Path, name: str) -> HostDescription | None:
    """Return how a host is, or None if it has not said so lately."""
    path = _path(data_dir, name)
    try:
        if time.time() - path.stat().st_mtime > FRESH:
            return None
        return msgspec.json.decode(path.read_bytes(), type=HostDescription)
    except (OSError, msgspec.MsgspecError):
        return None


def _path(data_dir: Path, name: str) -> Path:
    return run_directory(data_dir) / f"{name}.host"


class Describer:
    """Tells how a started host is, in a thread, until it is stopped."""

    def __init__(self, data_dir: Path, host: ComputeHost) -> None:
        """Tell it once, then every few seconds."""
        self._path = _path(data_dir, host.name)
        self._host = host
        self._end = threading.Event()
        self._written = threading.Event()
        self._last: HostDescription | None = None
        self._listeners: list[Callable[[HostDescription], None]] = []
        self._thread = threading.Thread(target=self._run, name="describe-host", daemon=True)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()

    def wait(self, timeout: float = 10.0) -> bool:
        """Return whether the host has told how it is, at the latest after so many seconds."""
        return self._written.wait(timeout)

    def listen(self, listener: Callable[[HostDescription], None]) -> None:
        """Call a function with the last description, if there is one, and in the thread with every later one."""
        self._listeners.append(listener)
        if self._last is not None:
            listener(self._last)

    def stop(self) -> None:
        """End the thread; nobody believes the host any more, unless its next process is to say something better."""
        self._end.set()
        # A host that hangs must not keep its process from ending.
        self._thread.join(PATIENCE)
        if self._last is None or not self._last.needs_restart:
            self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            try:
                self._write()
            except BaseException:
                log.exception("a host could not be described", extra={"host": self._host.name})
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)
            if self._end.wait(PREPARING_INTERVAL if self._last is not None and self._last.preparing else INTERVAL):
                return

    def _write(self) -> None:
        description = self._host.describe()
        temporary = self._path.with_suffix(".host-new")
        temporary.write_bytes(msgspec.json.encode(description))
        temporary.replace(self._path)
        self._written.set()
        self._last = description
        for listener in list(self._listeners):
            listener(description)
