"""What a task measures on its way is stored with its cursor: no gaps, nothing twice, and not for ever."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import cast

import pytest

from hanami_core.errors import LeaseLost
from hanami_core.queue import Job, Task, TaskEntry, entries_of
from hanami_core.queue.history import MOST_ENTRIES
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from tests.core.queue_kit import Bench


def claim(bench: Bench, owner: str = "cpu0/1") -> Job:
    task = bench.queue.claim("cpu0", owner)
    assert task is not None
    return Job(cast("Runtime", SimpleNamespace(queue=bench.queue, clock=bench.clock)), task)


def stored(task: Task) -> dict[int, dict[str, float]]:
    return {row.position: row.values_by_name for row in entries_of(str(task.uuid))}


def commit(job: Job, cursor: int, *, final: bool = False) -> None:
    with job.commit(cursor, final=final):
        pass


def test_entries_are_stored_with_the_cursor(bench: Bench) -> None:
    task = bench.add("a")
    job = claim(bench)
    bench.clock.time += 2.5
    job.record(1, {"running_loss": 0.5, "blocks": 2})
    job.record(2, {"loss": 0.25}, epoch=2)
    assert stored(task) == {}
    commit(job, 2)
    first, second = entries_of(str(task.uuid))
    assert (first.position, first.epoch, first.seconds) == (1, 1, 2.5)
    assert (second.epoch, stored(task)) == (2, {1: {"running_loss": 0.5, "blocks": 2.0}, 2: {"loss": 0.25}})


def test_what_a_process_did_not_store_is_made_again_by_the_next_one(bench: Bench) -> None:
    task = bench.add("a")
    job = claim(bench)
    job.record(1, {"loss": 1.0})
    job.record(3, {"loss": 3.0})  # lies behind the state that is stored
    commit(job, 2)
    job.record(4, {"loss": 4.0})
    with pytest.raises(ZeroDivisionError), job.commit(4):
        raise ZeroDivisionError
    assert stored(task) == {1: {"loss": 1.0}}
    bench.clock.time += 11
    again = claim(bench, "cpu0/2")
    with pytest.raises(LeaseLost):
        commit(job, 4)
    assert again.start == 2
    for cycle in (3, 4, 5):
        again.record(cycle, {"loss": float(cycle)})
    commit(again, 5, final=True)
    assert stored(task) == {cycle: {"loss": float(cycle)} for cycle in (1, 3, 4, 5)}


def test_measures_of_one_position_come_together(bench: Bench) -> None:
    task = bench.add("a")
    job = claim(bench)
    job.record(3, {"loss": 0.5, "accuracy": 0.75})
    job.record(3, {"blocks": 4, "loss": 0.25}, epoch=1)
    commit(job, 3)
    job.record(3, {"validation_loss": 0.125, "r2": math.nan, "validation_accuracy": math.inf})
    commit(job, 3)
    assert stored(task) == {3: {"loss": 0.25, "accuracy": 0.75, "blocks": 4.0, "validation_loss": 0.125}}


def test_a_task_that_is_aborted_keeps_what_it_has_measured(bench: Bench) -> None:
    task = bench.add("a")
    job = claim(bench)
    job.record(1, {"loss": 1.0})
    with atomic():
        bench.queue.abort("a", [task.uuid])
    job.leave(1)
    assert stored(task) == {1: {"loss": 1.0}}


@pytest.mark.long
def test_a_long_history_is_thinned_evenly(bench: Bench) -> None:
    task = bench.add("a")
    job = claim(bench)
    for cycle in range(1, 5 * MOST_ENTRIES + 1):
        job.record(cycle, {"running_loss": 1.0})
        if cycle % 50 == 0:
            job.record(cycle, {"validation_loss": 1.0})
        if cycle % 7 == 0:
            commit(job, cycle)
    commit(job, cycle)
    positions = [row.position for row in entries_of(str(task.uuid))]
    assert MOST_ENTRIES // 2 <= len(positions) <= MOST_ENTRIES
    assert positions[0] <= 10
    assert positions[-1] == cycle
    assert max(after - before for before, after in itertools.pairwise(positions)) <= 40
    kept = {position for position, measures in stored(task).items() if "validation_loss" in measures}
    assert kept >= set(range(50, cycle + 1, 50))


def test_a_history_goes_with_its_task(bench: Bench) -> None:
    hidden, old, young = bench.add("a"), bench.add("b"), bench.add("c")
    for host in ("cpu0", "cpu0", "gpu0"):
        task = bench.queue.claim(host, f"{host}/1")
        assert task is not None
        job = Job(cast("Runtime", SimpleNamespace(queue=bench.queue, clock=bench.clock)), task)
        job.record(5, {"loss": 1.0})
        commit(job, 5, final=True)
    assert bench.queue.hide(hidden)
    assert {row.task for row in TaskEntry.select()} == {old.uuid, young.uuid}
    with atomic():
        bench.queue.close_partition("b")
    bench.queue.forget(bench.clock.time + 1, 10)
    assert {row.task for row in TaskEntry.select()} == {young.uuid}
