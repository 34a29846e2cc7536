"""The threads that claim tasks and run them."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

from hanami_core.queue import Task, TaskRunner
from hanami_core.runtime import Runtime
from tests.core.queue_kit import Bench


def test_a_task_that_is_claimed_while_the_runner_stops_is_handed_back(bench: Bench) -> None:
    bench.bring("train")
    task = bench.add("a")
    claim, reached, broken = bench.queue.claim, threading.Event(), list[str]()
    limits = {"queue.lease": 10.0, "queue.silence": 10.0}
    database = SimpleNamespace(disconnect=lambda: None)
    given = {
        "queue": bench.queue,
        "settings": limits,
        "database": database,
        "admit": lambda claim: None,
        "compute": None,
    }
    runtime = SimpleNamespace(**given)
    runner = TaskRunner(cast("Runtime", runtime), "cpu0", 1, broken.append)

    def slowly(*arguments: Any, **options: Any) -> Task | None:
        claimed = claim(*arguments, **options)
        reached.set()
        assert runner._stop.wait(10)
        return claimed

    bench.queue.claim = slowly  # type: ignore[method-assign]
    runner.start()
    assert reached.wait(10)
    assert runner.stop(10.0)
    assert broken == []
    again = claim("cpu0", "the next one")
    assert again is not None
    assert (again.uuid, again.attempts) == (task.uuid, 1)
