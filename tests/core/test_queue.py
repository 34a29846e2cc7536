"""The task queue: order, leases, fences, ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanami_core.access import Actor
from hanami_core.errors import BadRequest, Conflict, LeaseLost, Unavailable
from hanami_core.queue import WORKERS, Job, Partition, Task, TaskKind, TaskQueue, claims, partitions
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob, Blobs
from hanami_core.storage.database import atomic
from tests.core.test_blobs import add

ACTOR = Actor("alice", "Alice", "proj", "member")


class Payload(msgspec.Struct):
    """Nothing."""


@dataclass
class Clock:
    """A clock that tests move."""

    time: float = 1000.0
    machine: str = "boot-1"

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def boot(self) -> str:
        return self.machine


@dataclass
class Bench:
    """A queue with a clock, kinds of tasks, and a list of hosts that were notified."""

    blobs: Blobs
    clock: Clock = field(default_factory=Clock)
    notified: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = TaskQueue(self.clock, self.blobs, 10.0, self.notified.append)
        self.kinds: dict[str, TaskKind] = {}
        self.queue.bind(cast("Runtime", SimpleNamespace(kinds=self.kinds, queue=self.queue, emit=lambda event: None)))
        for key, host in (("a", "cpu0"), ("b", "cpu0"), ("c", "gpu0")):
            self.queue.create_partition(key, host)

    def bring(self, name: str, **more: Any) -> None:
        """Add a kind of tasks."""
        self.kinds[name] = TaskKind(name, lambda job: None, **more)

    def add(self, key: str, name: str = "task", blobs: tuple[str, ...] = (), kind: str = "train") -> Task:
        with atomic():
            return self.queue.enqueue(kind, key, ACTOR, name, Payload(), 5, blobs=blobs)

    def names(self, host: str = "cpu0", **more: Any) -> list[str]:
        """Claim all that can be claimed, and return the names."""
        return [task.name for _ in range(50) if (task := self.queue.claim(host, f"{host}/1", **more))]

    def state(self, task: Task) -> str:
        return str(Task.get(Task.uuid == task.uuid).state)


@pytest.fixture
def bench(blobs: Blobs) -> Bench:
    return Bench(blobs)


def finish(bench: Bench, task: Task) -> None:
    with bench.queue.commit(task, 5, final=True):
        pass


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


def test_the_queue_forgets_partitions_served_long_ago(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "REMEMBERED_PARTITIONS", 2)
    for number in range(5):
        bench.queue.create_partition(f"key{number}", "cpu0")
        bench.add(f"key{number}", f"task{number}")
    assert bench.names() == [f"task{number}" for number in range(5)]
    assert len(bench.queue._claims._served) == 2


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
        bench.blobs.release(name)
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
    bench.blobs.release(name)
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    with bench.queue.commit(task, 5, final=True):
        bench.blobs.retain(name)
    with bench.blobs.open(name) as path:
        assert path.read_bytes() == b"content"
    assert Blob.get(Blob.uuid == name).references == 1


def test_a_task_whose_end_fails_keeps_what_it_holds(bench: Bench) -> None:
    name = add(bench.blobs)
    bench.add("a", blobs=(name,))
    bench.blobs.release(name)
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


# ---------------------------------------------------------------------------------------------------------------------
# Partitions
# ---------------------------------------------------------------------------------------------------------------------


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


# ---------------------------------------------------------------------------------------------------------------------
# Two workers at once
# ---------------------------------------------------------------------------------------------------------------------


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do several things in threads, each with a connection of its own."""
    results: list[Any] = [None] * len(works)

    def note(number: int) -> None:
        results[number] = works[number]()

    threads = [threading.Thread(target=note, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_of_two_who_read_the_same_head_one_gets_the_task(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("a")
    both_have_read = threading.Barrier(2)
    heads = claims.Claims._heads

    def read(host: str) -> Any:
        found = list(heads(host))
        both_have_read.wait(20)
        return found

    monkeypatch.setattr(claims.Claims, "_heads", staticmethod(read))
    tasks = at_once(*(lambda number=n: bench.queue.claim("cpu0", f"w/{number}") for n in range(2)))
    (winner,) = [task for task in tasks if task is not None]
    assert (winner.fence, Task.get(Task.uuid == winner.uuid).lease_owner) == (1, winner.lease_owner)


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda queue: queue.pause("a"),
        lambda queue: queue.move_partition("a", "gpu0"),
        lambda queue: queue.close_partition("a"),
        lambda queue: queue.claim("cpu0", "cpu0/2"),
    ],
)
def test_what_changed_since_the_head_was_read_is_respected(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[TaskQueue], Any]
) -> None:
    bench.add("a")
    heads = claims.Claims._heads

    def read(host: str) -> Any:
        found = list(heads(host))
        monkeypatch.setattr(claims.Claims, "_heads", staticmethod(heads))
        with atomic():
            meanwhile(bench.queue)
        return found

    monkeypatch.setattr(claims.Claims, "_heads", staticmethod(read))
    assert bench.queue.claim("cpu0", "cpu0/1") is None


def test_a_lease_that_was_renewed_since_it_was_read_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("a")
    slow = bench.queue.claim("cpu0", "w/1")
    assert slow is not None
    bench.clock.time += 11
    heads = claims.Claims._heads

    def read(host: str) -> Any:
        found = list(heads(host))
        assert bench.queue.progress(slow, 1)
        return found

    monkeypatch.setattr(claims.Claims, "_heads", staticmethod(read))
    assert bench.queue.claim("cpu0", "w/2") is None


def test_many_workers_never_run_a_task_twice_nor_two_of_a_partition(bench: Bench) -> None:
    for number in range(12):
        bench.add("ab"[number % 2], f"{number}")
    done: list[str] = []

    def work(owner: str) -> None:
        while Task.select().where(Task.state.in_(("queued", "active"))).exists():
            task = bench.queue.claim("cpu0", owner)
            if task is not None:
                with bench.queue.commit(task, 5, final=True):
                    done.append(task.name)

    at_once(*(lambda owner=f"w{n}/1": work(owner) for n in range(4)))
    assert sorted(done, key=int) == [str(number) for number in range(12)]
    assert [name for name in done if int(name) % 2 == 0] == [str(number) for number in range(0, 12, 2)]


# ---------------------------------------------------------------------------------------------------------------------
# Priority, retries, attempts
# ---------------------------------------------------------------------------------------------------------------------


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


def test_the_wait_of_an_aborted_suspect_does_not_count_for_the_next_one(bench: Bench) -> None:
    for key in ("a", "b"):
        task = bench.add(key, "suspect")
        assert bench.queue.claim("cpu0", f"cpu0/{key}") is not None
        assert bench.queue.claim("cpu0", "cpu0/new", alone=False) is None
        with atomic():
            bench.queue.abort(key, [task.uuid])
        assert bench.queue.claim("cpu0", "cpu0/new", alone=False) is None
        bench.clock.time += claims.ALONE_SECONDS + 1


# ---------------------------------------------------------------------------------------------------------------------
# What the end of a task brings along
# ---------------------------------------------------------------------------------------------------------------------


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
