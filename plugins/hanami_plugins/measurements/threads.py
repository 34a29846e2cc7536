"""The threads of the server's processes and the cores that each may use.

Only a process itself knows its threads by name, so each sidecar notes its own, in a thread and not by a schedule.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hanami_core.runtime import Runtime

ThreadMap = dict[str, list[int]]

INTERVAL = 10.0
"""Seconds between two notes of a process."""

_TASKS = Path("/proc/self/task")


def own(process: str) -> ThreadMap:
    """Return the threads of this process by name, with the name of the process before each."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    # In the copy of a process, the main thread still has the number that it had in the original.
    names[os.getpid()] = threading.main_thread().name
    found: ThreadMap = {}
    for task in sorted(int(entry.name) for entry in _TASKS.iterdir()):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            name = names.get(task) or (_TASKS / str(task) / "comm").read_text().strip()
            key = f"{process}/{name}"
            found[f"{key}_{task}" if key in found else key] = sorted(os.sched_getaffinity(task))
    return found


def store(directory: Path, host: str) -> None:
    """Leave a note about the threads of this process, the sidecar of a host."""
    file = _file(directory, host)
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(own(host)))
    temporary.replace(file)


class Notes:
    """Writes them again and again, because threads come and go."""

    def __init__(self, directory: Path, runtime: Runtime) -> None:
        """Prepare; nothing is written before `start`."""
        self._directory = directory
        self._runtime = runtime
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="thread-notes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            host = self._runtime.compute  # known a moment after the plugins have started
            pause = INTERVAL if host is not None else 0.1
            if host is not None:
                with contextlib.suppress(OSError):  # a full disk must not end the thread
                    store(self._directory, host.name)


def load(directory: Path, hosts: Iterable[str]) -> ThreadMap:
    """Return what the sidecars of the given hosts have noted."""
    found: ThreadMap = {}
    for host in hosts:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found |= msgspec.json.decode(_file(directory, host).read_bytes(), type=ThreadMap)
    return found


def _file(directory: Path, host: str) -> Path:
    return directory / f"{host}.threads"
