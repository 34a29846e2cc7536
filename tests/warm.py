"""Starts servers of tests as copies of a process that has loaded what every server loads.

Loading takes most of a start, and is the same for all of them. A copy becomes the supervisor, and a copy of that the
fork server, from which all others come as they always do, see `tests.warm_template`. A test that changes what an
interpreter depends on gets fresh processes, and in ``tox -e long`` and the campaigns of faults all tests do. Processes
that should load little import this module, so it imports nothing of the product.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from tests.lengths import LONG

__all__ = ["LONGEST", "Child", "Process", "folders", "start"]

ROOT = str(Path(__file__).parents[1])
PROGRAM = """
import sys
sys.path.append({0!r})
from tests.warm_template import main
sys.path.remove({0!r})
sys.exit(main({1}))
"""
LONGEST = 1 << 20
"""Bytes of a message."""
PATH = "PYTHONPATH"
OF_INTERPRETERS = ("LD_", "MALLOC_", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHON")
"""Beginnings of the names of variables that must be set before a process starts, or before it imports something."""
AT_FIRST = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""What this process began with, but for what `tests.conftest` takes out of its environment."""
ALL_FRESH = LONG or "HANAMI_FAULT_SHARE" in os.environ

_ORDERS = threading.Lock()


def start(argv: list[str], log: BinaryIO, environment: Mapping[str, str]) -> Process | None:
    """Start ``hanami`` with a command line, or return None if that takes a fresh process. It ends with this one."""
    added = set(folders(environment)) - set(folders(AT_FIRST))
    if ALL_FRESH or _of_interpreter(environment) != _of_interpreter(AT_FIRST) or any(map(_customizes, added)):
        return None
    order = {"argv": argv, "environment": dict(environment), "folder": os.getcwd()}
    with _ORDERS:
        socket.send_fds(_template(), [json.dumps(order).encode()], [log.fileno()])
        number, descriptors, _, _ = socket.recv_fds(_template(), LONGEST, 2)
    return Process(int(number), *descriptors)


def _of_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables that a process takes from its environment once; folders of modules are added later as well."""
    return {name: value for name, value in environment.items() if name.startswith(OF_INTERPRETERS) and name != PATH}


def folders(environment: Mapping[str, str]) -> list[str]:
    """Return where an interpreter looks for modules first."""
    return [folder for folder in environment.get(PATH, "").split(os.pathsep) if folder]


def _customizes(folder: str) -> bool:
    """Tell whether an interpreter that starts runs a module of a folder."""
    return any(Path(folder, f"{name}customize.py").exists() for name in ("site", "user"))


@functools.cache
def _template() -> socket.socket:
    """Return the connection to the process that is copied; what the test that needs it first has set is not for all."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-P", "-c", PROGRAM.format(ROOT, os.getpid())]
        process = subprocess.Popen(command, stdin=theirs, env=AT_FIRST)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


class Process:
    """As much of `subprocess.Popen` as servers use, for a process that another one has started."""

    def __init__(self, pid: int, handle: int, told: int) -> None:
        """Know a process by its number, a descriptor of it, and one from which its exit code can be read."""
        self.pid = pid
        self.returncode: int | None = None
        self.handle = handle
        self._told = told
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return None as long as it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code when it has ended."""
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._told, select.POLLIN)
            if not ended.poll(None if timeout is None else timeout * 1000.0):
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0.0)
            self._take_note()
        assert self.returncode is not None
        return self.returncode

    def _take_note(self) -> None:
        with self._lock:
            if self.returncode is None:
                self.returncode = self._code()
                os.close(self.handle)

    def _code(self) -> int:
        with open(self._told) as told:
            return int(told.read() or -signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Child(Process):
    """The same for a process that this one has started."""

    def __init__(self, pid: int) -> None:
        """Know a process by its number."""
        handle = os.pidfd_open(pid)
        super().__init__(pid, handle, handle)

    def _code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
