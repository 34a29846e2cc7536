"""The threads that claim tasks and run them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hanami_core.priority import LOWEST, STEP
from hanami_core.queue import Job, Task, TaskKind, TaskRunner, job, pace
from hanami_core.queue import runner as runner_module
from hanami_core.runtime import Runtime
from tests.core.queue_kit import Bench
from tests.core.test_priority import priority
from tests.server.harness import until


def runner_of(bench: Bench, broken: list[str], slots: int = 1, threads: int | None = None) -> TaskRunner:
    given = {
        "queue": bench.queue,
        "settings": {"queue.lease": 10.0, "queue.silence": 10.0},
        "database": SimpleNamespace(disconnect=lambda: None),
        "admit": lambda claim: None,
        "compute": None,
    }
    return TaskRunner(cast("Runtime", SimpleNamespace(**given)), "cpu0", slots, broken.append, threads=threads)


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


def test_short_tasks_share_a_thread_which_ends_with_the_runner(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "AFTER", (3600.0,))
    monkeypatch.setattr(runner_module, "IDLE", 3600.0)
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
        until(lambda: runner._idle == 1, 10)
    assert runner.stop(10.0)
    assert len(set(threads)) == 1
    assert not threads[0].is_alive()
    assert broken == []


def test_each_task_begins_with_the_same_priority(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "AFTER", (0.5, 3600.0))
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


@pytest.mark.parametrize("ends", ["aborted", "failed", "finished"])
def test_long_tasks_take_turns_and_who_ends_keeps_nobody_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(job, "LONG", 0.0)
    broken, stepped, go_on = list[str](), dict[str, int](), threading.Event()

    def run(job: Job) -> None:
        name = str(job.task.name)
        while job.step(1):
            stepped[name] = stepped.get(name, 0) + 1
            if name == "first" and ends == "failed" and stepped[name] > 2:
                raise ValueError("fails")
            if go_on.is_set() or (name == "first" and ends == "finished" and stepped[name] > 2):
                break
            time.sleep(0.02)
        if not job.aborted:
            with bench.queue.commit(job.task, 5, final=True):
                pass

    bench.kinds["train"] = TaskKind("train", run, retries=0)
    bench.queue.create_partition("d", "cpu0")
    first, _, _ = [bench.add(key, name).uuid for key, name in zip("abd", ("first", "second", "third"), strict=True)]
    runner = runner_of(bench, broken, slots=3, threads=1)
    runner.start()
    until(lambda: len(stepped) == 3, 20)
    if ends == "aborted":
        bench.queue.abort("a", [first])
    until(lambda: runner.count == 2, 20)
    before = dict(stepped)
    until(lambda: all(stepped[name] > before[name] for name in ("second", "third")), 20)
    go_on.set()
    until(lambda: not runner.count, 20)
    assert runner.stop(10.0)
    assert broken == []
