"""What the suite for databases lets other processes do; each opens the database anew."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import peewee

from hanami_core.access import Actor
from hanami_core.clock import SystemClock
from hanami_core.queue import TaskQueue
from hanami_core.storage.contract import DatabaseBackend, StorageContext
from hanami_core.storage.database import BaseModel, atomic, exclusive
from hanami_core.testing.storage import bound_to

__all__ = ["HOST", "Amount", "add_amounts", "add_tasks", "claim_all", "in_processes", "overtaking", "raise_amount"]

HOST = "cpu0"
_WAIT = 60.0

Work = Callable[..., Any]


class Amount(BaseModel):
    """A number that is changed by several at once."""

    name = peewee.CharField(32, primary_key=True)
    value = peewee.BigIntegerField(default=0)

    class Meta:
        """A table that no plugin has."""

        table_name = "conformance_amount"


class EmptyPayload(msgspec.Struct):
    """Payload of a task that is never run."""


def in_processes(count: int, backend: DatabaseBackend, context: StorageContext, work: Work, *args: object) -> list[Any]:
    """Run `work`, a function of a module, in several processes that begin at once, and return what they return."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(count)
    started = []
    for number in range(count):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_run, args=(theirs, barrier, backend, context, work, number, *args), daemon=True)
        process.start()
        theirs.close()
        started.append((process, ours))
    return [_result(process, pipe) for process, pipe in started]


def _result(process: Any, pipe: Any) -> object:
    try:
        if not pipe.poll(_WAIT):
            raise TimeoutError("a process of the suite does not answer")
        return pipe.recv()
    except EOFError:
        raise RuntimeError("a process of the suite failed; its traceback stands in stderr") from None
    finally:
        process.kill()
        process.join(_WAIT)
        process.close()
        pipe.close()


def _run(
    pipe: Connection, barrier: Any, backend: DatabaseBackend, context: StorageContext, work: Work, *args: object
) -> None:
    with bound_to(backend.open(context)):
        barrier.wait(_WAIT)
        pipe.send(work(*args))


def raise_amount(number: int, name: str, times: int) -> int:
    """Add one to an amount, in an exclusive section, by reading and writing it."""
    for _ in range(times):
        with exclusive("conformance"):
            value = Amount.get(Amount.name == name).value
            Amount.update(value=value + 1).where(Amount.name == name).execute()
    return number


def add_amounts(number: int, names: list[str]) -> list[str]:
    """Add amounts of some names as far as they are not there, and return those that were added."""
    return [name for name in names if _added(name)]


def _added(name: str) -> bool:
    try:
        with atomic():
            Amount.create(name=name)
    except peewee.IntegrityError:
        return False
    return True


def _queue() -> TaskQueue:
    # No task of the suite holds a blob.
    return TaskQueue(SystemClock(), None, 60.0, lambda host: None)  # type: ignore[arg-type]


def add_tasks(partitions: int, each: int) -> None:
    """Add partitions with tasks that wait."""
    queue = _queue()
    with atomic():
        for key in range(partitions):
            queue.create_partition(f"partition{key}", HOST)
            for number in range(each):
                queue.enqueue("none", f"partition{key}", Actor("a", "a", "a", "member"), f"{number}", EmptyPayload(), 1)


def overtaking() -> tuple[Callable[[], object], Callable[[], str]]:
    """Add a task that yields, and return how another one is put before it, and how the next of the two is claimed."""
    queue, actor = _queue(), Actor("a", "a", "a", "member")

    def add(name: str, yields: bool = False) -> None:
        queue.enqueue("none", "partition", actor, name, EmptyPayload(), 1, yields=yields)

    def claim() -> str:
        task = queue.claim(HOST, "worker/1")
        return "" if task is None else str(task.name)

    with atomic():
        queue.create_partition("partition", HOST)
        add("guest", yields=True)
    return lambda: add("own"), claim


def claim_all(number: int) -> list[tuple[str, str, int]]:
    """Claim and end tasks until there are none, and return their partitions, names and fences in that order."""
    claimed, queue = [], _queue()
    while task := queue.claim(HOST, f"worker{number}/1"):
        claimed.append((str(task.partition), str(task.name), int(task.fence)))
        with queue.commit(task, 1, final=True):
            pass
    return claimed
