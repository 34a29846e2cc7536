"""A claimed task, as its kind sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from hanami_core.queue.history import History
from hanami_core.queue.models import Task
from hanami_core.storage.database import atomic

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

T = TypeVar("T")

PROGRESS_INTERVAL = 0.25
LONG = 0.5
"""Seconds after which a task takes turns with others that take long."""


@dataclass
class Job:
    """A claimed task.

    `stop` is set when the process is about to end. After a `step` that returned False, `aborted` and `interrupted` say
    whether the task is no longer wanted or is to be continued by the next process. `alive` is the time of the last sign
    of life. Once the task takes long, `turn` waits so many seconds until it may compute, and tells whether it may.
    """

    runtime: Runtime
    task: Task
    stop: threading.Event = field(default_factory=threading.Event)
    aborted: bool = False
    alive: float = field(default_factory=time.monotonic)
    turn: Callable[[float], bool] | None = None
    _reported: float = 0.0
    _began: float = field(default_factory=time.monotonic)
    _history: History = field(init=False)

    def __post_init__(self) -> None:
        """Begin the history of this run."""
        self._history = History(self.task, lambda: self.runtime.clock.now())

    @property
    def start(self) -> int:
        """Cycle to continue from: that of the stored state."""
        return int(self.task.cursor)

    @property
    def interrupted(self) -> bool:
        """Tell whether the process is about to end."""
        return self.stop.is_set()

    def payload(self, kind: type[T]) -> T:
        """Return the task's payload as a struct."""
        return msgspec.json.decode(self.task.payload, type=kind)

    def step(self, cycle: int) -> bool:
        """Report progress, at most four times a second, and return whether to continue.

        A long task waits here until it is its turn to compute.

        Raises:
            LeaseLost: if the task belongs to another worker now.
        """
        turn = self.turn if time.monotonic() - self._began >= LONG else None
        while (going := self._report(cycle)) and turn is not None and not turn(PROGRESS_INTERVAL):
            pass
        return going

    def _report(self, cycle: int) -> bool:
        self.alive = now = time.monotonic()
        if now - self._reported >= PROGRESS_INTERVAL:
            self._reported = now
            self.aborted = not self.runtime.queue.progress(self.task, cycle)
        return not (self.aborted or self.interrupted)

    def record(self, position: int, measures: Mapping[str, float], *, epoch: int = 1) -> None:
        """Record measurements of the task at a cycle, such as `loss`; the next `commit` stores them.

        A position has one entry: later measurements for it are added to that entry. Names of running averages begin
        with ``running_``. Clients read the entries in their order, at most a few hundred per task, evenly spaced.

        Args:
            position: cycle that the task has reached, counted from its beginning over all epochs.
            measures: numbers by name; values that are not finite are left out.
            epoch: pass over the rows that the cycle belongs to, from 1 on.
        """
        self._history.record(position, epoch, measures)

    @contextmanager
    def commit(self, cursor: int, *, final: bool = False) -> Iterator[None]:
        """Run the block in one transaction with the task's cursor and its history, and with its end if `final`.

        Raises:
            LeaseLost: if the task belongs to another worker now; nothing of the block is stored then.
        """
        self.alive = time.monotonic()
        with self.runtime.queue.commit(self.task, cursor, final=final):
            yield
            self._history.store(cursor)
        self._history.stored(cursor)

    def leave(self, cycle: int) -> None:
        """Store the history of a task that was aborted, up to the cycle that it reached."""
        with atomic():
            self._history.store(cycle)
        self._history.stored(cycle)
