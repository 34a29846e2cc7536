"""The threads that claim tasks and run them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

from hanami_core.priority import LOWEST, STEP
from hanami_core.queue import Job, Task, TaskKind, TaskRunner
from hanami_core.runtime import Runtime
from tests.core.queue_kit import Bench
from tests.core.test_priority import priority
from tests.server.harness import until


def runner_of(bench: Bench, broken: list[str]) -> TaskRunner:
    given = {
        "queue": bench.queue,
        "settings": {"queue.lease": 10.0, "queue.silence": 10.0},
        "database": SimpleNamespace(disconnect=lambda: None),
        "admit": lambda claim: None,
        "compute": None,
    }
    return TaskRunner(cast("Runtime", SimpleNamespace(**given)), "cpu0", 1, broken.append)


def test_a_task_that_is_claimed_while_the_runner_stops_is_handed_back(bench: Bench) -> None:
    bench.bring("train")
    task = bench.add("a")
    claim, reached, broken = bench.queue.claim, threading.Event(), list[str]()
    runner = runner_of(bench, broken)

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


def test_short_tasks_share_a_thread_which_ends_with_the_runner(bench: Bench) -> None:
    threads, broken, done = list[threading.Thread](), list[str](), threading.Semaphore(0)

    def run(job: Job) -> None:
        threads.append(threading.current_thread())
        with bench.queue.commit(job.task, 5, final=True):
            pass

    bench.bring("train")
    bench.kinds["train"] = TaskKind("train", run, ended=lambda runtime, task: done.release())
    runner = runner_of(bench, broken)
    runner.start()
    for number in range(3):
        bench.add("a", f"task {number}")
        runner.notify()
        assert done.acquire(timeout=10)
        until(lambda: not runner.count, 10)
    assert runner.stop(10.0)
    assert len(set(threads)) == 1
    assert not threads[0].is_alive()
    assert broken == []


def test_each_task_begins_with_the_same_priority(bench: Bench) -> None:
    seen, broken, done = list[int](), list[str](), threading.Semaphore(0)
    behind = min(priority() + STEP, LOWEST)

    def run(job: Job) -> None:
        seen.append(priority())
        until(lambda: priority() == behind, 10)
        with bench.queue.commit(job.task, 5, final=True):
            pass
        done.release()

    bench.bring("train")
    bench.kinds["train"] = TaskKind("train", run)
    for name in ("first", "second"):
        bench.add("a", name)
    runner = runner_of(bench, broken)
    runner.start()
    for _ in range(2):
        assert done.acquire(timeout=10)
    assert runner.stop(10.0)
    assert seen == [priority(), priority()]
    assert broken == []


def test_who_runs_a_job_alone_keeps_its_priority(bench: Bench) -> None:
    bench.bring("train")
    task = bench.add("a")
    job = Job(cast("Runtime", SimpleNamespace(queue=bench.queue, clock=bench.clock)), task)
    job._reported = job.alive
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(job.step, 1).result(10)
        assert thread.submit(priority).result(10) == priority()
