"""A worker for tests that have an application but no server around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hanami_core.queue import WORKERS, TaskRunner
from hanami_core.runtime import Runtime

__all__ = ["worker"]


@contextlib.contextmanager
def worker(runtime: Runtime, slots: int = 2, host: str = WORKERS) -> Iterator[TaskRunner]:
    """Run tasks of a compute host in threads of this process; without a name, those that need none.

    Raises:
        AssertionError: if a task does not end with the block, or the worker broke.
    """
    broken: list[str] = []
    runner = TaskRunner(runtime, host, slots, broken.append)
    runner.listen()
    runner.start()
    try:
        yield runner
    finally:
        stopped = runner.stop(10.0)
    assert stopped, f"a task of {host} does not end"
    assert not broken, broken
