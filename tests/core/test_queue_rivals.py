"""The task queue: two workers at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from hanami_core.queue import Task, TaskQueue, claims
from hanami_core.storage.database import atomic
from tests.core.queue_kit import Bench


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
