"""Tables of the queue."""

from __future__ import annotations

from typing import Any

import msgspec
import peewee

from hanami_core.errors import TaskError, VisibleError
from hanami_core.storage.database import BaseModel, OwnedRecord

QUEUED, ACTIVE, FINISHED, ABORTED, FAILED = "queued", "active", "finished", "aborted", "failed"
OPEN = (QUEUED, ACTIVE)
WORKERS = "@workers"
"""Stands for a compute host where tasks need none; no host has such a name."""


class Partition(BaseModel):
    """A FIFO of tasks, run by the sidecar of `host`, or by a worker process if that is `WORKERS`.

    `head` is the sequence of its first open task if that may start now, or is running; to find work, nothing else needs
    to be read. While the partition is `paused`, no queued task starts. A `closed` one accepts no further tasks and is
    removed with its last one. `enqueued` counts all tasks that were ever added: adding a task writes it first, which
    serialises adding, ending, pausing and closing on any database. `turn` is that of the last yielding task that ran;
    `owed` says that a task that does not yield has run since, while such a task waited.
    """

    key = peewee.CharField(320, primary_key=True)
    host = peewee.CharField(64)
    head = peewee.BigIntegerField(null=True)
    paused = peewee.BooleanField(default=False)
    closed = peewee.BooleanField(default=False)
    enqueued = peewee.BigIntegerField(default=0)
    turn = peewee.BigIntegerField(default=0)
    owed = peewee.BooleanField(default=False)


# Only partitions with work are looked at, however many others there are.
Partition.add_index(Partition.host, Partition.head, where=Partition.head.is_null(False), name="partition_ready")


class Task(OwnedRecord):
    """A task.

    `cursor` is the cycle of the stored state; `blobs` lists what the task holds until it ends. `lease_*` and `fence`
    belong to the claim; the lease of a queued task is the pause before its next attempt. `attempts` counts the runs
    that began since progress was last stored, including this one. `error` says why the task or its last attempt failed;
    `fault` holds code and parameters of the error, if clients may see it. `caller` says who queued it with which call,
    see `hanami_core.queue.withdrawals`. A task with a `turn` yields: others of its partition may go before it, see
    `hanami_core.queue.partitions`.
    """

    resource = "tasks"
    kind = peewee.CharField(32)
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
    partition = peewee.CharField(320)
    priority = peewee.IntegerField(default=0)
    attempts = peewee.IntegerField(default=0)
    fault = peewee.TextField(default="")
    caller = peewee.TextField(default="")
    turn = peewee.BigIntegerField(null=True)
    suspect = False
    """Not stored: tells whoever claims the task whether the process that ran it last may have died of it."""
    cause: Exception | None = None
    """Not stored: what a task that has just failed was ended by, for the `ended` of its kind."""

    @classmethod
    def count_held(cls, mine: peewee.Expression) -> int:
        """Count the open tasks only."""
        return int(cls.select().where(mine & cls.state.in_(OPEN)).count())

    @property
    def fraction(self) -> float:
        """The share of the task that is done, from 0 to 1."""
        return float(self.current_cycle / max(1, self.total_cycles))

    @property
    def failure(self) -> TaskError | None:
        """Why the task or its last attempt failed, for an Api that has a text for it; None if neither did."""
        if self.fault:
            code, parameters = msgspec.json.decode(self.fault, type=tuple[str, dict[str, Any]])
            return TaskError(code, **parameters)
        return TaskError(self.error) if self.error else None


def fault_of(error: Exception | None) -> str:
    """Return what a task keeps of an error besides its text."""
    if not isinstance(error, VisibleError):
        return ""
    plain = {name: _plain(value) for name, value in error.parameters.items()}
    return msgspec.json.encode((error.code, plain)).decode()


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)


class RemovedTasks(BaseModel):
    """How many tasks that ended in a state have been removed, so that counts never go back."""

    state = peewee.CharField(10, primary_key=True)
    count = peewee.BigIntegerField()


# Open tasks of one partition, in their order.
Task.add_index(Task.partition, Task.state, Task.sequence, name="task_of_partition")
# Those that yield, in the order of their turns; there are few.
Task.add_index(
    Task.partition, Task.state, Task.turn, Task.sequence, where=Task.turn.is_null(False), name="task_that_yields"
)
