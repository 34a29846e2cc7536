"""A worker for tests that have an application, but no server around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hanami_core.queue import WORKERS, TaskRunner
from hanami_core.runtime import Runtime


def fail(reason: str) -> None:
    """Make a broken worker seen."""
    raise AssertionError(reason)


@contextlib.contextmanager
def worker(runtime: Runtime, slots: int = 2) -> Iterator[TaskRunner]:
    """Run tasks that need no compute host in threads of this process."""
    runner = TaskRunner(runtime, WORKERS, slots, fail)
    runner.listen()
    runner.start()
    yield runner
    assert runner.stop(10)
