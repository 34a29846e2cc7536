"""Runs the tasks of one host: claims them from the queue, gives each to a thread, keeps its lease, notes its end.

One thread claims, so that the database sees one poll however many tasks may run. Must not know what a task does.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from hanami_core.errors import LeaseLost
from hanami_core.ids import new_uuid
from hanami_core.queue import Job, Task
from hanami_core.runtime import Runtime
from hanami_server.connections import reset

__all__ = ["Runner"]

POLL = 0.5
NICENESS = 5

log = logging.getLogger("hanami.tasks")


class Runner:
    """The task side of a sidecar."""

    def __init__(self, runtime: Runtime, host: str, broken: Callable[[str], None]) -> None:
        """Run tasks of `host`; `broken` is called if the runner itself can not go on."""
        self._runtime = runtime
        self._host = host
        self._broken = broken
        self._owner = f"{host}/{new_uuid()}"
        # One more than cores: while a task waits for the disk, another one computes.
        self._slots: int = runtime.settings["queue.workers"] or len(os.sched_getaffinity(0)) + 1
        self._threads = ThreadPoolExecutor(self._slots, "task", _step_back)
        self._changed = threading.Condition()
        self._pokes = 0
        self._running: dict[str, Task] = {}
        self._stop = threading.Event()

    @property
    def count(self) -> int:
        """Number of running tasks."""
        return len(self._running)

    def start(self) -> None:
        """Begin to claim tasks."""
        for work in (self._dispatch, self._renew):
            threading.Thread(target=self._guard, args=(work,), name=work.__name__, daemon=True).start()

    def poke(self) -> None:
        """Look for tasks now."""
        with self._changed:
            self._pokes += 1
            self._changed.notify_all()

    def stop(self, timeout: float) -> bool:
        """Claim nothing more, let running tasks store their state, and tell whether all did so in `timeout` seconds."""
        self._stop.set()
        self.poke()
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            log.exception("task runner failed")
            self._broken(f"task runner failed in {work.__name__}")

    # -- claiming -----------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                seen = self._pokes
                free = len(self._running) < self._slots
            if not (free and self._claim()):
                with self._changed:
                    self._changed.wait_for(lambda seen=seen: self._pokes != seen, POLL)  # type: ignore[misc]

    def _claim(self) -> bool:
        try:
            task = self._runtime.queue.claim(self._host, self._owner, self._busy())
        except Exception:
            # A full disk or a database that restarts; the next poll tries again, with a new connection.
            log.exception("no task could be claimed")
            reset(self._runtime.database)
            return False
        if task is None:
            return False
        with self._changed:
            self._running[task.uuid] = task
        self._threads.submit(self._run, task).add_done_callback(self._check)
        return True

    def _busy(self) -> frozenset[str]:
        """Return running tasks and their lanes; an aborted task keeps its lane until it has noticed."""
        with self._changed:
            return frozenset(self._running) | {str(task.lane) for task in self._running.values()}

    def _check(self, future: Future[None]) -> None:
        if future.exception() is not None:
            log.error("task thread failed", exc_info=future.exception())
            self._broken("task thread failed")

    # -- running ------------------------------------------------------------------------------------------------------

    def _run(self, task: Task) -> None:
        try:
            self._run_kind(task)
        finally:
            with self._changed:
                del self._running[task.uuid]
            self.poke()

    def _run_kind(self, task: Task) -> None:
        fields = {"task": task.uuid, "kind": task.kind, "lane": task.lane}
        log.info("task begins", extra=fields | {"cycle": task.cursor})
        try:
            kind = self._runtime.kinds.get(str(task.kind))
            if kind is None:
                raise LookupError(f"no installed plugin runs tasks of kind '{task.kind}'")
            kind.run(Job(self._runtime, task, self._stop))
            log.info("task ended", extra=fields)
        except LeaseLost as error:
            log.warning("task was taken away", extra=fields | {"reason": str(error)})
        except Exception as error:
            log.exception("task failed", extra=fields)
            self._note_failure(task, _reason(error))

    def _note_failure(self, task: Task, reason: str) -> None:
        try:
            self._runtime.queue.fail(task, reason)
        except Exception:
            log.exception("failure could not be stored, the task is run again when its lease is over")
            reset(self._runtime.database)

    def _renew(self) -> None:
        """Keep the leases of tasks that take long between two steps."""
        while not self._stop.wait(self._runtime.settings["queue.lease"] / 3):
            with self._changed:
                tasks = list(self._running.values())
            for task in tasks:
                self._renew_one(task)

    def _renew_one(self, task: Task) -> None:
        try:
            self._runtime.queue.renew(task)
        except Exception:
            log.exception("lease could not be renewed", extra={"task": task.uuid})
            reset(self._runtime.database)


def _step_back() -> None:
    # The event loop and the api answer people; tasks leave them the cores that they need for it.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
