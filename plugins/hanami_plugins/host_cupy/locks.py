"""Who uses a device: one server of Hanami at a time, whichever user runs it."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from hanami_plugins.host_cupy.errors import DeviceError

__all__ = ["DIRECTORY", "DeviceLock"]

DIRECTORY = Path("/dev/shm")  # noqa: S108 - files are opened without following links, and nothing is read from them
"""Where lock files lie: all users may write there, and it is empty after a start of the machine."""


class DeviceLock:
    """A device that is ours until `release`, or until the process ends in whatever way."""

    def __init__(self, descriptor: int) -> None:
        """Keep a file that is locked."""
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, identity: str, name: str) -> DeviceLock:
        """Lock a device.

        Args:
            identity: what no other device of the machine has, such as its place on the bus.
            name: what the device is called, for the text of an error.

        Raises:
            DeviceError: if another process holds it; the text names the process.
        """
        path = DIRECTORY / f"hanami-device-{re.sub('[^A-Za-z0-9.-]', '-', identity)}.lock"
        try:
            descriptor = _opened(path)
        except OSError as error:
            raise DeviceError(f"{path} cannot be opened to lock {name}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DeviceError(f"{name} at {identity} is in use by another server{_holder(path)}") from None
        return cls(descriptor)

    def release(self) -> None:
        """Let others use the device. The file stays: who removes it lets two others hold two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _opened(path: Path) -> int:
    """Open the file of any user for reading, which suffices to lock it; make it if there is none."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        # An umask must not keep other users out, and a link of somebody else must not be followed.
        descriptor = os.open(path, flags | os.O_CREAT, 0o644)
        os.fchmod(descriptor, 0o644)
        return descriptor


def _holder(path: Path) -> str:
    """Return which process has the lock, if the system tells."""
    try:
        inode = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if "FLOCK" in fields and fields[5].rpartition(":")[2] == inode:
                return f", process {fields[4]}"
    except (OSError, IndexError):
        pass
    return ""
