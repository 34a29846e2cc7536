"""Who gets which task: candidates are read without a lock, and a conditional write decides.

The write names fence and state of the task as they were read, and that the task is the head of its partition on this
host. Of two workers that read the same candidate one changes a row and the other changes none, on any isolation from
READ COMMITTED on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import peewee

from hanami_core.clock import Clock
from hanami_core.queue.models import ACTIVE, QUEUED, Partition, Task
from hanami_core.storage.database import compare_and_set

REMEMBERED = 4096
"""Owners, and partitions, of which a worker knows when they were served."""
ALONE_SECONDS = 10.0
"""How long a task whose process died runs alone, so that no other is taken for the cause if that happens again."""


class PartitionHead(NamedTuple):
    """The head of a partition, as it was read."""

    uuid: str
    owner_id: str
    project_id: str
    kind: str
    partition: str
    sequence: int
    priority: int
    state: str
    fence: int
    attempts: int
    started_at: float | None
    lease_owner: str
    lease_boot: str
    lease_until: float


MayRun = Callable[[PartitionHead], bool]
"""Tells whether a task may begin to run."""
_COLUMNS = [getattr(Task, name) for name in PartitionHead._fields]


class Claims:
    """Claims of one process. It remembers whose turn it is."""

    def __init__(self, clock: Clock, lease: float) -> None:
        """Use a clock, and leases of so many seconds."""
        self._clock = clock
        self._lease = lease
        self._turns = itertools.count(1)
        self._owners: dict[str, int] = {}
        self._partitions: dict[str, int] = {}
        self._suspected: float | None = None

    def claim(
        self, host: str, owner: str, running: frozenset[str], alone: bool, may_run: MayRun = lambda _: True
    ) -> Task | None:
        """Take the first free task; see `TaskQueue.claim`."""
        heads = [c for c in self._heads(host) if not {c.uuid, c.partition} & running]
        free = [c for c in heads if self._is_free(c, host, owner)]
        suspects = [c for c in free if self._is_suspect(c)]
        if not suspects:
            self._suspected = None  # whoever waited was aborted, or is another worker's
        if suspects and self._must_wait(alone):
            return None
        # Suspects that may not run keep nobody waiting.
        return self._first(suspects, host, owner, may_run) or self._first(free, host, owner, may_run)

    def _first(self, candidates: Sequence[PartitionHead], host: str, owner: str, may_run: MayRun) -> Task | None:
        for candidate in sorted(candidates, key=self._rank):
            if not may_run(candidate):
                continue
            task = self._take(candidate, host, owner)
            if task is not None:
                self._note_turn(candidate)
                return task
        return None

    @staticmethod
    def _heads(host: str) -> Iterator[PartitionHead]:
        query = (
            Task.select(*_COLUMNS)
            .join(Partition, on=(Partition.head == Task.sequence))
            .where((Partition.host == host) & Partition.head.is_null(False))
        )
        return (PartitionHead(*row) for row in query.tuples().iterator())

    def _rank(self, candidate: PartitionHead) -> tuple[int, int, int, int]:
        """Order by priority, then by turn of the owner, then of the partition; the age decides if neither had one."""
        turns = self._owners.get(candidate.owner_id, 0), self._partitions.get(candidate.partition, 0)
        return -candidate.priority, *turns, candidate.sequence

    def _is_free(self, candidate: PartitionHead, host: str, owner: str) -> bool:
        if candidate.lease_boot != self._clock.boot() or candidate.lease_until < self._clock.monotonic():
            return True
        if candidate.state == QUEUED:
            return False  # it failed, and waits for its next attempt
        same_host = candidate.lease_owner.partition("/")[0] == owner.partition("/")[0] == host
        return same_host and candidate.lease_owner != owner

    def _is_suspect(self, candidate: PartitionHead) -> bool:
        """Tell whether the last process that ran the task may have died of it; that of another boot did not."""
        return candidate.state == ACTIVE and candidate.lease_boot == self._clock.boot() and candidate.attempts > 0

    def _earlier(self, candidate: PartitionHead) -> int:
        """Return the attempts that count; what a restart of the machine has ended does not."""
        return candidate.attempts if candidate.state == QUEUED or candidate.lease_boot == self._clock.boot() else 0

    def _must_wait(self, alone: bool) -> bool:
        """Let suspects wait until nothing else runs, but not forever."""
        now = self._clock.monotonic()
        if alone or now - (self._suspected or now) > ALONE_SECONDS:
            self._suspected = None
            return False
        self._suspected = self._suspected or now
        return True

    def _take(self, candidate: PartitionHead, host: str, owner: str) -> Task | None:
        mine = (Partition.key == candidate.partition) & (Partition.host == host)
        is_head = Partition.select(peewee.SQL("1")).where(mine & (Partition.head == candidate.sequence))
        unchanged = (
            (Task.uuid == candidate.uuid)
            & (Task.fence == candidate.fence)
            & (Task.state == candidate.state)
            & (Task.lease_until == candidate.lease_until)
        )
        values = {
            "state": ACTIVE,
            "error": "",
            "fault": "",
            "fence": candidate.fence + 1,
            "attempts": self._earlier(candidate) + 1,
            "started_at": self._clock.now() if candidate.started_at is None else candidate.started_at,
            "lease_owner": owner,
            "lease_boot": self._clock.boot(),
            "lease_until": self._clock.monotonic() + self._lease,
        }
        if not compare_and_set(Task, unchanged & peewee.fn.EXISTS(is_head), **values):
            return None
        # An abort in between shows with the first step of the task.
        task: Task | None = Task.get_or_none((Task.uuid == candidate.uuid) & (Task.fence == candidate.fence + 1))
        if task is not None:
            task.suspect = self._is_suspect(candidate)
        return task

    def _note_turn(self, candidate: PartitionHead) -> None:
        """Remember who was served, also after they have nothing left: who comes back at once waits like others."""
        turn = next(self._turns)
        for served, key in ((self._owners, candidate.owner_id), (self._partitions, candidate.partition)):
            served.pop(key, None)
            served[key] = turn
            if len(served) > REMEMBERED:
                del served[next(iter(served))]
