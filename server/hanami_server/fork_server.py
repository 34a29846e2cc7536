"""The process that starts all others of a server, as copies of itself.

Loading the plugins takes most of a start. Here it is done once, and copies begin with what is loaded, in memory that
they share. Each copy becomes a child of the supervisor. A plugin whose module starts threads would be without them in a
copy; then each process is a fresh one and loads all for itself.

Started by the supervisor, see `hanami_server.starting`. Must not open anything, nor call a hook: it only imports.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec
from setproctitle import setproctitle

from hanami_core.plugin_host import installed_plugins, read_disabled
from hanami_server import logs, privacy
from hanami_server.process import parse
from hanami_server.starting import LONGEST, Forget, Started, StartProcess

__all__ = ["load", "main"]

LOADED = (
    "hanami_core.runtime",
    "hanami_server.api",
    "hanami_server.app",
    "hanami_server.plugin_process",
    "hanami_server.bootstrap",
    "hanami_server.sidecar.main",
    "hanami_server.worker_process",
)
"""Modules that processes run, or import when they run."""
MOST_DESCRIPTORS = 8
GO = b"+"
"""What a copy waits for."""

log = logging.getLogger("hanami.process")


def main(argv: list[str]) -> NoReturn:
    """Load all, and start processes until the supervisor wants no more; a copy runs what it is for."""
    options = parse(argv)
    logs.configure(options.log_level, "fork server")
    control = socket.socket(fileno=os.dup(0))
    _put(os.open(os.devnull, os.O_RDONLY), 0)
    load(options.data_dir)
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        fields = {"threads": " ".join(others)}
        log.warning("a plugin starts threads when it is imported, so that processes start slowly", extra=fields)
    gc.collect()
    gc.freeze()
    with control:
        run = _serve(control, fresh=bool(others))
    sys.exit(run())


def load(data_dir: Path) -> None:
    """Import what processes need. What fails here fails again in each of them, where it is told."""
    for module in LOADED:
        importlib.import_module(module)
    with contextlib.suppress(Exception):
        disabled = read_disabled(data_dir)
        for point in installed_plugins():
            if point.name not in disabled:
                with contextlib.suppress(BaseException):
                    point.load()


def _serve(control: socket.socket, *, fresh: bool) -> Callable[[], int | None]:
    """Start processes until the supervisor wants no more; returns what this process, or a copy of it, is to run."""
    while True:
        text, descriptors, _, _ = socket.recv_fds(control, LONGEST, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        if not text:
            return lambda: 0
        request = msgspec.json.decode(text, type=StartProcess | Forget)
        if isinstance(request, Forget):
            privacy.forget(request.names)
            continue
        told, go = _fork()
        if go is None:
            return _program(request, descriptors, fresh=fresh)
        control.send(told)
        # Only now, so that nothing runs of which the supervisor does not know.
        with contextlib.suppress(BrokenPipeError), open(go, "wb", buffering=0) as stream:
            stream.write(GO)
        for descriptor in descriptors:
            os.close(descriptor)


def _fork() -> tuple[bytes, int | None]:
    """Make a copy of this process, with the same parent and a group of its own.

    Returns in this process what the supervisor is to be told, and where the copy waits for `GO`; in the copy, which was
    allowed to go on, nothing and None.
    """
    waits, go = os.pipe()
    told, tell = os.pipe()
    try:
        between = os.fork()
        if between == 0:
            _fork_once_more(tell)
            os.close(told)
            os.close(go)
            if os.read(waits, len(GO)) != GO:
                os._exit(1)
            os.close(waits)
            return b"", None
    except OSError as error:
        answer = msgspec.json.encode(Started(error=error.errno or 0))
        os.close(told)
        os.close(tell)
    else:
        os.close(tell)
        with open(told, "rb") as stream:
            answer = stream.read()
        # From now on, the copy is a child of the supervisor.
        os.waitpid(between, 0)
    os.close(waits)
    return answer, go


def _fork_once_more(tell: int) -> None:
    """Return in a new process; this one ends, whereby that becomes a child of the supervisor."""
    try:
        if os.fork():
            os._exit(0)
        os.setpgid(0, 0)
        os.write(tell, msgspec.json.encode(Started(os.getpid())))
        os.close(tell)
    except OSError as error:
        os.write(tell, msgspec.json.encode(Started(error=error.errno or 0)))
        os._exit(1)


def _program(request: StartProcess, descriptors: Sequence[int], *, fresh: bool) -> Callable[[], int | None]:
    """Return what a copy is to run, when its descriptors are where it expects them."""
    argv = list(request.argv)
    for name, descriptor in zip(request.descriptors, descriptors, strict=True):
        if name.isdigit():
            _put(descriptor, int(name))
        else:
            os.set_inheritable(descriptor, True)
            argv += [f"--{name}", str(descriptor)]
    if fresh:
        os.execv(sys.executable, [sys.executable, "-P", "-m", request.module, *argv])  # noqa: S606 - one of ours
    sys.argv = [request.module, *argv]
    setproctitle(" ".join(sys.argv))
    return partial(importlib.import_module(request.module).main, argv)


def _put(descriptor: int, number: int) -> None:
    os.dup2(descriptor, number)
    os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
