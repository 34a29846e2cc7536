"""Finds out whether a GPU that did not work does so by now. Run as a module, it is one trial.

CUDA remembers in a process that it has failed there, so each trial is a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import threading

__all__ = ["Trials"]

PATIENCE = 60.0
"""Seconds after which a trial has failed."""


class Trials:
    """Tries a device from time to time, in a thread, until it works."""

    def __init__(self, number: int, pause: float) -> None:
        """Try a device every `pause` seconds."""
        self.reason = ""
        self.succeeded = False
        self._command = [sys.executable, "-m", __name__, str(number)]
        self._pause = pause
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="device-trials", daemon=True).start()

    def stop(self) -> None:
        """Try no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self.succeeded and not self._stopped.wait(self._pause):
            self._try()

    def _try(self) -> None:
        try:
            tried = subprocess.run(
                self._command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self.reason = f"it could not be tried: {error}"
            return
        self.succeeded = tried.returncode == 0
        lines = tried.stdout.strip().splitlines()
        self.reason = lines[-1] if lines else f"a process that tried it ended with {tried.returncode}"


def _main(number: int) -> int:
    from hanami_plugins.host_cupy.device import Device
    from hanami_plugins.host_cupy.errors import DeviceError

    try:
        Device.open(number).close()
    except DeviceError as error:
        print(error.reason)
        return 1
    print("it works again")
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1])))
