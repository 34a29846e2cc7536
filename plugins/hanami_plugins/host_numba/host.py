"""Logical hosts on the processor. Numba is imported by `CpuHost.start`, not before."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib
import os
import shutil
import sys
import tempfile
import time
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hanami_core import machine_memory as machine
from hanami_core.compute import ComputeHost, HostContext, HostDescription
from hanami_plugins import networks_section, networks_synapse
from hanami_plugins.host_numba.background_compiler import (
    BESIDE,
    SECTION,
    BackgroundCompiler,
    is_compiled,
    note_compiled,
)
from hanami_plugins.host_numba.thread_pool import ThreadPool, processors

GROWTH = {"deep": SECTION}
"""The rule set that needs a part of the kernels, if the part does not have its name."""
UNUSED = 90 * 24 * 3600
"""Seconds after which kernels that no host has started with are removed from the cache."""


class CpuHost:
    """All processors of the machine, or some of them, under one name."""

    kind = "cpu"

    def __init__(self, name: str, threads: int) -> None:
        """Name a host; `threads` 0 means one for each processor, which is also the most there are."""
        self.name = name
        self._threads = threads
        self._context: HostContext | None = None
        self._compiler: BackgroundCompiler | None = None

    @cached_property
    def thread_pool(self) -> ThreadPool:
        """Threads that the networks of this host share."""
        available = processors() if self._context is None else self._context.threads
        return ThreadPool(min(self._threads or available, available))

    def start(self, context: HostContext) -> None:
        """Import Numba, and load the kernels of most clusters if they are in the cache.

        What is missing there is compiled in the background, see `BackgroundCompiler`, and clusters wait for what they
        need. A host that may prepare nothing in the background compiles the kernels of most clusters itself. A cache
        that can not be written is copied to a temporary directory, so that what was compiled into it is used.
        """
        self._context = context
        config: Any = importlib.import_module("numba.core.config")
        known = context.cache / _fingerprint()
        used = _writable(known)
        config.CACHE_DIR = str(used)
        _forget_old(context.cache, known)
        background = context.background and used == known
        if not background or is_compiled(known, SECTION):
            importlib.import_module("hanami_plugins.host_numba.section_warm").up()
            note_compiled(used, SECTION)
        if background:
            self._compiler = BackgroundCompiler(known, beside=BESIDE if processors() > 1 else ())

    def wait_for(self, part: str) -> None:
        """Return when kernels that are compiled in the background are in the cache."""
        if self._compiler:
            self._compiler.wait(part)

    def describe(self) -> HostDescription:
        """Return the threads of the host, and the memory that it shares with all others on the machine."""
        memory = machine.memory()
        return HostDescription(
            name=self.name,
            kind=self.kind,
            uuid=self._context.uuid if self._context else "",
            memory=memory.total,
            free_memory=memory.free,
            threads=self.thread_pool.size,
            preparing=self._preparing(),
            awaited=self._awaited(),
        )

    def _preparing(self) -> str:
        left = self._compiler.left if self._compiler else []
        return f"kernels: {', '.join(left)}" if left else ""

    def _awaited(self) -> dict[str, str]:
        waits = self._compiler.awaited if self._compiler else {}
        return {GROWTH.get(part, part): f"compiles its kernels, for {_seconds(waits[part])} by now" for part in waits}

    def stop(self) -> None:
        """Stop compiling. Threads end with the last network that works with them."""
        if self._compiler:
            self._compiler.stop()
        vars(self).pop("thread_pool", None)


def _seconds(count: float) -> str:
    return "1 second" if round(count) == 1 else f"{count:.0f} seconds"


def thread_pool_of(host: ComputeHost, part: str) -> ThreadPool:
    """Return the threads for a network on a host, when the part of the kernels that it needs is compiled.

    A host of somebody else that is a processor too has one thread for each of our networks.
    """
    if not isinstance(host, CpuHost):
        return ThreadPool(1)
    host.wait_for(part)
    return host.thread_pool


def _fingerprint() -> str:
    """Name a directory for what compiled code depends on.

    Numba looks only at the file of the function itself: not at those that it imports, here and from the rule sets. It
    does not find what an installation in another place, another version of Python or another kind of processor has
    compiled.
    """
    processor: Any = importlib.import_module("llvmlite.binding")
    files = __file__, networks_section.__file__, networks_synapse.__file__
    folders = [Path(file).resolve().parent for file in files]
    compiler = version("numba"), sys.implementation.cache_tag
    machine_code = processor.get_host_cpu_name(), processor.get_host_cpu_features().flatten()
    digest = hashlib.sha256("\0".join((*compiler, *machine_code, *map(str, folders), "")).encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}"


def _forget_old(cache: Path, used: Path) -> None:
    """Remove kernels of other versions that no host has started with for a long time."""
    with contextlib.suppress(OSError):
        os.utime(used)
        for other in cache.glob("kernels-*"):
            if time.time() - other.stat().st_mtime > UNUSED:
                shutil.rmtree(other, ignore_errors=True)


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
