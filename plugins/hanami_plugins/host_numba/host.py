"""Logical hosts on the processor. Numba is imported by `CpuHost.start`, not before."""

from __future__ import annotations

import atexit
import hashlib
import importlib
import shutil
import socket
import tempfile
import uuid
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hanami_plugins.host_numba.ahead import Ahead
from hanami_plugins.host_numba.team import Team, processors

_NAMESPACE = uuid.UUID("6f1a3c5e-0f0b-5d0e-9d5c-7c1f6d0b8a42")


class CpuHost:
    """All processors of the machine, or some of them, under one name."""

    kind = "cpu"

    def __init__(self, name: str, threads: int) -> None:
        """Describe a host; `threads` 0 means one for each processor, which is also the most there are."""
        self.name = name
        self.uuid = str(uuid.uuid5(_NAMESPACE, f"{socket.gethostname()}/{name}"))
        self._threads = threads
        self._compiles_ahead = False
        self._ahead: Ahead | None = None

    @cached_property
    def team(self) -> Team:
        """Threads that the networks of this host share."""
        return Team(min(self._threads or processors(), processors()))

    def start(self, cache: Path) -> None:
        """Import Numba and load all kernels, from `cache` or by compiling them.

        A cache that can not be written is copied to a temporary directory, so that what was compiled into it is used.
        """
        config: Any = importlib.import_module("numba.core.config")
        known = cache / _fingerprint()
        used = _writable(known)
        config.CACHE_DIR = str(used)
        importlib.import_module("hanami_plugins.host_numba.warm").up()
        if self._compiles_ahead and used == known:
            self._ahead = Ahead(known)

    def compile_ahead(self) -> None:
        """Let `start` go on with the other kernels in a process of its own, until `stop`, see `ahead`."""
        self._compiles_ahead = True

    def wait_for(self, part: str) -> None:
        """Return when kernels that were to be compiled ahead are in the cache."""
        if self._ahead:
            self._ahead.wait(part)

    def stop(self) -> None:
        """Stop compiling."""
        if self._ahead:
            self._ahead.stop()


def _fingerprint() -> str:
    """Name a directory for what compiled code depends on: Numba only looks at the file of the function itself."""
    digest = hashlib.sha256(version("numba").encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}"


def _writable(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError:
        # Numba looks for compiled code at any time, so the directory lives as long as the process.
        temporary = tempfile.mkdtemp(prefix="hanami-kernels-")
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        if directory.is_dir():
            shutil.copytree(directory, temporary, dirs_exist_ok=True)
        return Path(temporary)
