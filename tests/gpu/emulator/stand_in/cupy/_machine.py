"""The machine behind the stand-in: what the switchboard says, and what happened to this process."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from threading import RLock

from tests.gpu.emulator.switchboard import VARIABLE, Machine, read_machine

LOCK = RLock()


class Process:
    """What CUDA keeps for a process: an error that broke the context stays until the process ends."""

    def __init__(self) -> None:
        self.broken: str | None = None
        self.detail = ""
        self.launches = 0
        self.failed = 0
        self._file = os.environ.get(VARIABLE)
        # No two machines have a device in the same place, so that tests that run side by side leave each other theirs.
        self.domain = zlib.crc32((self._file or str(os.getpid())).encode()) & 0xFFFF
        self._seen: tuple[int, int] | None = None
        self._machine = Machine()

    @property
    def machine(self) -> Machine:
        """The machine as it is now."""
        if self._file is not None:
            found = Path(self._file).stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self._seen:
                self._machine = read_machine(Path(self._file))
                self._seen = seen
                self.launches = 0
        return self._machine

    def break_context(self, error: str, detail: str = "") -> None:
        """Let every call fail from now on."""
        self.broken, self.detail = error, detail

    def launch_error(self) -> str | None:
        """Count a launch, and return the error that it has."""
        machine = self.machine
        if machine.launch_error is None or self.failed == machine.launch_error_number:
            return None
        self.launches += 1
        if self.launches <= machine.launch_error_after:
            return None
        self.failed = machine.launch_error_number
        return machine.launch_error


process = Process()


def restart() -> None:
    """Forget what happened, as a new process would, and look again which machine the environment names."""
    process.__init__()  # type: ignore[misc]


def check() -> None:
    """Raise what every call of CUDA raises on this machine.

    Raises:
        CUDARuntimeError: without a driver or device, and when the device is lost or the context broken.
    """
    from cupy.cuda.runtime import CUDARuntimeError

    machine = process.machine
    if machine.driver is None or machine.driver < machine.needed_driver:
        raise CUDARuntimeError.named("cudaErrorInsufficientDriver")
    if machine.devices == 0:
        raise CUDARuntimeError.named("cudaErrorNoDevice")
    if machine.lost is not None:
        process.broken = process.broken or machine.lost
    if process.broken is not None:
        raise CUDARuntimeError.named(process.broken, process.detail)
