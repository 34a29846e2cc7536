"""The task queue: order, leases, fences."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanami_core.access import Actor
from hanami_core.admission import Claim
from hanami_core.errors import Conflict, LeaseLost
from hanami_core.queue import Task, claims, partitions
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from tests.core.queue_kit import ACTOR, Bench, Payload, finish
from tests.core.test_blobs import add


def test_a_partition_is_a_fifo_and_partitions_run_side_by_side(bench: Bench) -> None:
    first, second, other = bench.add("a"), bench.add("a"), bench.add("b")
    claims = [bench.queue.claim("cpu0", "cpu0/1") for _ in range(3)]
    assert [task and task.uuid for task in claims] == [first.uuid, other.uuid, None]
    assert claims[0] is not None
    finish(bench, claims[0])
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    assert task.uuid == second.uuid


def test_partitions_take_turns(bench: Bench) -> None:
    for name in ("a1", "a2", "a3"):
        bench.add("a", name)
    bench.add("b", "b1")
    served = []
    for number in range(6):
        task = bench.queue.claim("cpu0", "cpu0/1")
        assert task is not None
        served.append(task.name)
        bench.queue.fail(task, "done")
        if number == 1:
            # A partition that ran empty and comes back has no advantage.
            bench.add("b", "b2")
        if number == 2:
            bench.add("b", "b3")
    assert served == ["a1", "b1", "a2", "b2", "a3", "b3"]


def test_owners_take_turns_however_many_partitions_they_have(bench: Bench) -> None:
    other = Actor("other", "other", "project", "member")
    for number in range(3):
        bench.queue.create_partition(f"mine{number}", "cpu0")
        bench.add(f"mine{number}", f"mine{number}")
    bench.add("a", "theirs0", actor=other)
    bench.add("a", "theirs1", actor=other)
    served = []
    while (task := bench.queue.claim("cpu0", "cpu0/1")) is not None:
        served.append(task.name)
        bench.queue.fail(task, "done")
    assert served == ["mine0", "theirs0", "mine1", "theirs1", "mine2"]


def test_a_task_is_claimed_of_its_owner_unless_its_kind_is_exempt(bench: Bench) -> None:
    bench.bring("settle", exempt=True)
    bench.add("a")
    bench.add("a", kind="settle")
    assert bench.claims == [Claim(ACTOR.user_id, ACTOR.project_id, "tasks")]


def test_the_queue_forgets_partitions_served_long_ago(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "REMEMBERED", 2)
    for number in range(5):
        bench.queue.create_partition(f"key{number}", "cpu0")
        bench.add(f"key{number}", f"task{number}")
    assert bench.names() == [f"task{number}" for number in range(5)]
    assert len(bench.queue._claims._partitions) == 2


def test_a_host_sees_only_its_partitions(bench: Bench) -> None:
    task = bench.add("c")
    assert bench.queue.claim("cpu0", "cpu0/1") is None
    claimed = bench.queue.claim("gpu0", "gpu0/1")
    assert claimed is not None
    assert claimed.uuid == task.uuid


def test_notifications_come_after_the_commit(bench: Bench) -> None:
    with pytest.raises(RuntimeError), atomic():
        bench.queue.enqueue("train", "a", ACTOR, "task", Payload(), 1)
        raise RuntimeError("rolled back")
    assert bench.notified == []
    with atomic():
        bench.queue.enqueue("train", "a", ACTOR, "task", Payload(), 1)
        assert bench.notified == []
    assert bench.notified == ["cpu0"]


def test_a_paused_partition_waits(bench: Bench) -> None:
    bench.queue.pause("a")
    bench.add("a", "first")
    bench.add("a", "second")
    assert bench.names() == []
    bench.queue.resume("a")
    assert bench.names() == ["first"]
    bench.queue.pause("a")
    (task,) = Task.select().where(Task.state == "active")
    finish(bench, task)
    assert bench.names() == []
    bench.queue.resume("a")
    assert bench.names() == ["second"]


def test_a_lost_lease_goes_to_another_worker_and_the_loser_writes_nothing(bench: Bench) -> None:
    bench.add("a")
    old = bench.queue.claim("cpu0", "other/1")
    assert old is not None
    assert bench.queue.claim("cpu0", "another/2") is None
    bench.clock.time += 10.5
    new = bench.queue.claim("cpu0", "another/2")
    assert new is not None
    assert (new.uuid, new.fence) == (old.uuid, old.fence + 1)
    with pytest.raises(LeaseLost):
        bench.queue.progress(old, 3)
    with pytest.raises(LeaseLost):
        finish(bench, old)
    bench.queue.fail(old, "too late")
    assert bench.state(new) == "active"
    finish(bench, new)
    assert bench.state(new) == "finished"


def test_progress_renews_the_lease(bench: Bench) -> None:
    bench.add("a")
    task = bench.queue.claim("cpu0", "x/1")
    assert task is not None
    for cycle in range(4):
        bench.clock.time += 8
        assert bench.queue.progress(task, cycle)
    assert bench.queue.claim("cpu0", "y/1") is None


def test_the_next_process_of_a_host_takes_over_at_once(bench: Bench) -> None:
    bench.add("a")
    assert bench.queue.claim("cpu0", "cpu0/old") is not None
    task = bench.queue.claim("cpu0", "cpu0/new")
    assert task is not None
    assert bench.queue.claim("cpu0", "cpu0/new", frozenset({task.uuid})) is None


def test_a_restart_of_the_machine_ends_all_leases(bench: Bench) -> None:
    bench.add("a")
    assert bench.queue.claim("cpu0", "x/1") is not None
    bench.clock.machine, bench.clock.time = "boot-2", 1.0
    assert bench.queue.claim("cpu0", "y/1") is not None


def test_an_aborted_task_stops_with_its_next_step(bench: Bench) -> None:
    bench.add("a")
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    with atomic():
        bench.queue.abort("a", [task.uuid])
    assert not bench.queue.progress(task, 2)
    with pytest.raises(LeaseLost):
        finish(bench, task)
    assert bench.state(task) == "aborted"
    assert bench.queue.claim("cpu0", "cpu0/1") is None


def test_a_task_keeps_its_blobs_until_it_ends(bench: Bench) -> None:
    names = [add(bench.blobs) for _ in range(3)]
    tasks = [bench.add("a", blobs=(name,)) for name in names]
    for name in names:
        bench.blobs.decref(name)
    assert Blob.select().count() == 3
    with atomic():
        bench.queue.abort("a", [tasks[0].uuid])
    claimed = bench.queue.claim("cpu0", "cpu0/1")
    assert claimed is not None
    finish(bench, claimed)
    claimed = bench.queue.claim("cpu0", "cpu0/1")
    assert claimed is not None
    bench.queue.fail(claimed, "because")
    assert Blob.select().count() == 0
    assert list(bench.blobs.store.blobs()) == []


def test_a_task_may_hand_on_what_it_holds_when_it_ends(bench: Bench) -> None:
    name = add(bench.blobs)
    bench.add("a", blobs=(name,))
    bench.blobs.decref(name)
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    with bench.queue.commit(task, 5, final=True):
        bench.blobs.incref(name)
    with bench.blobs.open(name) as path:
        assert path.read_bytes() == b"content"
    assert Blob.get(Blob.uuid == name).references == 1


def test_a_task_whose_end_fails_keeps_what_it_holds(bench: Bench) -> None:
    name = add(bench.blobs)
    bench.add("a", blobs=(name,))
    bench.blobs.decref(name)
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    with pytest.raises(ZeroDivisionError), bench.queue.commit(task, 5, final=True):
        raise ZeroDivisionError
    assert (bench.state(task), Blob.get(Blob.uuid == name).references) == ("active", 1)


def test_a_task_is_not_queued_without_what_it_needs(bench: Bench) -> None:
    with pytest.raises(Conflict, match="task_source_missing"):
        bench.add("a", blobs=(add(bench.blobs), "no such blob"))
    assert (Task.select().count(), Blob.select().where(Blob.references > 1).count()) == (0, 0)


def test_waiting_ends_with_the_task_or_with_the_time(bench: Bench) -> None:
    task = bench.add("a")
    assert bench.queue.wait(task.uuid, 0.01) == "queued"
    claimed = bench.queue.claim("cpu0", "cpu0/1")
    assert claimed is not None
    finish(bench, claimed)
    assert bench.queue.wait(task.uuid, 5.0) == "finished"
    assert bench.queue.wait("no such task", 5.0) == "aborted"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["add", "claim", "finish", "abort", "expire"]), st.integers(0, 3)), max_size=25)
)
def test_no_history_runs_a_task_twice_or_two_of_a_partition(bench: Bench, history: list[tuple[str, int]]) -> None:
    Task.delete().execute()
    bench.queue.recover()
    running: dict[str, Task] = {}
    ended: set[str] = set()
    for verb, number in history:
        if verb == "add":
            bench.add("ab"[number % 2])
        elif verb == "claim":
            task = bench.queue.claim("cpu0", f"w/{number}")
            if task is not None:
                assert task.uuid not in ended
                running[task.uuid] = task
        elif verb == "expire":
            bench.clock.time += 11
        elif running:
            uuid = sorted(running)[number % len(running)]
            task = running.pop(uuid)
            ended.add(uuid)
            if verb == "finish":
                finish(bench, task)
            else:
                with atomic():
                    bench.queue.abort(task.partition, [uuid])
        keys = [task.partition for task in Task.select().where(Task.state == "active")]
        assert len(keys) == len(set(keys))
        assert partitions.doubtful() == []
