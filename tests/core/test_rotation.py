"""Long tasks take turns, so many at a time, and fewer while others need the processors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from time import sleep

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hanami_core.queue import rotation as rotation_module
from hanami_core.queue.rotation import ABSENT, CALM, TURN, Rotation
from tests.server.harness import until


class Time:
    """A clock, and how long a thread has waited for a processor."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now, self.delay = 100.0, 0.0
        patch.setattr(rotation_module, "time", self)
        patch.setattr(rotation_module, "_delay", lambda: self.delay)

    def monotonic(self) -> float:
        return self.now

    def work(self, seconds: float, share: float = 1.0) -> None:
        """Let time pass in which a thread gets a part of a processor, and waits for it otherwise."""
        self.now += seconds
        self.delay += (1 - share) * seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def waiting(rotation: Rotation, threads: ThreadPoolExecutor, task: str) -> Future[bool]:
    """Let a task wait for its turn in a thread."""
    future = threads.submit(rotation.step, task, 10.0)
    until(lambda: task in rotation._waiting, 10)
    return future


def test_as_many_compute_as_there_are_threads(time: Time) -> None:
    rotation = Rotation(2)
    assert [rotation.step(task, 0.0) for task in "abc"] == [True, True, False]
    rotation.leave("a")
    assert rotation.step("c", 0.0)


def test_who_has_had_a_turn_lets_the_next_one_compute(time: Time, threads: ThreadPoolExecutor) -> None:
    rotation = Rotation(1)
    assert rotation.step("a", 0.0)
    futures = {task: waiting(rotation, threads, task) for task in "bc"}
    for computing, following in pairwise("abcab"):
        time.work(TURN / 2)
        assert rotation.step(computing, 0.0)
        time.work(TURN)
        assert not rotation.step(computing, 0.0)
        assert futures.pop(following).result(10)
        futures[computing] = waiting(rotation, threads, computing)
    rotation.leave("b")
    assert futures["c"].result(10)
    rotation.leave("c")
    assert futures["a"].result(10)


def test_who_does_not_wait_any_more_is_passed_over(time: Time, threads: ThreadPoolExecutor) -> None:
    rotation = Rotation(1)
    assert rotation.step("a", 0.0)
    assert not rotation.step("first", 0.0)  # its task was aborted, and has yet to end
    future = waiting(rotation, threads, "b")
    time.work(TURN)
    assert not rotation.step("a", 0.0)
    assert future.result(10)
    time.work(TURN)
    assert rotation.step("b", 0.0)  # nobody waits
    second = waiting(rotation, threads, "second")
    first = waiting(rotation, threads, "first")
    rotation.leave("b")
    assert first.result(10)  # it has kept its place
    rotation.leave("first")
    assert second.result(10)


def test_who_is_alone_goes_on(time: Time) -> None:
    rotation = Rotation(1)
    for _ in range(5):
        assert rotation.step("a", 0.0)
        time.work(10 * TURN)


def test_who_does_something_else_keeps_nobody_waiting(time: Time) -> None:
    rotation = Rotation(1)
    assert rotation.step("a", 0.0)
    assert not rotation.step("b", 0.0)
    time.work(2 * ABSENT)
    assert rotation.step("b", 0.0)
    assert not rotation.step("a", 0.0)


def test_fewer_compute_while_others_need_the_processors(time: Time) -> None:
    rotation = Rotation(2)
    assert all(rotation.step(task, 0.0) for task in "ab")
    time.work(TURN / 2, share=0.5)
    assert [rotation.step(task, 0.0) for task in "ab"] == [False, True]
    time.work(CALM)
    assert rotation.step("b", 0.0)
    assert rotation.step("a", 0.0)


def test_one_computes_however_busy_the_machine_is(time: Time) -> None:
    rotation = Rotation(1)
    for _ in range(20):
        assert rotation.step("a", 0.0)
        time.work(TURN, share=0.01)


def test_another_one_is_tried_less_often_if_there_was_no_room_for_it(time: Time) -> None:
    rotation, tried = Rotation(2), list[float]()
    for _ in range(2000):
        both = [rotation.step(task, 0.0) for task in "ab"]
        if all(both):
            tried.append(time.now)
        time.work(0.02, share=0.5 if all(both) else 1.0)
    pauses = [later - earlier for earlier, later in pairwise(tried) if later - earlier > 0.1]
    assert pauses[0] < 2 * CALM + TURN
    assert max(pauses) > 4 * CALM


def test_a_waiting_task_is_told_at_once(time: Time, threads: ThreadPoolExecutor) -> None:
    rotation = Rotation(1)
    assert rotation.step("a", 0.0)
    future = waiting(rotation, threads, "b")
    rotation.leave("a")
    assert future.result(5)


def test_a_thread_that_sleeps_does_not_wait_for_a_processor() -> None:
    rotation = Rotation(4)
    for _ in range(4):
        assert rotation.step("a", 0.0)
        sleep(TURN)
    assert rotation._room == 4


class Tasks(RuleBasedStateMachine):
    """Whatever tasks do, nobody is forgotten, and no more compute than may."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.time = Time(self.patch)
        self.rotation = Rotation(2)
        self.computing: dict[int, float] = {}

    def teardown(self) -> None:
        for task in range(5):
            self.rotation.leave(task)
        assert self.rotation.step("another", 0.0)
        self.patch.undo()

    @rule(task=st.integers(0, 4), seconds=st.sampled_from([0.0, 0.01, TURN]), share=st.sampled_from([0.2, 1.0]))
    def step(self, task: int, seconds: float, share: float) -> None:
        if self.rotation.step(task, 0.0):
            self.computing[task] = self.time.now
        else:
            self.computing.pop(task, None)
        self.time.work(seconds, share)

    @rule(task=st.integers(0, 4))
    def leave(self, task: int) -> None:
        self.rotation.leave(task)
        self.computing.pop(task, None)

    @invariant()
    def no_more_than_may(self) -> None:
        recent = [since for since in self.computing.values() if since >= self.time.now - ABSENT]
        assert len(recent) <= 2


TestTasks = Tasks.TestCase
TestTasks.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
