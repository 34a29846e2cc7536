"""One supervised process: how it is started, whether it is ready, when it may start again.

Must not know what the process does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

__all__ = ["Child"]

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
SETTLED = 10.0


class Child:
    """A process that is to run until it is stopped.

    `ready` tells whether it has reported for work; `due` is the moment of the next start while it does not run.
    """

    def __init__(self, name: str, command: Callable[[int], Sequence[str]], descriptors: Sequence[int] = ()) -> None:
        """Describe a process.

        Args:
            name: what it is called in logs.
            command: returns its command line, given the descriptor on which it reports that it is ready.
            descriptors: further descriptors that it inherits.
        """
        self.name = name
        self.ready = False
        self.due = 0.0
        self.handle = -1
        self.reports = -1
        self._command = command
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """Number of the running process."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process; `handle` and `reports` become readable when it ends and when it is ready.

        Raises:
            OSError: if the system has no room for it; `due` says when to try again.
        """
        self.due = time.monotonic() + LONGEST_PAUSE
        self.reports, ready = os.pipe2(os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                self._command(ready),
                stdin=subprocess.DEVNULL,
                pass_fds=(*self._descriptors, ready),
                # Signals of the terminal reach the supervisor alone, which then ends its children in order.
                process_group=0,
            )
        except OSError:
            self._close()
            raise
        finally:
            os.close(ready)
        self.handle = os.pidfd_open(process.pid)
        self._process = process
        self._started = time.monotonic()

    def reported(self) -> bool:
        """Read a report and tell whether the process is ready now; False is the end of its reports."""
        report = os.read(self.reports, 1)
        self.ready = self.ready or bool(report)
        return bool(report)

    def ended(self) -> int:
        """Take note that the process has ended, decide when it may start again, and return its exit code."""
        assert self._process is not None
        # Before the wait: from then on the number of the group could be somebody else's.
        self.kill()
        code = self._process.wait()
        self._process = None
        self.ready = False
        self._close()
        now = time.monotonic()
        self._failures = 0 if now - self._started > SETTLED else self._failures + 1
        self.due = now + min(FIRST_PAUSE * 2 ** max(0, self._failures - 1), LONGEST_PAUSE)
        return code

    def _close(self) -> None:
        for descriptor in (self.handle, self.reports):
            if descriptor >= 0:
                os.close(descriptor)
        self.handle = self.reports = -1

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and those that it has started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
