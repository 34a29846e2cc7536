"""The task queue: partitions that open, close and move."""

from __future__ import annotations

import pytest

from hanami_core.errors import Conflict
from hanami_core.queue import WORKERS, Partition, Task
from hanami_core.storage.database import atomic
from tests.core.queue_kit import Bench, finish


def test_without_a_partition_nothing_is_enqueued(bench: Bench) -> None:
    with pytest.raises(Conflict, match=r"partition missing \(partition gone\)"):
        bench.add("gone")
    assert Task.select().count() == 0


def test_a_closed_partition_takes_no_task_and_goes_with_the_last_that_survives(bench: Bench) -> None:
    bench.bring("save", survives_delete=True)
    doomed, kept = bench.add("a"), bench.add("a", kind="save")
    bench.queue.pause("a")
    with atomic():
        bench.queue.close_partition("a")
    with pytest.raises(Conflict):
        bench.add("a")
    assert (bench.state(doomed), bench.state(kept)) == ("aborted", "queued")
    assert bench.queue.has_partition("a")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    assert task.uuid == kept.uuid
    bench.queue.fail(task, "no disk")
    assert not bench.queue.has_partition("a")


def test_an_empty_partition_is_gone_as_soon_as_it_is_closed(bench: Bench) -> None:
    bench.queue.close_partition("a")
    assert not bench.queue.has_partition("a")


def test_a_partition_moves_with_what_waits_in_it(bench: Bench) -> None:
    bench.add("a", "first")
    bench.add("a", "second")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    with bench.queue.commit(task, 5, final=True):
        bench.queue.move_partition("a", "gpu0")
    assert bench.notified[-1] == "gpu0"
    assert bench.names("cpu0") == []
    assert bench.names("gpu0") == ["second"]


def test_partitions_of_workers_come_and_go_with_their_tasks(bench: Bench) -> None:
    bench.bring("decode", runs_on="worker")
    first, second = bench.add("datasets:alice", kind="decode"), bench.add("datasets:alice", kind="decode")
    assert bench.notified == [WORKERS, WORKERS]
    for expected in (first, second):
        assert bench.queue.has_partition("datasets:alice")
        task = bench.queue.claim(WORKERS, f"{WORKERS}/1")
        assert task is not None
        assert task.uuid == expected.uuid
        assert bench.queue.claim(WORKERS, f"{WORKERS}/1", frozenset({task.uuid})) is None
        finish(bench, task)
    assert not bench.queue.has_partition("datasets:alice")


def test_rows_that_do_not_agree_are_put_right_before_anything_runs(bench: Bench) -> None:
    lost, waiting = bench.add("a"), bench.add("b")
    Partition.delete().where(Partition.key == "a").execute()
    Partition.update(head=None).execute()
    assert bench.queue.recover() == [lost.uuid]
    assert Task.get(Task.uuid == lost.uuid).error == "what it belongs to was deleted"
    assert bench.names() == [waiting.name]
    assert bench.queue.recover() == []


def test_looking_for_work_does_not_depend_on_what_waits_in_paused_partitions(bench: Bench) -> None:
    bench.add("b", "ready")
    with atomic():
        for number in range(300):
            bench.queue.create_partition(f"p{number}", "cpu0", paused=True)
            bench.add(f"p{number}")
    assert len(list(bench.queue._claims._heads("cpu0"))) == 1
    assert bench.names() == ["ready"]
