"""Starts the processes of a server as copies of one that has loaded all they need, see `hanami_server.fork_server`.

The supervisor's side, and the messages. Imports little, like the supervisor; must not know what the processes do.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import msgspec

from hanami_server import process_control
from hanami_server.process import Options, arguments

__all__ = ["LONGEST", "Forget", "StartProcess", "Started", "Starter", "in_words"]

LONGEST = 1 << 20
"""Bytes of a message."""
PATIENCE = 20.0
"""Seconds in which a process must have been started. The first one waits until all plugins are loaded."""
LEAVING = 1.0
"""Seconds in which it must have ended once it answers no more."""
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
"""Variables of all processes, unless they are set already.

By default glibc has up to eight pools of memory for each core, and what is free in one of them is of no use to threads
of another one. The longer threads had answered calls, the more free memory each process had.
"""

log = logging.getLogger("hanami.supervisor")


class StartProcess(msgspec.Struct, tag="start"):
    """Run ``main(argv)`` of a module in a new process.

    `descriptors` name those that come with the message: a number that the process has them as, or the option by which
    its command line tells their number.
    """

    module: str
    argv: list[str]
    descriptors: list[str]


class Forget(msgspec.Struct, tag="forget"):
    """Take variables out of the environment of all processes to come."""

    names: list[str]


class Started(msgspec.Struct):
    """The number of a new process, or that of the error for which there is none."""

    pid: int = 0
    error: int = 0


class Starter:
    """Keeps a fork server running, and asks it for processes, which become children of this one."""

    def __init__(self, options: Options) -> None:
        """Start the fork server; `options` are those that all processes share."""
        self._command = [sys.executable, "-P", "-m", "hanami_server.fork_server", *arguments(options)]
        process_control.adopt_orphans()
        self._begin()

    def _begin(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen[bytes](
                self._command, stdin=theirs.fileno(), process_group=0, env={**ENVIRONMENT, **os.environ}
            )

    @property
    def pid(self) -> int:
        """Number of the fork server."""
        return self._process.pid

    def start(
        self, module: str, argv: list[str], descriptors: Mapping[str, int], patience: float | None = PATIENCE
    ) -> int:
        """Run ``main(argv)`` of a module in a new process, and return its number.

        Args:
            module: name of the module.
            argv: its command line.
            descriptors: what it is given, by number, or by the option of its command line that tells the number.
            patience: seconds in which it must have been started; None means as long as it takes.

        Raises:
            OSError: if it could not be started, which may be otherwise a little later.
        """
        if self._process.poll() is not None:
            log.error("fork server ended, it is started anew", extra={"code": self._process.returncode})
            self._socket.close()
            self._begin()
        request = msgspec.json.encode(StartProcess(module, argv, list(descriptors)))
        self._socket.settimeout(patience)
        try:
            socket.send_fds(self._socket, [request], list(descriptors.values()))
            answer = self._socket.recv(LONGEST)
        except TimeoutError:
            # What it does later would not be known, so it does nothing later.
            self._end()
            raise
        except ConnectionError:
            answer = b""
        if not answer:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVING)
            self._end()
            raise ChildProcessError(f"the fork server {in_words(self._process.returncode)}")
        started = msgspec.json.decode(answer, type=Started)
        if started.error:
            raise OSError(started.error, os.strerror(started.error))
        return started.pid

    def forget(self, names: Iterable[str]) -> None:
        """Take variables out of the environment of all processes to come."""
        with contextlib.suppress(OSError):  # its successor does not get them either
            self._socket.send(msgspec.json.encode(Forget(list(names))))

    @property
    def code(self) -> int | None:
        """With what the fork server has ended, or None."""
        return self._process.poll()

    def reap(self, known: Iterable[int]) -> None:
        """Take note of the end of processes whose parents have ended before; `known` are others' to look after."""
        kept = set(known)
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or found.si_pid in kept:
                return
            if found.si_pid == self._process.pid:
                self._process.wait()
            else:
                os.waitpid(found.si_pid, 0)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End the fork server."""
        self._socket.close()
        self._end()


def in_words(code: int) -> str:
    """Return how a process has ended."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
