"""The process that servers of tests are copies of, see `tests.warm`."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from setproctitle import setproctitle

from hanami_server import fork_server, process_control
from hanami_server.starting import Starter
from tests.warm import LONGEST, Child, folders

FORK_SERVER = (sys.executable, "-P", "-m", "hanami_server.fork_server")


def main(parent: int) -> int:
    """Load all, and start servers as long as anybody may want one; a copy ends with the exit code of its server."""
    process_control.die_with(parent)
    control = socket.socket(fileno=os.dup(0))
    _replace(os.open(os.devnull, os.O_RDWR), 0)
    _load()
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    servers: dict[int, tuple[Child, int]] = {}
    while True:
        for ready, _ in waiting.poll():
            if ready != control.fileno():
                waiting.unregister(ready)
                ended, tell = servers.pop(ready)
                with contextlib.suppress(BrokenPipeError), open(tell, "w") as stream:
                    stream.write(str(ended.wait()))
                continue
            order, descriptors, _, _ = socket.recv_fds(control, LONGEST, 1)
            if not order:
                return 0
            pid = os.fork()
            if pid == 0:
                control.close()
                for handle, (_, tell) in servers.items():
                    os.close(handle)
                    os.close(tell)
                _end_with(functools.partial(_serve, **json.loads(order), log=descriptors[0]))
            os.close(descriptors[0])
            server, (told, tell) = Child(pid), os.pipe()
            servers[server.handle] = server, tell
            waiting.register(server.handle, select.POLLIN)
            socket.send_fds(control, [str(pid).encode()], [server.handle, told])
            os.close(told)


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
    sys.path[:0] = [folder for folder in folders(environment) if folder not in sys.path]
    _put_environment(environment)
    os.chdir(folder)
    os.dup2(log, 1)
    _replace(log, 2)
    _keep_fork_server()
    setproctitle(" ".join(("hanami", *argv)))
    return main(argv)


def _put_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _keep_fork_server() -> None:
    """Make the first fork server: a copy that waits for its command line, and holds nothing that is opened later."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.setpgid(0, 0)
        order = theirs.recv(LONGEST)
        if not order:
            sys.exit()
        command, environment = json.loads(order)
        _replace(theirs.detach(), 0)
        _put_environment(environment)
        setproctitle(" ".join(command))
        _end_with(lambda: fork_server.main(command[len(FORK_SERVER) :]))
    theirs.close()
    begin = Starter._begin

    def begin_with_copy(starter: Any) -> None:
        Starter._begin = begin  # type: ignore[method-assign]
        starter._socket, starter._process = ours, Child(pid)
        ours.send(json.dumps([starter._command, dict(os.environ)]).encode())

    Starter._begin = begin_with_copy  # type: ignore[method-assign]


def _end_with(run: Callable[[], object]) -> NoReturn:
    """Run a program and end as it does, but leave it to the kernel to free what was loaded: that takes longest."""
    try:
        code = run()
    except SystemExit as end:
        code = end.code
    if not isinstance(code, int | None):
        sys.exit(str(code))
    # What an interpreter does first when it ends.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _replace(descriptor: int, number: int) -> None:
    os.dup2(descriptor, number)
    os.close(descriptor)
