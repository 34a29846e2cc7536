"""A queue with a clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from hanami_core.access import Actor
from hanami_core.admission import Claim
from hanami_core.queue import Task, TaskKind, TaskQueue
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blobs
from hanami_core.storage.database import atomic

ACTOR = Actor("alice", "Alice", "proj", "member")


class Payload(msgspec.Struct):
    """Nothing."""


@dataclass
class Clock:
    """A clock that tests move."""

    time: float = 1000.0
    machine: str = "boot-1"

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def boot(self) -> str:
        return self.machine


@dataclass
class Bench:
    """A queue with a clock, kinds of tasks, and a list of hosts that were notified."""

    blobs: Blobs
    clock: Clock = field(default_factory=Clock)
    notified: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = TaskQueue(self.clock, self.blobs, 10.0, self.notified.append)
        self.kinds: dict[str, TaskKind] = {}
        self.claims: list[Claim] = []
        given = {"kinds": self.kinds, "queue": self.queue, "emit": lambda event: None, "admit": self.claims.append}
        self.queue.bind(cast("Runtime", SimpleNamespace(**given)))
        for key, host in (("a", "cpu0"), ("b", "cpu0"), ("c", "gpu0")):
            self.queue.create_partition(key, host)

    def bring(self, name: str, **more: Any) -> None:
        """Add a kind of tasks."""
        self.kinds[name] = TaskKind(name, lambda job: None, **more)

    def add(
        self,
        key: str,
        name: str = "task",
        blobs: tuple[str, ...] = (),
        kind: str = "train",
        actor: Actor = ACTOR,
        *,
        yields: bool = False,
    ) -> Task:
        with atomic():
            return self.queue.enqueue(kind, key, actor, name, Payload(), 5, blobs=blobs, yields=yields)

    def names(self, host: str = "cpu0", **more: Any) -> list[str]:
        """Claim all that can be claimed, and return the names."""
        return [task.name for _ in range(50) if (task := self.queue.claim(host, f"{host}/1", **more))]

    def state(self, task: Task) -> str:
        return str(Task.get(Task.uuid == task.uuid).state)


def finish(bench: Bench, task: Task) -> None:
    with bench.queue.commit(task, 5, final=True):
        pass
