"""Work that is done again and again: what a plugin declares, and what does it.

One process of a server does it, the worker, of which there is one for a data directory; so no two ever do the same
thing at the same time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hanami_core.storage.database import reset

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["Schedule", "Scheduler"]

FAILURE_PAUSE = 60.0
"""Seconds between two reports about a schedule that goes on failing."""

log = logging.getLogger("hanami.schedules")


@dataclass(frozen=True)
class Schedule:
    """Work that is repeated every so many seconds, for the first time as soon as the server runs.

    A run that takes longer than that delays the next one; missed runs are not made up for. `run` may be interrupted at
    any moment when the server ends.

    Attributes:
        name: unique name, ``plugin.what``.
        seconds: time between the beginnings of two runs.
        run: the function that does the work; it receives the runtime of the process.
    """

    name: str
    seconds: float
    run: Callable[[Runtime], None]

    def __post_init__(self) -> None:
        """Refuse what would never, or always, run.

        Raises:
            ValueError: if the time between two runs is too short.
        """
        if not self.seconds >= 0.05:
            raise ValueError(f"schedule {self.name} must leave at least 0.05 seconds between two runs")


class Scheduler:
    """Runs schedules, each of them in one thread at a time."""

    def __init__(self, runtime: Runtime, schedules: Iterable[Schedule], broken: Callable[[str], None]) -> None:
        """Prepare schedules; nothing runs before `start`.

        `broken` is called if a run does not end within ``queue.silence``: only the end of the process ends that.
        """
        self._silence: float = runtime.settings["queue.silence"]
        self._broken = broken
        self._timed = [_Timed(runtime, schedule) for schedule in schedules]
        self._threads = ThreadPoolExecutor(max(1, len(self._timed)), "schedule")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Start nothing more, and tell whether all that runs ended in `timeout` seconds; no thread is left then."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._threads.shutdown(wait=False, cancel_futures=True)
        runs = [timed.running for timed in self._timed if timed.running is not None]
        done = not wait([run for run in runs if not run.cancelled()], timeout).not_done
        self._threads.shutdown(wait=done)
        return done

    def _watch(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            for timed in self._timed:
                timed.turn(now, self._threads)
                if timed.runs_for(now) > self._silence:
                    log.error("schedule hangs", extra={"schedule": timed.name})
                    self._broken(f"schedule {timed.name} hangs")
            next_turn = min((timed.due for timed in self._timed), default=now + 60.0)
            self._stop.wait(max(0.0, next_turn - time.monotonic()))


class _Timed:
    """A schedule, and when it is due."""

    def __init__(self, runtime: Runtime, schedule: Schedule) -> None:
        self.due = time.monotonic()
        self.running: Future[None] | None = None
        self._runtime = runtime
        self._schedule = schedule
        self._fields = {"schedule": schedule.name, "seconds": schedule.seconds}
        self._began: float | None = None
        self._overruns = False
        self._failures = 0
        self._silent_until = 0.0

    @property
    def name(self) -> str:
        """Name of the schedule."""
        return self._schedule.name

    def runs_for(self, now: float) -> float:
        """Return for how many seconds a run has been going on."""
        began = self._began
        return 0.0 if began is None else now - began

    def turn(self, now: float, threads: ThreadPoolExecutor) -> None:
        """Start a run if one is due and none is going on."""
        if now < self.due:
            return
        self.due += self._schedule.seconds
        if self.due <= now:
            self.due = now + self._schedule.seconds
        if self.running is None or self.running.done():
            self.running = threads.submit(self._run)
        elif not self._overruns:
            self._overruns = True
            log.warning("schedule overruns, runs are left out until it ends", extra=self._fields)

    def _run(self) -> None:
        self._began = begin = time.monotonic()
        try:
            self._schedule.run(self._runtime)
        except BaseException:  # a sys.exit would end the thread without a word
            self._note_failure()
        else:
            if self._failures:
                log.info("schedule works again", extra=self._fields | {"failures": self._failures})
            self._failures, self._silent_until = 0, 0.0
        finally:
            self._began = None
        if time.monotonic() - begin <= self._schedule.seconds:
            self._overruns = False

    def _note_failure(self) -> None:
        self._failures += 1
        now = time.monotonic()
        if now >= self._silent_until:  # a full disk must not fill the log
            self._silent_until = now + FAILURE_PAUSE
            log.exception("schedule failed", extra=self._fields | {"failures": self._failures})
        reset(self._runtime.database)
