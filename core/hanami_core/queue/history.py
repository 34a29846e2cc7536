"""What a task measures on its way: entries by position, durable together with the state that the task goes on from.

An entry that was not stored is made again by whoever goes on with the task, so there are neither gaps nor doubled
entries. Must not know what the measures mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec
import peewee

from hanami_core.queue.models import Task
from hanami_core.storage.database import BaseModel

__all__ = ["MOST_ENTRIES", "History", "TaskEntry", "entries_of", "forget_entries"]

MOST_ENTRIES = 1000
"""Entries that a task keeps; with one more, half of them go, evenly over its way."""


class TaskEntry(BaseModel):
    """Measurements of a task at a position, which is the cycle that it had reached.

    `epoch` counts passes over the rows from 1 on. `seconds` is the time since the task began, pauses included.
    `measures` is a JSON map from names to numbers.
    """

    task = peewee.CharField(36)
    position = peewee.BigIntegerField()
    epoch = peewee.IntegerField()
    seconds = peewee.DoubleField()
    measures = peewee.TextField()

    class Meta:
        """One row for each task and position."""

        primary_key = peewee.CompositeKey("task", "position")

    @property
    def values_by_name(self) -> dict[str, float]:
        """The measures."""
        return msgspec.json.decode(self.measures, type=dict[str, float])


class _Entry(msgspec.Struct):
    epoch: int
    seconds: float
    measures: dict[str, float]


class History:
    """The entries of a claimed task that are not stored yet."""

    def __init__(self, task: Task, now: Callable[[], float]) -> None:
        """Begin after what is stored; `now` tells the time in seconds since 1970."""
        self._task, self._now = task, now
        self._waiting: dict[int, _Entry] = {}

    def record(self, position: int, epoch: int, measures: Mapping[str, float]) -> None:
        """Note measures for a position, beside those that it has already; what is not finite is left out."""
        known = self._waiting.get(position)
        started = self._task.started_at
        seconds = 0.0 if started is None else max(0.0, self._now() - started)
        finite = {name: float(value) for name, value in measures.items() if math.isfinite(value)}
        self._waiting[position] = _Entry(epoch, seconds, {**known.measures, **finite} if known else finite)

    def store(self, cursor: int) -> None:
        """Store what waits up to a cycle, in the caller's transaction; `stored` must follow the commit."""
        ready = {position: entry for position, entry in self._waiting.items() if position <= cursor}
        if not ready:
            return
        mine = TaskEntry.task == self._task.uuid
        here = mine & TaskEntry.position.in_(list(ready))
        known = {row.position: row.values_by_name for row in TaskEntry.select().where(here)}
        if known:
            TaskEntry.delete().where(here).execute()
        TaskEntry.insert_many(
            {
                "task": self._task.uuid,
                "position": position,
                "epoch": entry.epoch,
                "seconds": entry.seconds,
                "measures": msgspec.json.encode({**known.get(position, {}), **entry.measures}).decode(),
            }
            for position, entry in ready.items()
        ).execute()
        if TaskEntry.select().where(mine).count() > MOST_ENTRIES:
            _thin(str(self._task.uuid))

    def stored(self, cursor: int) -> None:
        """Forget what is durable now."""
        self._waiting = {position: entry for position, entry in self._waiting.items() if position > cursor}


def _thin(task: str) -> None:
    """Keep the ends, and of each part of the way one entry: the last that tells most, such as that of a whole epoch."""
    rows = list(entries_of(task))
    first, last = rows[0].position, rows[-1].position
    kept: dict[int, TaskEntry] = {}
    for row in rows[1:-1]:
        part = (row.position - first) * (MOST_ENTRIES // 2) // (last - first)
        if part not in kept or len(row.values_by_name) >= len(kept[part].values_by_name):
            kept[part] = row
    positions = {row.position for row in kept.values()} | {first, last}
    gone = [row.position for row in rows if row.position not in positions]
    for start in range(0, len(gone), 500):
        some = TaskEntry.position.in_(gone[start : start + 500])
        TaskEntry.delete().where((TaskEntry.task == task) & some).execute()


def entries_of(task: str) -> peewee.ModelSelect[TaskEntry]:
    """Select the stored entries of a task, in the order of its way."""
    found: peewee.ModelSelect[TaskEntry] = TaskEntry.select().where(TaskEntry.task == task).order_by(TaskEntry.position)
    return found


def forget_entries(tasks: list[str]) -> None:
    """Remove the entries of some tasks, in the caller's transaction."""
    if tasks:
        TaskEntry.delete().where(TaskEntry.task.in_(tasks)).execute()
