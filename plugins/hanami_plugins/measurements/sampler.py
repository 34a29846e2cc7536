"""The thread that measures. Every sidecar has one; the one that holds a lock works, the others wait for its end."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
import time
from pathlib import Path
from typing import BinaryIO

from hanami_core.localsocket import run_directory
from hanami_core.runtime import Runtime
from hanami_plugins.measurements import series, threads
from hanami_plugins.measurements.sensors import Sensors

INTERVAL = 1.0
THREADS_EVERY = 10
"""Seconds between two looks at the threads of the process."""

log = logging.getLogger("hanami.measurements")


def series_path(data_dir: Path) -> Path:
    """Return the file that holds what was measured; it survives a restart."""
    return data_dir / "measurements.json"


class Sampler:
    """Measures once a second."""

    def __init__(self, runtime: Runtime, sensors: Sensors | None = None) -> None:
        """Prepare for a process; nothing is measured before `start`."""
        self._runtime = runtime
        self._run = run_directory(runtime.settings.data_dir)
        self._file = series_path(runtime.settings.data_dir)
        self._sensors = sensors or Sensors()
        self._series: dict[str, series.Series] = {}
        self._lock: BinaryIO | None = None
        self._ticks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="measurements", daemon=True)

    def start(self) -> None:
        """Begin to measure."""
        self._run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End; another process may go on from here."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._lock is not None:
            self._lock.close()

    def _work(self) -> None:
        due = time.monotonic()
        failed = False
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            # A machine that slept does not make up for the time.
            due = max(due + INTERVAL, time.monotonic())
            try:
                self.tick()
                failed = False
            except OSError as error:  # a full disk must not end the thread, nor fill the log
                if not failed:
                    log.warning("measurements can not be stored", extra={"reason": str(error)})
                failed = True

    def tick(self) -> None:
        """Do the work of one second."""
        host = self._runtime.compute
        if host is not None and self._ticks % THREADS_EVERY == 0:
            threads.store(self._run, host.name)
        self._ticks += host is not None
        if self._lock is None and self._alone():
            self._series = series.load(self._file)
        if self._lock is not None:
            self._measure()

    def _measure(self) -> None:
        found = {name: value for name, value in self._sensors.read().items() if value is not None}
        for name, value in found.items():
            self._series.setdefault(name, series.Series()).push(value)
        series.store(self._file, {name: self._series[name] for name in found})

    def _alone(self) -> bool:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context((self._run / "measurements.lock").open("ab"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            stack.pop_all()
            self._lock = file
        return True
