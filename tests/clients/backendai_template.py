"""The process that commands of the released client are copies of; it runs in the client's own environment.

Loading the client takes most of a command, and is the same for all of them. A copy has the arguments, the variables and
the streams of its command, and ends as the command does. Must not know what a command is for.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable
from typing import Any

LONGEST = 1 << 20
"""Bytes of an order."""
LATE = ("session", "cli.announcement", "cli.pagination")
"""Modules of the client that a command loads when it runs."""


def main() -> int:
    """Load the client and start commands, one after the other, until nobody wants any more."""
    from ai.backend.cli.__main__ import main as command  # type: ignore[import-not-found]

    for name in LATE:
        importlib.import_module(f"ai.backend.client.{name}")
    gc.freeze()
    control = socket.socket(fileno=os.dup(0))
    while True:
        order, streams, _, _ = socket.recv_fds(control, LONGEST, 3)
        if not order:
            return 0
        pid = os.fork()
        if pid == 0:
            control.close()
            return _run(command, streams, **json.loads(order))
        for stream in streams:
            os.close(stream)
        control.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        control.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(command: Any, streams: Iterable[int], code: str | None, args: list[str], variables: dict[str, str]) -> int:
    """Run a command, or a program if there is one."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(variables)
    if code is not None:
        sys.argv = ["-c"]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        return 0
    sys.argv = ["backend.ai", *args]
    return int(command() or 0)


if __name__ == "__main__":
    sys.exit(main())
