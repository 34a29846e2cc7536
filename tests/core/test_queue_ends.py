"""The task queue: priority, retries, attempts, and what the end of a task brings along."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from hanami_core.access import Actor
from hanami_core.errors import BadRequest, Unavailable
from hanami_core.queue import Job, Partition, Task, claims
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from tests.core.queue_kit import ACTOR, Bench, finish


def test_priority_decides_among_heads_and_never_within_a_partition(bench: Bench) -> None:
    bench.bring("urgent", priority=5)
    bench.add("a", "a1")
    bench.add("a", "a2", kind="urgent")
    bench.add("b", "b1", kind="urgent")
    assert bench.names() == ["b1", "a1"]


def test_a_task_keeps_code_and_parameters_of_what_made_it_fail(bench: Bench) -> None:
    cause = BadRequest("value_wrong", place="x", row=3, low=np.float32(0.5), kind=int)
    task = bench.add("a", "first")
    claimed = bench.queue.claim("cpu0", "cpu0/1")
    assert claimed is not None
    bench.queue.retry(claimed, "no network", 0.0, Unavailable("store_unavailable", store="s3"))
    bench.clock.time += 1
    failure = Task.get(Task.uuid == task.uuid).failure
    assert (failure.code, failure.parameters) == ("store_unavailable", {"store": "s3"})
    again = bench.queue.claim("cpu0", "cpu0/1")
    assert again is not None
    assert again.failure is None
    bench.queue.fail(again, str(cause), cause)
    failure = Task.get(Task.uuid == task.uuid).failure
    assert (failure.code, failure.parameters["place"], failure.parameters["row"]) == ("value_wrong", "x", 3)


def test_a_task_that_broke_has_its_text(bench: Bench) -> None:
    bench.add("a", "first")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    assert task.failure is None
    bench.queue.fail(task, "the disk is full", OSError("the disk is full"))
    failure = Task.get(Task.uuid == task.uuid).failure
    assert (failure.code, failure.parameters) == ("the disk is full", {})


def test_a_retry_waits_for_its_pause_and_keeps_its_place(bench: Bench) -> None:
    bench.add("a", "first")
    bench.add("a", "second")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    bench.queue.retry(task, "no network", 30.0)
    assert (bench.state(task), Task.get(Task.uuid == task.uuid).error) == ("queued", "no network")
    assert bench.names() == []
    bench.clock.time += 31
    again = bench.queue.claim("cpu0", "cpu0/1")
    assert again is not None
    assert (again.name, again.attempts, again.fence, again.error, again.suspect) == ("first", 2, 2, "", False)
    assert again.started_at == task.started_at


def test_attempts_count_from_the_last_progress_on(bench: Bench) -> None:
    bench.add("a")
    attempts = []
    for number in range(5):
        task = bench.queue.claim("cpu0", f"cpu0/{number}")
        assert task is not None
        attempts.append(task.attempts)
        if number == 2:
            with Job(cast("Runtime", SimpleNamespace(queue=bench.queue)), task).commit(3):
                pass
            assert task.attempts == 1
    assert attempts == [1, 2, 3, 2, 3]


@pytest.mark.parametrize("how", ["handed back", "restart of the machine"])
def test_what_is_not_the_fault_of_a_task_is_not_counted(bench: Bench, how: str) -> None:
    bench.add("a")
    for number in range(4):
        task = bench.queue.claim("cpu0", f"cpu0/{number}", alone=False)
        assert task is not None
        assert (task.attempts, task.suspect) == (1, False)
        if how == "handed back":
            bench.queue.hand_back(task)
        else:
            bench.clock.machine = f"boot {number}"


def test_a_task_whose_process_died_runs_alone_but_does_not_wait_for_ever(bench: Bench) -> None:
    bench.add("a", "suspect")
    bench.add("b", "other")
    assert bench.queue.claim("cpu0", "cpu0/old") is not None
    assert bench.queue.claim("cpu0", "cpu0/new", alone=False) is None
    bench.clock.time += 5
    task = bench.queue.claim("cpu0", "cpu0/new", alone=True)
    assert task is not None
    assert (task.name, task.suspect) == ("suspect", True)
    assert bench.queue.claim("cpu0", "cpu0/newest", alone=False) is None
    bench.clock.time += claims.ALONE_SECONDS + 1
    again = bench.queue.claim("cpu0", "cpu0/newest", alone=False)
    assert again is not None
    assert again.name == "suspect"


def test_a_task_that_may_not_run_keeps_nobody_waiting(bench: Bench) -> None:
    other = Actor("bob", "Bob", "other", "member")
    bench.add("a", "suspect")
    bench.add("b", "other", actor=other)
    assert bench.queue.claim("cpu0", "cpu0/old") is not None
    asked = []

    def may_run(candidate: claims.PartitionHead) -> bool:
        asked.append((candidate.owner_id, candidate.project_id, candidate.kind))
        return candidate.owner_id != ACTOR.user_id

    assert bench.names(may_run=may_run) == ["other"]
    assert set(asked) == {("alice", "proj", "train"), ("bob", "other", "train")}
    assert bench.names() == ["suspect"]


def test_the_wait_of_an_aborted_suspect_does_not_count_for_the_next_one(bench: Bench) -> None:
    for key in ("a", "b"):
        task = bench.add(key, "suspect")
        assert bench.queue.claim("cpu0", f"cpu0/{key}") is not None
        assert bench.queue.claim("cpu0", "cpu0/new", alone=False) is None
        with atomic():
            bench.queue.abort(key, [task.uuid])
        assert bench.queue.claim("cpu0", "cpu0/new", alone=False) is None
        bench.clock.time += claims.ALONE_SECONDS + 1


# -- what the end of a task brings along -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["finished", "failed", "aborted"])
def test_the_kind_learns_of_every_end_in_its_transaction(bench: Bench, how: str) -> None:
    seen: list[tuple[str, str]] = []

    def ended(runtime: object, task: Task) -> None:
        assert not bench.queue.open_tasks("a")
        seen.append((task.state, task.error))
        Partition.create(key="made at the end", host="cpu0")

    bench.bring("train", ended=ended)
    bench.add("a")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    if how == "finished":
        finish(bench, task)
    elif how == "failed":
        bench.queue.fail(task, "because")
    else:
        with atomic():
            bench.queue.abort("a", [task.uuid])
    assert seen == [(how, "because" if how == "failed" else "")]
    assert bench.queue.has_partition("made at the end")
    bench.queue.fail(task, "once more")
    assert len(seen) == 1


def test_a_kind_that_chokes_on_an_end_can_not_prevent_it(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def ended(runtime: object, task: Task) -> None:
        Partition.create(key="half", host="cpu0")
        raise RuntimeError("no")

    bench.bring("train", ended=ended)
    bench.add("a")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    finish(bench, task)
    assert bench.state(task) == "finished"
    assert not bench.queue.has_partition("half")
    assert "end of a task was not dealt with" in caplog.text
