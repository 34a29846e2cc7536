"""A worker for tests that have an application but no server around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hanami_core.queue import WORKERS, TaskRunner
from hanami_core.runtime import Runtime

__all__ = ["worker"]


@contextlib.contextmanager
def worker(runtime: Runtime, slots: int = 2) -> Iterator[TaskRunner]:
    """Run tasks that need no compute host in threads of this process.

    Raises:
        AssertionError: if a task does not end with the block, or the worker broke.
    """
    broken: list[str] = []
    runner = TaskRunner(runtime, WORKERS, slots, broken.append)
    runner.listen()
    runner.start()
    try:
        yield runner
    finally:
        stopped = runner.stop(10.0)
    assert stopped, "a task that needs no compute host does not end"
    assert not broken, broken
