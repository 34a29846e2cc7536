"""Compiles kernels in processes of their own, while the host already works.

Compiling takes seconds, in which nobody should have to wait for a server that starts, nor for a session of another
cluster. Only the first start on a machine has something to do; later ones find all in the cache.

A part of the kernels may be compiled in steps, which processes share: each takes one that no other has begun.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

SECTION = "section"
PARTS = {
    SECTION: "hanami_plugins.host_numba.section_warm",
    "deep": "hanami_plugins.host_numba.deep_warm",
    "synapse": "hanami_plugins.host_numba.synapse_warm",
}
"""Parts by their names, and what compiles each of them. Most clusters need the first one, which is compiled first."""
BESIDE = ("synapse",)
"""Parts that are compiled beside the others if there are processors for that, by `SHARERS` processes together."""
SHARERS = 2
NICENESS = 10
"""Of a process that compiles what nobody waits for yet."""
LOWEST = 19
"""Niceness of such a process as soon as somebody waits for something else."""
PATIENCE = 3.0
"""Seconds that a cluster waits for processes of low priority; then one of normal priority compiles beside them."""

log = logging.getLogger("hanami.compute")


class BackgroundCompiler:
    """The processes that compile, if there is something to compile."""

    def __init__(self, cache: Path, parts: Sequence[str] = tuple(PARTS), *, beside: Sequence[str] = ()) -> None:
        """Start one, and some others for the parts `beside`; `cache` is where kernels are kept."""
        self._cache = cache
        self._missing = {part: threading.Event() for part in parts if not is_compiled(cache, part)}
        self._processes: dict[subprocess.Popen[str], Sequence[str]] = {}
        self._watchers: list[threading.Thread] = []
        self._awaited: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopped = False
        if self._missing:
            log.info("kernels are compiled, once on this machine", extra={"parts": " ".join(self._missing)})
            for together, count in ((set(self._missing) - set(beside), 1), (set(beside), SHARERS)):
                if share := [part for part in self._missing if part in together]:
                    for _ in range(count):
                        self._start(share)

    @property
    def left(self) -> list[str]:
        """Parts that are still being compiled."""
        return [part for part, done in self._missing.items() if not done.is_set()]

    @property
    def awaited(self) -> dict[str, float]:
        """Of those, the ones that clusters wait for, and for how many seconds the first of them has."""
        now, left = time.monotonic(), self.left
        with self._lock:
            return {part: now - since for part, since in self._awaited.items() if part in left}

    def wait(self, part: str) -> None:
        """Return when a part is in the cache, or will not come there. What nobody waits for gives way to it."""
        done = self._missing.get(part)
        if done is None or done.is_set():
            return
        log.info("a cluster waits for kernels that are being compiled", extra={"part": part})
        with self._lock:
            first = part not in self._awaited
            self._awaited.setdefault(part, time.monotonic())
            begun = [part] in self._processes.values()
        if first:
            self._give_way()
            if not (begun and done.wait(PATIENCE)):
                self._start([part], hurry=True)
        done.wait()

    def stop(self) -> None:
        """End the processes, whatever they have come to."""
        with self._lock:
            self._stopped = True
            processes, self._processes = self._processes, {}
        for process in processes:
            process.kill()
        for watcher in self._watchers:
            watcher.join()
        for done in self._missing.values():
            done.set()

    def _give_way(self) -> None:
        """Let processes pass that compile what somebody waits for."""
        with self._lock:
            for process, parts in self._processes.items():
                if self._awaited.keys().isdisjoint(parts) and process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST)

    def _start(self, parts: Sequence[str], *, hurry: bool = False) -> None:
        # The package has imported this module before it is run, which is not a reason to warn.
        quiet = "ignore::RuntimeWarning:runpy"
        niceness = 0 if hurry else NICENESS
        command = [sys.executable, "-P", "-W", quiet, "-m", __name__, str(self._cache), str(niceness), *parts]
        with self._lock:
            if self._stopped:
                return
            # It ends with this process, because nobody writes to its input.
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._processes[process] = parts
            watcher = threading.Thread(target=self._watch, args=(process, parts), name="compile", daemon=True)
            self._watchers.append(watcher)
            watcher.start()

    def _watch(self, process: subprocess.Popen[str], parts: Sequence[str]) -> None:
        """Note which parts a process has compiled; at its end, those that it could not."""
        begin = time.monotonic()
        assert process.stdout is not None
        with process:
            for line in process.stdout:
                self._note(line.strip(), begin)
        with self._lock:
            self._processes.pop(process, None)
            for part in set(parts).difference(*self._processes.values()):
                self._missing[part].set()

    def _note(self, part: str, begin: float) -> None:
        done = self._missing.get(part)
        if done is not None and not done.is_set():
            done.set()
            fields = {"part": part, "seconds": round(time.monotonic() - begin, 1), "left": " ".join(self.left)}
            log.info("kernels are compiled", extra=fields)


def is_compiled(cache: Path, part: str) -> bool:
    """Tell whether all kernels of a part, or of a step, are in a cache."""
    return _mark(cache, part).exists()


def note_compiled(cache: Path, part: str) -> None:
    """Note that all kernels of a part, or of a step, are in a cache."""
    _mark(cache, part).touch()


def _mark(cache: Path, part: str) -> Path:
    return cache / f"{part}.compiled"


def _once(cache: Path, part: str, work: Callable[[], object], *, wait: bool = True) -> None:
    """Compile something unless it is in the cache; if another process does, wait for it, or leave it to that one."""
    with (cache / f"{part}.compiling").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not is_compiled(cache, part):
            work()
            note_compiled(cache, part)


def _compile(cache: Path, part: str) -> None:
    """Compile a part, beside other processes that do so."""
    module = importlib.import_module(PARTS[part])
    steps: Mapping[str, Sequence[str]] = getattr(module, "STEPS", {})

    def take(step: str, *, wait: bool) -> None:
        def work() -> None:
            for before in steps[step]:
                take(before, wait=True)
            module.step(step)

        _once(cache, f"{part}-{step}", work, wait=wait)

    for wait in (False, True):
        for step in steps:
            take(step, wait=wait)
    _once(cache, part, module.up)


def _end_with_parent() -> None:
    # Not through `sys.stdin`, whose lock the interpreter wants at its own end.
    while os.read(0, 1):
        pass
    os._exit(0)


def main(cache: Path, niceness: int, parts: Sequence[str]) -> None:
    """Compile parts that are not in the cache yet, and print the name of each that is; several processes do it once."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # there is hardly any garbage
    # Kernels need no linear algebra, which Numba takes half a second to look for.
    sys.modules.setdefault("scipy", cast(Any, None))
    config: Any = importlib.import_module("numba.core.config")
    config.CACHE_DIR = str(cache)
    for part in parts:
        if part != SECTION:
            with contextlib.suppress(OSError):
                os.nice(max(0, niceness - os.nice(0)))
        if not is_compiled(cache, part):
            _compile(cache, part)
        print(part, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
