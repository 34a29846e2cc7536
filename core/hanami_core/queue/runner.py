"""Runs tasks: claims them from the queue, gives each to a thread, keeps its lease, notes its end.

A sidecar has one for its host, a worker process one for tasks that need none. One thread claims, so that the database
sees one poll however many tasks may run. Must not know what a task does.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hanami_core import localsocket
from hanami_core.admission import RUNNING, Claim, HolderKind
from hanami_core.compute import is_healthy
from hanami_core.disclosure import without_paths
from hanami_core.errors import ClientError, LeaseLost, Unavailable, VisibleError, contained
from hanami_core.ids import new_uuid
from hanami_core.queue.claims import ALONE_SECONDS, PartitionHead
from hanami_core.queue.job import Job
from hanami_core.queue.kinds import TaskKind
from hanami_core.queue.models import Task
from hanami_core.queue.pace import Pace
from hanami_core.queue.rotation import Rotation
from hanami_core.storage.database import reset
from hanami_core.storage.failures import in_words, storage_failure

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["TaskRunner"]

POLL = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STORAGE_PAUSE = 2.0
"""Seconds until a task that met storage which misbehaves is tried again."""
SHARED = 2
"""So many times as many tasks run as there is room for, if they are those of others than who has that room."""
SILENCE = 30.0
"""Seconds between two reports about claims that go on failing."""
IDLE = 1.0
"""Seconds that a thread waits for another task, which spares that one a connection to the database."""
LEAVING = 60.0
"""Seconds that a task has to notice that it is no longer wanted."""

log = logging.getLogger("hanami.tasks")


class TaskRunner:
    """The tasks that one process runs for one host, or for `WORKERS`."""

    def __init__(
        self,
        runtime: Runtime,
        host: str,
        slots: int,
        broken: Callable[[str], None],
        predecessor: str = "",
        threads: int | None = None,
    ) -> None:
        """Run up to `slots` tasks of `host` at the same time, and one of each user for whom those leave no room.

        So nobody waits until the long tasks of somebody else have ended; the processors are shared then.

        `broken` is called if the runner cannot go on, or a task does not come back: then only the end of the process
        frees what the task holds. `predecessor` tells how the process ended whose place this one has taken, as the rest
        of a sentence, if that is known. Of long tasks, `threads` compute at the same time, and all take turns; None
        does not limit them.
        """
        self._runtime = runtime
        self._host = host
        self._broken = broken
        self._predecessor = predecessor
        self._owner = f"{host}/{new_uuid()}"
        self._slots = slots
        self._threads: set[threading.Thread] = set()
        self._own: list[threading.Thread] = []
        self._idle = 0
        self._handed: deque[Job] = deque()
        self._changed = threading.Condition()
        self._notified = 0
        self._running: dict[str, _Running] = {}
        self._stop = threading.Event()
        self._pace = Pace()
        self._rotation = None if threads is None else Rotation(threads)
        self._listener: socket.socket | None = None
        self._silent_until = 0.0

    @property
    def count(self) -> int:
        """Number of running tasks."""
        return len(self._running)

    def start(self) -> None:
        """Begin to claim tasks."""
        for work in (self._dispatch, self._watch, self._pace.run):
            self._begin(work.__name__, self._guard, work)

    def listen(self) -> None:
        """Look for tasks whenever the queue says that there is one, from a thread of its own."""
        path = localsocket.notify_path(self._runtime.settings.data_dir, self._host)
        self._listener = localsocket.bind(socket.SOCK_DGRAM, path)
        self._begin("notifications", self._receive, self._listener)

    def _begin(self, name: str, work: Callable[..., None], argument: object) -> None:
        thread = threading.Thread(target=work, args=(argument,), name=name, daemon=True)
        self._own.append(thread)
        thread.start()

    def _receive(self, listener: socket.socket) -> None:
        with listener:
            while listener.recv(16):
                self.notify()

    def notify(self) -> None:
        """Look for tasks now."""
        with self._changed:
            self._notified += 1
            self._changed.notify_all()

    def stop(self, timeout: float) -> bool:
        """Claim nothing more, let running tasks store their state, and tell whether all did so in `timeout` seconds.

        If they did, no thread of the runner is left that might use the database.
        """
        deadline = time.monotonic() + timeout
        self._stop.set()
        self._pace.stop()
        self.notify()
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._changed:
            done = self._changed.wait_for(lambda: not self._running, timeout)
            left = [running.job.task for running in self._running.values()]
        for task in left:
            self._guarded("task could not be handed back", self._runtime.queue.hand_back, task)
        if done:
            for thread in list(self._threads):
                thread.join()
        for thread in self._own:
            thread.join(max(0.0, deadline - time.monotonic()))
        return done and not any(thread.is_alive() for thread in self._own)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            log.exception("task runner failed")
            self._broken(f"task runner failed in {work.__name__}")
        finally:
            reset(self._runtime.database)

    # -- claiming -----------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                seen = self._notified
                running = self._running.values()
                free = len(running) < SHARED * self._slots and not any(one.is_alone for one in running)
            if not (free and self._claim()):
                with self._changed:
                    self._changed.wait_for(lambda seen=seen: self._notified != seen, POLL)  # type: ignore[misc]

    def _claim(self) -> bool:
        with self._changed:
            # An aborted task keeps its partition until it has noticed.
            tasks = [running.job.task for running in self._running.values()]
        busy = frozenset(str(name) for task in tasks for name in (task.uuid, task.partition))
        may_run = partial(self._may_run, tasks)
        try:
            task = self._runtime.queue.claim(self._host, self._owner, busy, alone=not busy, may_run=may_run)
        except Exception:
            # A full disk or a database that restarts; the next poll tries again, with a new connection.
            now = time.monotonic()
            if now >= self._silent_until:
                self._silent_until = now + SILENCE
                log.exception("no task could be claimed")
            reset(self._runtime.database)
            return False
        if task is None:
            return False
        turn = None if self._rotation is None else partial(self._rotation.step, task.uuid)
        job = Job(self._runtime, task, self._stop, turn=turn)
        with self._changed:
            stops = self._stop.is_set()  # `stop` waits only for what is noted by now
            if not stops:
                self._running[task.uuid] = _Running(job)
        if stops:
            self._guarded("task could not be handed back", self._runtime.queue.hand_back, task)
            return False
        self._hand(job)
        return True

    def _hand(self, job: Job) -> None:
        """Give a task to a thread that waits for one, or to a new one."""
        with self._changed:
            if self._idle > len(self._handed):
                self._handed.append(job)
                self._changed.notify_all()
                return
        thread = threading.Thread(target=self._work, args=(job,), name="task")
        self._threads.add(thread)
        thread.start()

    def _handed_next(self) -> Job | None:
        """Wait a while for another task."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._handed or self._stop.is_set(), IDLE)
            self._idle -= 1
            return self._handed.popleft() if self._handed else None

    def _may_run(self, tasks: Sequence[Task], candidate: PartitionHead) -> bool:
        """Tell whether a task may run beside others: there is room, and its owner may have one more that runs.

        The host must be able to run it, too; until then it waits.
        """
        user, project = candidate.owner_id, candidate.project_id
        kind = self._runtime.queue.kind(candidate.kind)
        if kind.needs_host and not self._is_healthy():
            return False
        has: dict[HolderKind, int] = {
            "user": sum(task.owner_id == user for task in tasks),
            "project": sum(task.project_id == project for task in tasks),
        }
        if len(tasks) >= self._slots and has["user"]:
            return False
        if kind.exempt:
            return True
        try:
            self._runtime.admit(Claim(user, project, RUNNING, has=has))
        except VisibleError:
            return False
        return True

    def _is_healthy(self) -> bool:
        compute = self._runtime.compute
        return compute is None or is_healthy(compute)

    # -- running ------------------------------------------------------------------------------------------------------

    def _work(self, job: Job | None) -> None:
        """Run tasks in this thread, until one takes long: then it has left the processors to others for ever."""
        try:
            while job is not None:
                with self._pace.kept() as work:
                    self._run(job)
                job = None if work.steps else self._handed_next()
        except BaseException:
            log.exception("task thread failed")
            self._broken("task thread failed")
        finally:
            self._threads.discard(threading.current_thread())

    def _run(self, job: Job) -> None:
        job.alive = time.monotonic()
        try:
            self._run_kind(job, self._runtime.queue.kind(str(job.task.kind)))
        finally:
            if self._rotation is not None:
                self._rotation.leave(job.task.uuid)
            with self._changed:
                del self._running[job.task.uuid]
            self.notify()

    def _run_kind(self, job: Job, kind: TaskKind) -> None:
        task, queue = job.task, self._runtime.queue
        fields = {"task": task.uuid, "kind": task.kind, "partition": task.partition}
        if task.attempts > max(kind.retries, kind.crashes) + 1:
            log.error("task is given up", extra=fields | {"attempts": task.attempts})
            self._guarded("failure could not be stored", queue.fail, task, self._given_up(task))
            return
        log.info("task begins", extra=fields | {"cycle": task.cursor})
        try:
            kind.run(job)
            log.info("task ended", extra=fields)
        except LeaseLost as error:
            log.warning("task was taken away", extra=fields | {"reason": str(error)})
        except BaseException as error:
            self._note_failure(job, kind, contained(error))
        else:
            if job.interrupted:
                self._guarded("task could not be handed back", queue.hand_back, task)

    def _given_up(self, task: Task) -> str:
        times = "once" if task.attempts == 2 else f"{task.attempts - 1} times"
        if not self._predecessor:
            return f"the process that ran it ended {times} without progress"
        return f"the process that ran it {self._predecessor} at cycle {task.current_cycle}, {times} without progress"

    def _note_failure(self, job: Job, kind: TaskKind, error: Exception) -> None:
        task = job.task
        failure = storage_failure(error)
        if failure is not None:
            log.error("task met a failure of the storage", exc_info=error, extra={"task": task.uuid, "kind": task.kind})
            self._wait_for_storage(job, in_words(failure))
            return
        if isinstance(error, Unavailable):
            # What is missing comes free when others have done their work, and is not the task's fault.
            after = error.parameters.get("retry_after")
            pause = float(after) if isinstance(after, int | float) else FIRST_PAUSE
            log.info("task waits", extra={"task": task.uuid, "kind": task.kind, "reason": error.code})
            retry = partial(self._runtime.queue.retry, counts=False)
            self._guarded("retry could not be stored", retry, task, _reason(error), pause, error)
            return
        again = task.attempts <= kind.retries and not isinstance(error, ClientError)
        log.exception("task failed", extra={"task": task.uuid, "kind": task.kind, "again": again})
        if again:
            pause = min(FIRST_PAUSE * 2 ** (task.attempts - 1), LONGEST_PAUSE)
            self._guarded("retry could not be stored", self._runtime.queue.retry, task, _reason(error), pause, error)
        else:
            self._guarded("failure could not be stored", self._runtime.queue.fail, task, _reason(error), error)

    def _wait_for_storage(self, job: Job, reason: str) -> None:
        """Let a task that met storage that misbehaves go on from its cursor later, as after a crash of its process.

        That must be stored, too, so it is tried until it succeeds; nobody else can run the task meanwhile.
        """
        while not self._stop.wait(STORAGE_PAUSE):
            job.alive = time.monotonic()
            try:
                self._runtime.queue.retry(job.task, reason, 0.0, counts=False)
                return
            except Exception as error:
                reset(self._runtime.database)
                if storage_failure(error) is None:
                    log.exception("retry could not be stored", extra={"task": job.task.uuid})
                    return

    def _guarded(self, complaint: str, action: Callable[..., object], task: Task, *arguments: object) -> None:
        """Do something about a task; if that fails, the task is run again when its lease is over."""
        try:
            action(task, *arguments)
        except Exception:
            log.exception(complaint, extra={"task": task.uuid})
            reset(self._runtime.database)

    # -- watching -----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Keep the leases of tasks that take long between two steps, and notice those that hang."""
        silence = self._runtime.settings["queue.silence"]
        while not self._stop.wait(self._runtime.settings["queue.lease"] / 3):
            with self._changed:
                tasks = list(self._running.values())
            for running in tasks:
                self._renew(running)
                if running.hangs(silence):
                    log.error("task hangs", extra={"task": running.job.task.uuid, "kind": running.job.task.kind})
                    self._broken(f"task {running.job.task.uuid} hangs")

    def _renew(self, running: _Running) -> None:
        try:
            running.note_wanted(self._runtime.queue.renew(running.job.task))
        except Exception:
            log.exception("lease could not be renewed", extra={"task": running.job.task.uuid})
            reset(self._runtime.database)


class _Running:
    """A task in a thread."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._since = time.monotonic()
        self._unwanted: float | None = None

    @property
    def is_alone(self) -> bool:
        """Tell whether nothing may be started beside the task, because its process may die of it."""
        task = self.job.task
        # Progress that was stored brings the attempts back to one.
        return task.suspect and task.attempts > 1 and time.monotonic() - self._since < ALONE_SECONDS

    def note_wanted(self, wanted: bool) -> None:
        """Remember since when the task is not wanted any more, or another worker's."""
        if not wanted:
            self._unwanted = self._unwanted or time.monotonic()

    def hangs(self, silence: float) -> bool:
        """Tell whether the task gives no sign of life, or does not notice that it is not wanted."""
        now = time.monotonic()
        return now - self.job.alive > silence or (self._unwanted is not None and now - self._unwanted > LEAVING)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return lines[0] if isinstance(error, ClientError) else without_paths(lines[0])
