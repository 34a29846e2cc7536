"""Compiles kernels that not every cluster needs, in a process of its own, while the host already works.

Compiling them takes some seconds, in which nobody should have to wait for a server that starts, nor for a session of
another cluster. Only the first start on a machine has something to do; later ones find all in the cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PARTS = {"deep": "hanami_plugins.host_numba.deep.warm", "synapse": "hanami_plugins.host_numba.synapse.warm"}
"""Parts by their names, and what compiles each of them; in this order."""
NICENESS = 10
POLL_SECONDS = 0.05

log = logging.getLogger("hanami.compute")


class Ahead:
    """The process that compiles, if there is something to compile."""

    def __init__(self, cache: Path, parts: Sequence[str] = tuple(PARTS)) -> None:
        """Start it; `cache` is where kernels are kept."""
        self._cache = cache
        self._process: subprocess.Popen[bytes] | None = None
        missing = [part for part in parts if not _mark(cache, part).exists()]
        if missing:
            # The package has imported this module before it is run, which is no reason to warn.
            quiet = "ignore::RuntimeWarning:runpy"
            command = [sys.executable, "-P", "-W", quiet, "-m", __name__, str(cache), *missing]
            # It ends with this process, because nobody writes to its input.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def wait(self, part: str) -> None:
        """Return when a part is in the cache, or will not come there."""
        if self._is_compiling(part):
            log.info("a cluster waits for kernels that are being compiled", extra={"part": part})
        while self._is_compiling(part):
            time.sleep(POLL_SECONDS)

    def _is_compiling(self, part: str) -> bool:
        return self._process is not None and self._process.poll() is None and not _mark(self._cache, part).exists()

    def stop(self) -> None:
        """End the process, whatever it has come to."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _mark(cache: Path, part: str) -> Path:
    return cache / f"{part}.compiled"


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(cache: Path, parts: Sequence[str]) -> None:
    """Compile parts that are not in the cache yet; several hosts that start together do it once."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    config: Any = importlib.import_module("numba.core.config")
    config.CACHE_DIR = str(cache)
    with (cache / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in parts:
            if not _mark(cache, part).exists():
                importlib.import_module(PARTS[part]).up()
                _mark(cache, part).touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
