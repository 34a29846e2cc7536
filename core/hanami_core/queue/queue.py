"""What the api, the sidecars and the workers of one server do with tasks."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hanami_core.access import Action, Actor
from hanami_core.admission import Claim
from hanami_core.clock import Clock
from hanami_core.errors import Conflict, CorruptFile, LeaseLost, ServiceError
from hanami_core.events import TaskEnded
from hanami_core.ids import new_uuid
from hanami_core.pauses import about_to_wait
from hanami_core.queue import partitions
from hanami_core.queue.claims import Claims, MayRun
from hanami_core.queue.history import forget_entries
from hanami_core.queue.kinds import TaskKind
from hanami_core.queue.models import ABORTED, ACTIVE, FAILED, FINISHED, OPEN, QUEUED, Partition, Task, fault_of
from hanami_core.queue.withdrawals import caller_of
from hanami_core.storage.blobs import Blobs
from hanami_core.storage.database import after_commit, atomic, commit_unit, compare_and_set, leave_to_unit, relaxed

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["TaskQueue"]

log = logging.getLogger("hanami.queue")


class TaskQueue:
    """The queue of one server.

    Methods for partitions, `enqueue` and `abort` work in the caller's transaction.
    """

    def __init__(self, clock: Clock, blobs: Blobs, lease: float, notify: Callable[[str], None]) -> None:
        """Use a clock, the blobs, the length of a lease in seconds, and a way to wake who runs the tasks of a host."""
        self._clock = clock
        self._blobs = blobs
        self._lease = lease
        self._notify = notify
        self._claims = Claims(clock, lease)
        self._runtime: Runtime | None = None

    def bind(self, runtime: Runtime) -> None:
        """Use the kinds of tasks of a runtime."""
        self._runtime = runtime

    def kind(self, name: str) -> TaskKind:
        """Return a kind of tasks; tasks of a kind that no plugin provides fail when they run."""
        known = self._runtime.kinds.get(name) if self._runtime is not None else None
        return known or TaskKind(name, _no_plugin)

    # -- partitions ---------------------------------------------------------------------------------------------------

    def create_partition(self, key: str, host: str, *, paused: bool = False) -> None:
        """Add a partition whose tasks run on a compute host."""
        Partition.create(key=key, host=host, paused=paused)

    def close_partition(self, key: str) -> None:
        """Accept no further tasks and stop open ones that do not survive; the last one removes the partition."""
        partitions.change(key, closed=True, paused=False)
        self.abort(key, [task.uuid for task in self.open_tasks(key) if not self.kind(task.kind).survives_delete])

    def move_partition(self, key: str, host: str) -> None:
        """Let another compute host run the tasks that are not running yet."""
        self._tell(partitions.change(key, host=host))

    def pause(self, key: str) -> None:
        """Let no queued task start; a running task continues."""
        partitions.change(key, paused=True)

    def resume(self, key: str) -> None:
        """Let queued tasks start again."""
        self._tell(partitions.change(key, paused=False))

    def has_partition(self, key: str) -> bool:
        """Tell whether there is a partition, even a closed one with tasks that survive."""
        return bool(Partition.select().where(Partition.key == key).exists())

    def open_tasks(self, partition: str) -> list[Task]:
        """Return the open tasks of a partition, oldest first."""
        return list(Task.active().where((Task.partition == partition) & Task.state.in_(OPEN)))

    def loads(self) -> dict[str, tuple[int, int]]:
        """Return for each host that has partitions the number of their open tasks, and that of the partitions."""
        return partitions.loads()

    def open_counts(self) -> dict[tuple[str, str], int]:
        """Return how many open tasks there are, by host and state."""
        return partitions.open_counts()

    def ended_counts(self) -> dict[str, int]:
        """Return how many tasks have ended, by state, including those that clients have deleted since."""
        return partitions.ended_counts()

    def forget(self, before: float, most: int) -> int:
        """Remove up to `most` tasks that ended before a moment and that nobody can find any more; return how many.

        Tasks of an existing cluster stay, however old they are, as long as they are not deleted.
        """
        with atomic():
            return partitions.forget(before, most)

    # -- tasks --------------------------------------------------------------------------------------------------------

    def enqueue(
        self,
        kind: str,
        partition: str,
        actor: Actor,
        name: str,
        payload: msgspec.Struct,
        total: int,
        uuid: str | None = None,
        blobs: Sequence[str] = (),
        action: Action | None = None,
        *,
        yields: bool = False,
    ) -> Task:
        """Add a task; the process that runs it is woken after the commit.

        Args:
            kind: name of its kind.
            partition: the FIFO that it joins. For a kind that workers run, it is created if it does not exist.
            actor: who owns it.
            name: what the owner calls it.
            payload: what its kind needs to know.
            total: number of its cycles.
            uuid: its uuid, if that was already given to somebody.
            blobs: blobs to keep until the task ends, even if the rows that name them are deleted in the meantime.
            action: the action of the call that queues it; the owner must be allowed to do it until the task ends.
            yields: whether tasks of the partition that do not yield may go before it, in turn. Tasks that yield must
                change nothing that others of the partition depend on.

        Raises:
            Conflict: if the partition does not exist or no longer exists, or one of the blobs is already gone.
            VisibleError: if a plugin says that the actor has too many open tasks.
        """
        what = self.kind(kind)
        host = (partitions.reserve_for_workers if what.runs_on == "worker" else partitions.reserve)(partition)
        if self._runtime is not None and not what.exempt:
            self._runtime.admit(Claim.of(actor, Task.resource))
        self._retain(blobs)
        task = Task.create(
            uuid=uuid or new_uuid(),
            kind=kind,
            partition=partition,
            name=name,
            payload=msgspec.json.encode(payload).decode(),
            total_cycles=total,
            owner_id=actor.user_id,
            project_id=actor.project_id,
            blobs=json.dumps(list(blobs)),
            priority=what.priority,
            caller=caller_of(actor, action),
            turn=partitions.turn_of(partition, actor.user_id) if yields else None,
        )
        partitions.added(task)
        self._tell(host)
        return task

    def _retain(self, blobs: Sequence[str]) -> None:
        try:
            for blob in blobs:
                self._blobs.incref(blob)
        except CorruptFile as error:
            raise Conflict("task_source_missing") from error

    def claim(
        self,
        host: str,
        owner: str,
        running: frozenset[str] = frozenset(),
        *,
        alone: bool = True,
        may_run: MayRun = lambda _: True,
    ) -> Task | None:
        """Take the next task of a host, or None.

        Among the first tasks of all partitions, the one with the highest priority is next. Within a priority, owners
        take turns, and so do the partitions of an owner: whoever was just served waits until the others were, so that
        neither a long queue nor many queues of one user block the others. The process remembers the turns.

        Args:
            host: name of the compute host, or `WORKERS`.
            owner: identity of the worker process. A lease of another owner must have expired; the sidecar of a host is
                unique, so it passes an owner that begins with the host's name and a slash, and takes over what its
                predecessor left.
            running: uuids of tasks that this owner already runs, and partitions that it has not left yet.
            alone: whether the owner runs nothing else. Only then can it get a task whose process has died.
            may_run: returns whether a task may begin now; one that may not stays where it is.
        """
        return self._claims.claim(host, owner, running, alone, may_run)

    def progress(self, task: Task, cycle: int) -> bool:
        """Store a cycle count, renew the lease and return whether the task is still wanted.

        Raises:
            LeaseLost: if the task belongs to another worker now.
        """
        until = self._clock.monotonic() + self._lease
        with relaxed():
            changed = _fenced(task, ACTIVE, current_cycle=cycle, lease_until=until)
        if changed:
            return True
        if _fenced(task, ABORTED, current_cycle=cycle):
            return False
        raise LeaseLost(f"task {task.uuid} belongs to another worker")

    def renew(self, task: Task) -> bool:
        """Renew the lease of a running task and return whether it is still this worker's."""
        with relaxed():
            return _fenced(task, ACTIVE, lease_until=self._clock.monotonic() + self._lease)

    @contextlib.contextmanager
    def commit(self, task: Task, cursor: int, *, final: bool = False) -> Iterator[None]:
        """Run the block in one transaction with a task's cursor, and with its end if `final`.

        The fence is checked before the block. What the task held is released after the block, because the block may add
        its own reference to it, and the task's may be the last one.

        Raises:
            LeaseLost: if the task belongs to another worker now, or was aborted.
        """
        attempts = 1 if cursor > task.cursor else task.attempts
        values: dict[str, object] = {"cursor": cursor, "current_cycle": cursor, "attempts": attempts}
        if final:
            values |= {"state": FINISHED, "ended_at": self._clock.now()}
        with atomic():
            if final:
                partitions.lock(str(task.partition))
            self._hold(task, **values)
            yield
            if final:
                self._ended(task, FINISHED)
        task.cursor, task.attempts = cursor, attempts

    @staticmethod
    def _hold(task: Task, **values: object) -> None:
        if not _fenced(task, ACTIVE, **values):
            raise LeaseLost(f"task {task.uuid} belongs to another worker or was aborted")

    def fail(self, task: Task, reason: str, cause: Exception | None = None) -> None:
        """End a task with a reason, unless it was aborted or taken away in the meantime; `cause` is the exception."""
        task.cause = cause
        with atomic():
            partitions.lock(str(task.partition))
            if _fenced(task, ACTIVE, state=FAILED, error=reason, fault=fault_of(cause), ended_at=self._clock.now()):
                self._ended(task, FAILED, reason)

    def retry(
        self, task: Task, reason: str, pause: float, cause: Exception | None = None, *, counts: bool = True
    ) -> None:
        """Let a task start again after `pause` seconds, unless it was aborted or taken away in the meantime.

        The failed attempt counts, unless it is known that it was not the task's fault.
        """
        until = self._clock.monotonic() + pause
        attempts = task.attempts if counts else task.attempts - 1
        values = {"lease_owner": "", "lease_boot": self._clock.boot(), "lease_until": until, "attempts": attempts}
        _fenced(task, ACTIVE, state=QUEUED, error=reason, fault=fault_of(cause), **values)

    def hand_back(self, task: Task) -> None:
        """Let the next process continue a task that this one leaves on purpose."""
        _fenced(task, ACTIVE, attempts=task.attempts - 1, lease_until=0.0)

    def abort(self, partition: str, uuids: Iterable[str], reason: str = "") -> None:
        """Stop open tasks of a partition; a running one notices at its next step."""
        wanted = set(uuids)
        partitions.lock(partition)
        for task in self.open_tasks(partition):
            if task.uuid in wanted and _end_open(
                task, state=ABORTED, error=reason, fault="", ended_at=self._clock.now()
            ):
                self._ended(task, ABORTED, reason)
        self._tell(partitions.change(partition))

    @staticmethod
    def hide(task: Task) -> bool:
        """Remove a task with its history from all lists, and return whether it was in them; its row stays."""
        with atomic():
            forget_entries([str(task.uuid)])
            return task.mark_deleted()

    def _ended(self, task: Task, state: str, error: str = "") -> None:
        """Do what the end of a task brings along, in the transaction that ended it."""
        task.state, task.error = state, error
        for blob in json.loads(task.blobs):
            self._blobs.decref(blob)
        ended = self.kind(task.kind).ended
        if ended is not None and self._runtime is not None:
            try:
                with atomic():
                    ended(self._runtime, task)
            except BaseException:
                # A task that could not end would be run again for ever.
                log.exception("end of a task was not dealt with", extra={"task": task.uuid, "kind": task.kind})
        partitions.change(str(task.partition), **partitions.after(task))
        if self._runtime is not None:
            self._runtime.emit(_ended_event(task))

    def _tell(self, host: str) -> None:
        if host:
            after_commit(lambda: self._notify(host))

    def wait(self, uuid: str, timeout: float) -> str:
        """Wait until a task is no longer open, at most `timeout` seconds, and return its state."""
        commit_unit()  # or who runs the task would never see it
        end = time.monotonic() + timeout
        pause = 0.002
        while True:
            row = Task.select(Task.state).where(Task.uuid == uuid).tuples().first()
            state = str(row[0]) if row else ABORTED
            if state not in OPEN or time.monotonic() >= end:
                return state
            about_to_wait()
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    @staticmethod
    def holders() -> Iterator[tuple[str, Task]]:
        """Return each blob that an open task holds, and the task."""
        rows = Task.select().where(Task.state.in_(OPEN) & (Task.blobs != "[]"))
        return ((blob, task) for task in rows for blob in json.loads(task.blobs))

    def outcome(self, uuid: str, timeout: float) -> str:
        """Wait, like `wait`, for a task that a caller waits for, and return its state: finished, or still an open one.

        In a call with a key, the wait takes place later, before the call is answered; the state then means nothing, so
        call this last, and do not let the answer depend on it.

        Raises:
            ServiceError: if the task failed; with its reason.
            Conflict: if it was stopped, or the resource that it belongs to was deleted.
        """
        if leave_to_unit(uuid, timeout):
            return QUEUED
        state = self.wait(uuid, timeout)
        if state == FAILED:
            raise ServiceError("task_failed", uuid=uuid, reason=Task.get(Task.uuid == uuid).error)
        if state == ABORTED:
            raise Conflict("task_aborted", uuid=uuid)
        return state

    def disagreements(self) -> Iterator[tuple[str, str]]:
        """Return what `recover` would correct, as place and problem; a running server may be about to do so."""
        for task in self._without_partition():
            yield f"task {task.uuid}", "it waits in a queue that does not exist; the next start of the server ends it"
        for key in partitions.doubtful():
            yield f"queue {key}", "it does not know its next task; the next start of the server finds it"
        for key in partitions.left():
            yield f"queue {key}", "what it belongs to was deleted; the next start of the server removes it"

    @staticmethod
    def _without_partition() -> list[Task]:
        return list(Task.select().where(Task.state.in_(OPEN) & Task.partition.not_in(Partition.select(Partition.key))))

    def recover(self) -> list[str]:
        """Make partitions and tasks consistent before anything runs; returns tasks that failed without a partition.

        They already are, unless rows were written by hand, or by a version that let tasks outlive their partition.
        """
        lost = self._without_partition()
        reason = "what it belongs to was deleted"
        for task in lost:
            with atomic():
                if _end_open(task, state=FAILED, error=reason, fault="", ended_at=self._clock.now()):
                    self._ended(task, FAILED, reason)
        for key in {*partitions.doubtful(), *partitions.left()}:
            with atomic():
                partitions.change(key)
        return [str(task.uuid) for task in lost]


def _fenced(task: Task, expected: str, **values: object) -> bool:
    mine = (Task.uuid == task.uuid) & (Task.fence == task.fence) & (Task.state == expected)
    return compare_and_set(Task, mine, **values)


def _end_open(task: Task, **values: object) -> bool:
    return compare_and_set(Task, (Task.uuid == task.uuid) & Task.state.in_(OPEN), **values)


def _ended_event(task: Task) -> TaskEnded:
    owned = {"uuid": str(task.uuid), "owner_id": str(task.owner_id), "project_id": str(task.project_id)}
    kind, partition = str(task.kind), str(task.partition)
    return TaskEnded(actor=None, kind=kind, partition=partition, state=task.state, error=task.error, **owned)


def _no_plugin(job: Any) -> None:
    raise LookupError(f"no installed plugin runs tasks of kind '{job.task.kind}'")
