"""The durable task queue: lanes, claims with lease and fence, progress, end.

A *lane* is the FIFO of one cluster and belongs to one compute host. A worker claims the oldest open task of a lane; the
claim raises the task's *fence*, and every write of a worker names its fence, so a worker that lost its lease can write
nothing more. What a task does is known to its kind (hook ``hanami_task_kinds``), not here.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import peewee

from hanami_core.access import Actor
from hanami_core.clock import Clock
from hanami_core.errors import Conflict, CorruptFile, LeaseLost
from hanami_core.ids import new_uuid
from hanami_core.storage.blobs import Blobs
from hanami_core.storage.database import BaseModel, OwnedRecord, after_commit, atomic, compare_and_set, relaxed

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

T = TypeVar("T")

QUEUED, ACTIVE, FINISHED, ABORTED, FAILED = "queued", "active", "finished", "aborted", "failed"
OPEN = (QUEUED, ACTIVE)
PROGRESS_INTERVAL = 0.25
REMEMBERED_LANES = 4096
"""Lanes of which a worker knows when they were served."""


class Lane(BaseModel):
    """The FIFO of one cluster. While it is held, no queued task starts."""

    key = peewee.CharField(36, primary_key=True)
    host = peewee.CharField(64, index=True)
    held = peewee.BooleanField(default=False)


class Task(OwnedRecord):
    """A task.

    `cursor` is the cycle that the stored state stands at; `blobs` lists what the task holds until it ends; `lease_*`
    and `fence` belong to the claim.
    """

    kind = peewee.CharField(32)
    lane = peewee.CharField(36, index=True)
    payload = peewee.TextField()
    state = peewee.CharField(10, default=QUEUED, index=True)
    current_cycle = peewee.BigIntegerField(default=0)
    total_cycles = peewee.BigIntegerField()
    cursor = peewee.BigIntegerField(default=0)
    started_at = peewee.DoubleField(null=True)
    ended_at = peewee.DoubleField(null=True)
    error = peewee.TextField(default="")
    blobs = peewee.TextField(default="[]")
    lease_owner = peewee.CharField(64, default="")
    lease_boot = peewee.CharField(64, default="")
    lease_until = peewee.DoubleField(default=0.0)
    fence = peewee.IntegerField(default=0)


@dataclass(frozen=True)
class TaskKind:
    """What the tasks of one kind do.

    `run` is called in the sidecar of the cluster's host. It may be called again for the same task, from the cursor on,
    if an earlier run did not end. With `survives_delete` a task still runs after its cluster was deleted.
    """

    name: str
    run: Callable[[Job], None]
    survives_delete: bool = False


@dataclass
class Job:
    """A claimed task, as its kind sees it.

    `stop` is set when the process is about to end. `aborted` and `interrupted` tell after a `step` that returned False
    whether the task is no longer wanted, or is to be continued by the next process.
    """

    runtime: Runtime
    task: Task
    stop: threading.Event = field(default_factory=threading.Event)
    aborted: bool = False
    _reported: float = 0.0

    @property
    def start(self) -> int:
        """Cycle to go on from: that of the stored state."""
        return int(self.task.cursor)

    @property
    def interrupted(self) -> bool:
        """Tell whether the process is about to end."""
        return self.stop.is_set()

    def payload(self, kind: type[T]) -> T:
        """Return the task's payload as a struct."""
        return msgspec.json.decode(self.task.payload, type=kind)

    def step(self, cycle: int) -> bool:
        """Report progress, at most four times a second, and tell whether to go on.

        Raises:
            LeaseLost: if the task belongs to another worker now.
        """
        now = time.monotonic()
        if now - self._reported >= PROGRESS_INTERVAL:
            self._reported = now
            self.aborted = not self.runtime.queue.progress(self.task, cycle)
        return not (self.aborted or self.interrupted)

    def commit(self, cursor: int, *, final: bool = False) -> AbstractContextManager[None]:
        """Run the block in one transaction with the task's cursor, and with its end if `final`.

        Raises:
            LeaseLost: if the task belongs to another worker now; nothing of the block is stored then.
        """
        return self.runtime.queue.commit(self.task, cursor, final=final)


