"""One supervised process: how it is started, whether it is ready, when it may start again.

Must not know what the process does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from hanami_server.process import BEAT, READY

__all__ = ["Child"]

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
SETTLED = 10.0


class Child:
    """A process that is to run until it is stopped.

    `pid` is the number of the running process; `ready` tells whether it has reported for work; `due` is the moment of
    the next start while it does not run; `memory` is the most that the last one which ended has had, in bytes.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[int, int], int],
        *,
        patience: float | None = None,
        longest_pause: float = LONGEST_PAUSE,
        awaited: bool = True,
        given: bytes = b"",
        silence: float = 20.0,
    ) -> None:
        """Describe a process.

        Args:
            name: what it is called in logs.
            launch: starts it as a child of this process, in a group of its own, and returns its number; is given the
                descriptors of its standard input, and of where it reports that it is ready.
            patience: seconds that it has to get ready; None means as long as it takes.
            longest_pause: seconds between two starts of a process that fails again and again.
            awaited: whether the server is not ready without it.
            given: what it reads from its standard input.
            silence: seconds without a sign of life after which it counts as hung, if it gave some.
        """
        self.name = name
        self.awaited = awaited
        self.patience = patience
        self.ready = False
        self.due = 0.0
        self.handle = -1
        self.reports = -1
        self.memory = 0
        self.pid: int | None = None
        self._launch = launch
        self._longest_pause = longest_pause
        self._given = given
        self._silence = silence
        self._started = 0.0
        self._beat: float | None = None
        self._failures = 0

    @property
    def deadline(self) -> float | None:
        """Moment by which it must have reported, or None."""
        if self._beat is not None:
            return self._beat + self._silence
        waits = self.pid is not None and not self.ready and self.patience is not None
        return self._started + (self.patience or 0.0) if waits else None

    def start(self) -> None:
        """Start the process; `handle` and `reports` become readable when it ends and when it is ready.

        Raises:
            OSError: if the system has no room for it; `due` says when to try again.
        """
        self.due = time.monotonic() + LONGEST_PAUSE
        self.reports, ready = os.pipe2(os.O_CLOEXEC)
        given = self._input()
        try:
            pid = self._launch(given, ready)
        except OSError:
            self._close()
            raise
        finally:
            os.close(ready)
            os.close(given)
        self.handle = os.pidfd_open(pid)
        self.pid = pid
        self._started = time.monotonic()
        self._beat = None

    def _input(self) -> int:
        """Return a descriptor of what the process is to read, which lies in no file and in no list of processes."""
        if not self._given:
            return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        descriptor = os.memfd_create("settings", os.MFD_CLOEXEC)
        os.write(descriptor, self._given)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def reported(self) -> bool:
        """Read reports: that it is ready, or that it lives. False is their end."""
        reports = os.read(self.reports, 64)
        self.ready = self.ready or READY in reports
        if BEAT in reports:
            self._beat = time.monotonic()
        return bool(reports)

    def excuse(self, seconds: float) -> None:
        """Give it so many seconds more, in which nobody could have heard it."""
        if self._beat is not None:
            self._beat += seconds

    def ended(self) -> int:
        """Take note that the process has ended, decide when it may start again, and return its exit code."""
        assert self.pid is not None
        # Before the wait: from then on the number of the group could be somebody else's.
        self.kill()
        _, status, usage = os.wait4(self.pid, 0)
        self.memory = usage.ru_maxrss * 1024
        now = time.monotonic()
        settled = self.ready and now - self._started > SETTLED
        self._failures = 0 if settled else self._failures + 1
        self.due = now + min(FIRST_PAUSE * 2 ** min(max(0, self._failures - 1), 16), self._longest_pause)
        self.pid, self._beat = None, None
        self.ready = False
        self._close()
        return os.waitstatus_to_exitcode(status)

    def _close(self) -> None:
        for descriptor in (self.handle, self.reports):
            if descriptor >= 0:
                os.close(descriptor)
        self.handle = self.reports = -1

    def terminate(self) -> None:
        """Ask the process to end."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and those that it has started."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
