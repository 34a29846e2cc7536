"""The task queue: tasks of a partition that yield to others."""

from __future__ import annotations

from hanami_core.access import Actor
from hanami_core.queue import Partition, Task, partitions
from hanami_core.storage.database import atomic
from tests.core.queue_kit import Bench, finish

STRANGERS = [Actor(name, name, "away", "member") for name in ("xenia", "yuri", "zoe")]


def ask(bench: Bench, *names: str) -> None:
    """Add tasks that yield, named after those who add them and a number."""
    for name in names:
        stranger = next(one for one in STRANGERS if one.user_id[0] == name[0])
        bench.add("a", name, actor=stranger, yields=True)


def start(bench: Bench) -> Task:
    """Claim the next task."""
    assert partitions.doubtful() == []
    task = bench.queue.claim("cpu0", "cpu0/1")
    assert task is not None
    return task


def run(bench: Bench) -> list[str]:
    """Run all tasks, and return their names."""
    names = []
    while (task := bench.queue.claim("cpu0", "cpu0/1")) is not None:
        names.append(str(task.name))
        finish(bench, task)
        assert partitions.doubtful() == []
    return names


def test_who_owns_waits_for_what_runs_and_no_more(bench: Bench) -> None:
    ask(bench, "x1", "x2", "x3")
    running = start(bench)
    bench.add("a", "own")
    assert running.name == "x1"
    finish(bench, running)
    assert run(bench) == ["own", "x2", "x3"]


def test_before_anything_runs_the_owner_is_first(bench: Bench) -> None:
    ask(bench, "x1")
    bench.add("a", "own")
    assert run(bench) == ["own", "x1"]


def test_strangers_have_their_turn_however_much_the_owner_wants(bench: Bench) -> None:
    ask(bench, "x1", "x2", "x3")
    for number in range(3):
        bench.add("a", f"own{number}")
    assert run(bench) == ["own0", "x1", "own1", "x2", "own2", "x3"]


def test_what_the_owner_has_queued_before_is_before_it(bench: Bench) -> None:
    for number in range(3):
        bench.add("a", f"own{number}")
    ask(bench, "x1")
    assert run(bench) == ["own0", "own1", "own2", "x1"]


def test_strangers_take_turns(bench: Bench) -> None:
    ask(bench, "x1", "x2", "x3", "y1", "y2", "z1")
    assert run(bench) == ["x1", "y1", "z1", "x2", "y2", "x3"]


def test_who_comes_again_and_again_does_not_push_others_back(bench: Bench) -> None:
    ask(bench, "x1", "x2", "y1")
    seen = []
    for number in range(2, 6):
        task = start(bench)
        seen.append(str(task.name))
        finish(bench, task)
        ask(bench, f"y{number}")
    assert seen == ["x1", "y1", "x2", "y2"]


def test_the_order_of_an_owner_s_own_tasks_stays(bench: Bench) -> None:
    for number in range(20):
        ask(bench, f"x{number}")
        bench.add("a", f"own{number}")
    names = run(bench)
    for kind in ("x", "own"):
        assert [name for name in names if name.startswith(kind)] == [f"{kind}{number}" for number in range(20)]


def test_a_turn_that_nobody_took_costs_nobody_theirs(bench: Bench) -> None:
    """The owner's first task is stopped before it runs, so it is still the owner's turn."""
    ask(bench, "x1", "x2")
    own = bench.add("a", "own0")
    with atomic():
        bench.queue.abort("a", [own.uuid])
    bench.add("a", "own1")
    assert run(bench) == ["own1", "x1", "x2"]


def test_who_worked_while_nobody_waited_owes_nothing(bench: Bench) -> None:
    bench.add("a", "own0")
    assert run(bench) == ["own0"]
    ask(bench, "x1")
    bench.add("a", "own1")
    assert run(bench) == ["own1", "x1"]


def test_a_paused_partition_starts_nothing(bench: Bench) -> None:
    ask(bench, "x1")
    bench.queue.pause("a")
    bench.add("a", "own")
    ask(bench, "y1")
    assert run(bench) == []
    bench.queue.resume("a")
    assert run(bench) == ["own", "x1", "y1"]


def test_what_was_overtaken_can_not_be_claimed_by_who_has_read_it_before(bench: Bench) -> None:
    """A worker reads the head, another task takes its place, and then the worker writes its claim."""
    ask(bench, "x1")
    claims = bench.queue._claims
    seen = list(claims._heads("cpu0"))
    bench.add("a", "own")
    Partition.update(head=seen[0].sequence).where(Partition.key == "a").execute()  # as in an older snapshot
    assert claims._take(seen[0], "cpu0", "cpu0/1") is None