class TaskQueue:
    """The queue of one server, used by its api and its sidecars alike."""

    def __init__(self, clock: Clock, blobs: Blobs, lease: float, poke: Callable[[str], None]) -> None:
        """Use a clock, the blobs, the length of a lease in seconds, and a way to wake a host's sidecar by its name."""
        self._clock = clock
        self._blobs = blobs
        self._lease = lease
        self._poke = poke
        self._turns = itertools.count(1)
        self._served: dict[str, int] = {}

    def enqueue(
        self,
        kind: str,
        lane: str,
        actor: Actor,
        name: str,
        payload: msgspec.Struct,
        total: int,
        uuid: str | None = None,
        blobs: Sequence[str] = (),
    ) -> Task:
        """Add a task in the caller's transaction; its host is woken after the commit.

        `blobs` are kept until the task ends, even if what they were found through is deleted meanwhile.

        Raises:
            Conflict: if one of them is gone already.
        """
        self._retain(blobs)
        task = Task.create(
            uuid=uuid or new_uuid(),
            kind=kind,
            lane=lane,
            name=name,
            payload=msgspec.json.encode(payload).decode(),
            total_cycles=total,
            owner_id=actor.user_id,
            project_id=actor.project_id,
            blobs=json.dumps(list(blobs)),
        )
        self.wake(lane)
        return task

    def _retain(self, blobs: Sequence[str]) -> None:
        try:
            for blob in blobs:
                self._blobs.retain(blob)
        except CorruptFile as error:
            raise Conflict("Something that the task needs was deleted meanwhile") from error

    def wake(self, lane: str) -> None:
        """Wake the sidecar of a lane after the current transaction."""
        row = Lane.get_or_none(Lane.key == lane)
        if row is not None:
            host = row.host
            after_commit(lambda: self._poke(host))

    def claim(self, host: str, owner: str, running: frozenset[str] = frozenset()) -> Task | None:
        """Take the oldest runnable task of a host, or None.

        Lanes take turns: one that was just served waits until the others were, so that a long queue of one user does
        not keep all others from theirs. Turns are remembered by the process, which is the only one to serve its host.

        Args:
            host: name of the compute host.
            owner: identity of the worker process. A lease of another owner must have run out; the sidecar of a host is
                unique, so it passes an owner of its own and takes over what its predecessor left.
            running: uuids of tasks that this owner runs already, and lanes that it has not left yet.
        """
        first = Task.select(peewee.fn.MIN(Task.sequence)).where(Task.state.in_(OPEN)).group_by(Task.lane)
        with atomic():
            heads = (
                Task.select(Task, Lane)
                .join(Lane, on=(Task.lane == Lane.key), attr="queue")
                .where(Task.sequence.in_(first) & (Lane.host == host))
                .order_by(Task.sequence)
            )
            free = [t for t in heads if not {t.uuid, t.lane} & running and self._claimable(t, host, owner)]
            # The order of the query decides among lanes that were never served.
            for task in sorted(free, key=lambda t: self._served.get(t.lane, 0)):
                if self._take(task, owner):
                    self._note_turn(str(task.lane))
                    return task
        return None

    def _note_turn(self, lane: str) -> None:
        """Remember when a lane was served, also after it ran empty: who comes back at once waits like all others."""
        self._served.pop(lane, None)
        self._served[lane] = next(self._turns)
        if len(self._served) > REMEMBERED_LANES:
            del self._served[next(iter(self._served))]

    def _claimable(self, task: Task, host: str, owner: str) -> bool:
        if task.state == QUEUED:
            return not task.queue.held  # type: ignore[attr-defined]
        same_host = task.lease_owner.partition("/")[0] == owner.partition("/")[0] == host
        expired = task.lease_boot != self._clock.boot() or task.lease_until < self._clock.monotonic()
        return expired or (same_host and task.lease_owner != owner)

    def _take(self, task: Task, owner: str) -> bool:
        """Claim a task as far as it is still as it was read, and tell whether it was: others may be faster."""
        if task.state == QUEUED and not self._lane_is_open(task):
            return False
        values = {
            "state": ACTIVE,
            "started_at": self._clock.now() if task.state == QUEUED else task.started_at,
            "fence": task.fence + 1,
            "lease_owner": owner,
            "lease_boot": self._clock.boot(),
            "lease_until": self._clock.monotonic() + self._lease,
        }
        as_read = (Task.uuid == task.uuid) & (Task.state == task.state) & (Task.fence == task.fence)
        if not compare_and_set(Task, as_read & (Task.lease_until == task.lease_until), **values):
            return False
        for name, value in values.items():
            setattr(task, name, value)
        return True

    @staticmethod
    def _lane_is_open(task: Task) -> bool:
        """Write the lane as it is, so that nobody holds it or moves it until the claim is committed."""
        as_read = (Lane.key == task.lane) & (Lane.host == task.queue.host) & ~Lane.held  # type: ignore[attr-defined]
        return compare_and_set(Lane, as_read, held=False)

    def progress(self, task: Task, cycle: int) -> bool:
        """Store a cycle count, renew the lease and tell whether the task is still wanted."""
        until = self._clock.monotonic() + self._lease
        with relaxed():
            changed = self._fenced(task, ACTIVE, current_cycle=cycle, lease_until=until)
        if changed:
            return True
        if self._fenced(task, ABORTED, current_cycle=cycle):
            return False
        raise LeaseLost(f"task {task.uuid} belongs to another worker")

    def renew(self, task: Task) -> bool:
        """Renew the lease of a running task and tell whether it is still this worker's."""
        with relaxed():
            return self._fenced(task, ACTIVE, lease_until=self._clock.monotonic() + self._lease)

    @contextlib.contextmanager
    def commit(self, task: Task, cursor: int, *, final: bool = False) -> Iterator[None]:
        """Run the block in one transaction with a task's cursor, and with its end if `final`.

        The fence is checked before the block. What the task held is released after it: the block may be about to count
        a reference of its own to that, and the task's may be the last one.

        Raises:
            LeaseLost: if the task belongs to another worker now, or was aborted.
        """
        with atomic():
            self._advance(task, cursor, final=final)
            yield
            if final:
                self._release(task)

    def _advance(self, task: Task, cursor: int, *, final: bool) -> None:
        values: dict[str, Any] = {"cursor": cursor, "current_cycle": cursor}
        if final:
            values |= {"state": FINISHED, "ended_at": self._clock.now()}
        if not self._fenced(task, ACTIVE, **values):
            raise LeaseLost(f"task {task.uuid} belongs to another worker or was aborted")

    def fail(self, task: Task, reason: str) -> None:
        """End a task with a reason, unless it was aborted or taken away meanwhile."""
        with atomic():
            if self._fenced(task, ACTIVE, state=FAILED, error=reason, ended_at=self._clock.now()):
                self._release(task)

    def _release(self, task: Task) -> None:
        for blob in json.loads(task.blobs):
            self._blobs.release(blob)

    def _fenced(self, task: Task, expected: str, **values: Any) -> bool:
        mine = (Task.uuid == task.uuid) & (Task.fence == task.fence) & (Task.state == expected)
        return compare_and_set(Task, mine, **values)

    def abort(self, lane: str, uuids: list[str]) -> None:
        """Stop open tasks of a lane in the caller's transaction; a running one notices with its next step."""
        for task in self.open_tasks(lane):
            if task.uuid in uuids:
                task.state, task.ended_at = ABORTED, self._clock.now()
                task.save(only=["state", "ended_at"])
                self._release(task)
        self.wake(lane)

    def open_tasks(self, lane: str) -> list[Task]:
        """Return the open tasks of a lane, oldest first."""
        return list(Task.active().where((Task.lane == lane) & Task.state.in_(OPEN)))

    def loads(self) -> dict[str, tuple[int, int]]:
        """Return for each host that has lanes the number of their open tasks, and that of the lanes."""
        lanes: Any = Lane.select(Lane.host, peewee.fn.COUNT(Lane.key)).group_by(Lane.host)
        tasks: Any = Task.select(Lane.host, peewee.fn.COUNT(Task.uuid)).join(Lane, on=(Task.lane == Lane.key))
        open_tasks = dict(tasks.where(Task.state.in_(OPEN)).group_by(Lane.host).tuples())
        return {host: (open_tasks.get(host, 0), count) for host, count in lanes.tuples()}

    def wait(self, uuid: str, timeout: float) -> str:
        """Wait until a task is no longer open, at most `timeout` seconds, and return its state."""
        end = time.monotonic() + timeout
        pause = 0.002
        while True:
            row = Task.select(Task.state).where(Task.uuid == uuid).tuples().first()
            state = str(row[0]) if row else ABORTED
            if state not in OPEN or time.monotonic() >= end:
                return state
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
