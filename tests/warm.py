"""Starts servers of tests as copies of a process that has loaded what every server loads.

Loading takes most of a start, and is the same for all of them. A copy becomes the supervisor, and a copy of that the
fork server, from which all others come as they always do. A test that changes what an interpreter depends on gets fresh
processes, and in ``tox -e long`` all tests do.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hanami_server import fork_server, process_control
from hanami_server.starting import LONGEST, Starter

__all__ = ["Process", "start"]

PATH = "PYTHONPATH"
OF_INTERPRETERS = ("LD_", "MALLOC_", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHON")
"""Beginnings of the names of variables that must be set before a process starts, or before it imports something."""
AT_FIRST = dict(os.environ)


def start(argv: list[str], log: BinaryIO) -> Process | None:
    """Start ``hanami`` with a command line, or return None if that takes a fresh process. It ends with this one."""
    environment = dict(os.environ)
    added = _folders(environment) - _folders(AT_FIRST)
    if _of_interpreter(environment) != _of_interpreter(AT_FIRST) or any(map(_customizes, added)):
        return None
    order = {"argv": argv, "environment": environment, "folder": os.getcwd()}
    socket.send_fds(_template(), [json.dumps(order).encode()], [log.fileno()])
    number, handles, _, _ = socket.recv_fds(_template(), LONGEST, 1)
    return Process(int(number), handles[0])


def _of_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables that a process takes from its environment once; folders of modules are added later as well."""
    return {name: value for name, value in environment.items() if name.startswith(OF_INTERPRETERS) and name != PATH}


def _folders(environment: Mapping[str, str]) -> set[str]:
    return {folder for folder in environment.get(PATH, "").split(os.pathsep) if folder}


def _customizes(folder: str) -> bool:
    """Tell whether an interpreter that starts runs a module of a folder."""
    return any(Path(folder, f"{name}customize.py").exists() for name in ("site", "user"))


@functools.cache
def _template() -> socket.socket:
    """Return the connection to the process that is copied."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, "-P", __file__, str(os.getpid())], stdin=theirs)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


class Process:
    """As much of `subprocess.Popen` as servers use, for a process that another one has started."""

    def __init__(self, pid: int, handle: int) -> None:
        """Know a process by its number and by a descriptor of it."""
        self.pid = pid
        self.returncode: int | None = None
        self._handle = handle

    def poll(self) -> int | None:
        """Return None as long as it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return when it has ended."""
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._handle, select.POLLIN)
            if not ended.poll(None if timeout is None else timeout * 1000.0):
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0.0)
            os.close(self._handle)
            self.returncode = self._code()
        return self.returncode

    def _code(self) -> int:
        return 0  # known to the process that has started it only

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Child(Process):
    """The same for a process that this one has started."""

    def _code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


# -- the process that is copied ----------------------------------------------------------------------------------------


def main(parent: int) -> int:
    """Load all, and start servers as long as anybody may want one; a copy returns with the exit code of its server."""
    process_control.die_with(parent)
    control = socket.socket(fileno=os.dup(0))
    _replace(os.open(os.devnull, os.O_RDWR), 0)
    _load()
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    servers: dict[int, Child] = {}
    while True:
        for ready, _ in waiting.poll():
            if ready != control.fileno():
                waiting.unregister(ready)
                servers.pop(ready).wait()
                continue
            order, descriptors, _, _ = socket.recv_fds(control, LONGEST, 1)
            if not order:
                return 0
            pid = os.fork()
            if pid == 0:
                control.close()
                for handle in servers:
                    os.close(handle)
                return _serve(**json.loads(order), log=descriptors[0])
            os.close(descriptors[0])
            handle = os.pidfd_open(pid)
            servers[handle] = Child(pid, handle)
            waiting.register(handle, select.POLLIN)
            socket.send_fds(control, [str(pid).encode()], [handle])


def _load() -> None:
    """Import what servers import, and what Numba imports when it meets the first kernel."""
    from numba.core.registry import cpu_target

    for module in ("hanami_cli.hanami", "hanami_server.commands", "hanami_server.supervisor"):
        importlib.import_module(module)
    fork_server.load(Path())
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    gc.collect()
    gc.freeze()


def _serve(argv: list[str], environment: dict[str, str], folder: str, log: int) -> int:
    """Be ``hanami`` in an environment, and write to a log."""
    from hanami_cli.hanami import main

    template = os.getppid()
    os.setsid()
    process_control.die_with(template)
    sys.path[:0] = [folder for folder in environment.get(PATH, "").split(os.pathsep) if folder not in sys.path]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(log, 1)
    _replace(log, 2)
    _keep_fork_server()
    fork_server.setproctitle(" ".join(("hanami", *argv)))
    return main(argv)


def _keep_fork_server() -> None:
    """Make the first fork server: a copy that waits for its command line, and holds nothing that is opened later."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.setpgid(0, 0)
        argv = json.loads(theirs.recv(LONGEST) or "null")
        os.dup2(theirs.fileno(), 0)
        theirs.close()
        sys.exit(0 if argv is None else fork_server.main(argv))
    theirs.close()
    begin = Starter._begin

    def begin_with_copy(starter: Any) -> None:
        Starter._begin = begin  # type: ignore[method-assign]
        starter._socket, starter._process = ours, Child(pid, os.pidfd_open(pid))
        ours.send(json.dumps(starter._command[4:]).encode())

    Starter._begin = begin_with_copy  # type: ignore[method-assign]


def _replace(descriptor: int, number: int) -> None:
    os.dup2(descriptor, number)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
