"""Rows of partitions: which there are, where they run, and which task of each is next.

A partition is a FIFO, but for tasks that yield, such as those of people who may only ask what belongs to others. One
that does not yield goes before them, however long they have waited, and then one of them has its turn, so that neither
waits for a long queue of the other. Among those that yield, owners take turns.

Every function works in the caller's transaction. Order of locks, on databases that lock rows: first the partition
(`reserve`, `lock`), then its tasks. A claim writes a task only, so that no two workers wait for each other.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import and_
from typing import Any

import peewee

from hanami_core.errors import Conflict
from hanami_core.queue.history import forget_entries
from hanami_core.queue.models import ACTIVE, OPEN, QUEUED, WORKERS, Partition, RemovedTasks, Task
from hanami_core.storage.database import DELETED, compare_and_set


def reserve(key: str) -> str:
    """Lock a partition for a task that is about to be added, and return the host that will run it.

    Raises:
        Conflict: if there is no such partition, or it takes no further tasks.
    """
    if not _update(key, ~Partition.closed, enqueued=Partition.enqueued + 1):
        raise Conflict("partition_missing", partition=key)
    return str(Partition.get(Partition.key == key).host)


def reserve_for_workers(key: str) -> str:
    """Do the same for a task that needs no compute host, whose partition is made if there is none."""
    Partition.insert(key=key, host=WORKERS).on_conflict_ignore().execute()
    return reserve(key)


def turn_of(key: str, owner_id: str) -> int:
    """Return the turn of a task that yields and is about to be added to a reserved partition."""
    mine = (Task.partition == key) & Task.turn.is_null(False) & Task.state.in_(OPEN) & (Task.owner_id == owner_id)
    own = Task.select(peewee.fn.MAX(Task.turn)).where(mine).scalar() or 0
    return int(max(own, Partition.get(Partition.key == key).turn) + 1)


def added(task: Task) -> None:
    """Note that a task was added to a reserved partition."""
    key = str(task.partition)
    if _update(key, Partition.head.is_null() & ~Partition.paused, head=task.sequence):
        return
    first = (Partition.key == key) & (Partition.head == Task.sequence)
    yields = (Task.state == QUEUED) & Task.turn.is_null(False)
    if Task.select().join(Partition, on=first).where(yields).exists():
        change(key)


def after(task: Task) -> dict[str, Any]:
    """Return what a partition has to remember of a task that has ended."""
    if task.started_at is None:
        return {}
    if task.turn is not None:
        return {"owed": False, "turn": task.turn}
    waits = (Task.partition == task.partition) & Task.turn.is_null(False) & (Task.state == QUEUED)
    return {"owed": Task.select().where(waits).exists()}


def lock(key: str) -> bool:
    """Keep others from changing a partition until the transaction ends, and tell whether there is one."""
    return _update(key, enqueued=Partition.enqueued)


def change(key: str, **values: object) -> str:
    """Change a partition, find out which of its tasks is next, and return the host that runs it; empty if it is gone.

    A partition that takes no further tasks, or whose tasks need no compute host, goes when it is empty.
    """
    if not _update(key, **values or {"enqueued": Partition.enqueued}):
        return ""
    row = Partition.get(Partition.key == key)
    head = _first(row)
    if head != row.head and not _displaced(row.head):
        head = _first(row)
    if head is None and (row.closed or row.host == WORKERS):
        Partition.delete().where(Partition.key == key).execute()
    elif head != row.head or row.paused:
        _update(key, head=None if row.paused and _is_queued(head) else head)
    return str(row.host)


def _first(row: Partition) -> int | None:
    """Return the task of a partition that runs, or else the one that is next."""
    running = _oldest(row, Task.state == ACTIVE)
    if running is not None:
        return running
    own = _oldest(row, (Task.state == QUEUED) & Task.turn.is_null())
    guest = _oldest(row, (Task.state == QUEUED) & Task.turn.is_null(False), Task.turn)
    return guest if guest is not None and (own is None or (row.owed and guest < own)) else own


def _oldest(row: Partition, condition: object, *order: object) -> int | None:
    mine = Task.select(Task.sequence).where((Task.partition == row.key) & condition)
    found: int | None = mine.order_by(*order, Task.sequence).limit(1).scalar()
    return found


def _displaced(head: int | None) -> bool:
    """Let nobody claim a queued task any more who has found it as the head; False if it runs by now.

    A database that lets others write meanwhile may just have let somebody claim it. Then it stays the head.
    """
    still = (Task.sequence == head) & (Task.state == QUEUED)
    return not _is_queued(head) or compare_and_set(Task, still, fence=Task.fence + 1)


def loads() -> dict[str, tuple[int, int]]:
    """Return for each host that has partitions the number of their open tasks, and that of the partitions."""
    partitions: Any = Partition.select(Partition.host, peewee.fn.COUNT(Partition.key)).group_by(Partition.host)
    tasks: Any = (
        Task.select(Partition.host, peewee.fn.COUNT(Task.uuid))
        .join(Partition, on=(Task.partition == Partition.key))
        .where(Task.state.in_(OPEN))
        .group_by(Partition.host)
    )
    open_tasks = dict(tasks.tuples())
    return {host: (open_tasks.get(host, 0), count) for host, count in partitions.tuples()}


def open_counts() -> dict[tuple[str, str], int]:
    """Return how many open tasks there are, by host and state."""
    counts: Any = (
        Task.select(Partition.host, Task.state, peewee.fn.COUNT(Task.uuid))
        .join(Partition, on=(Task.partition == Partition.key))
        .where(Task.state.in_(OPEN))
        .group_by(Partition.host, Task.state)
    )
    return {(host, state): count for host, state, count in counts.tuples()}


def ended_counts() -> dict[str, int]:
    """Return how many tasks have ended, those included that were deleted or removed since, by state."""
    # Without a look at the rows: there is an index of the states.
    counts: Any = Task.select(Task.state, peewee.fn.COUNT(Task.sequence)).where(Task.state.not_in(OPEN))
    found = Counter({row.state: row.count for row in RemovedTasks.select()})
    found.update(dict(counts.group_by(Task.state).tuples()))
    return dict(found)


def forget(before: float, most: int) -> int:
    """Remove up to so many tasks that ended before a moment and that nobody finds: hidden, or without a partition."""
    hidden = (Task.status == DELETED) | Task.partition.not_in(Partition.select(Partition.key))
    old = Task.state.not_in(OPEN) & (Task.ended_at < before) & hidden
    rows = list(Task.select(Task.sequence, Task.state, Task.uuid).where(old).order_by(Task.sequence).limit(most))
    for state, count in Counter(str(row.state) for row in rows).items():
        RemovedTasks.insert(state=state, count=0).on_conflict_ignore().execute()
        RemovedTasks.update(count=RemovedTasks.count + count).where(RemovedTasks.state == state).execute()
    if rows:
        forget_entries([str(row.uuid) for row in rows])
        Task.delete().where(Task.sequence.in_([row.sequence for row in rows])).execute()
    return len(rows)


def doubtful() -> list[str]:
    """Return the partitions whose head is not what it should be."""
    first = peewee.fn.MIN(Task.sequence)
    may_be_head = (Task.state == ACTIVE) | ((Task.state == QUEUED) & ~Partition.paused)
    opened = (
        Task.select(Task.partition, first)
        .join(Partition, on=(Task.partition == Partition.key))
        .where(may_be_head)
        .group_by(Task.partition)
    )
    turns = Task.select(Task.partition).where(Task.turn.is_null(False) & Task.state.in_(OPEN))
    mixed = {row.key: _first(row) for row in Partition.select().where(Partition.key.in_(turns) & ~Partition.paused)}
    ready = Partition.select(Partition.key, Partition.head).where(Partition.head.is_null(False))
    heads, noted = _pairs(opened) | mixed, _pairs(ready)
    return sorted(key for key in {*heads, *noted} if heads.get(key) != noted.get(key))


def left() -> list[str]:
    """Return the partitions that should have gone with their last task."""
    busy = Task.select(Task.partition).where(Task.state.in_(OPEN))
    over = (Partition.closed | (Partition.host == WORKERS)) & Partition.key.not_in(busy)
    return sorted(str(row.key) for row in Partition.select(Partition.key).where(over))


def _pairs(query: Any) -> dict[str, int]:
    return dict(query.tuples())


def _is_queued(sequence: int | None) -> bool:
    return Task.select().where((Task.sequence == sequence) & (Task.state == QUEUED)).exists()


def _update(key: str, *conditions: object, **values: object) -> bool:
    expected = reduce(and_, conditions, Partition.key == key)
    return compare_and_set(Partition, expected, **values)
