"""Long tasks take turns, so many at a time, and fewer while others need the processors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hanami_core.queue import rotation as rotation_module
from hanami_core.queue.rotation import ABSENT, CALM, TURN, Rotation


class Time:
    """A clock, and the part of it that a thread gets of a processor."""

    def __init__(self) -> None:
        self.now = self.used = 100.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.used

    def work(self, seconds: float, share: float = 1.0) -> None:
        self.now += seconds
        self.used += share * seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(rotation_module, "time", time)
    return time


def test_as_many_compute_as_there_are_threads(time: Time) -> None:
    rotation = Rotation(2)
    assert [rotation.step(task, 0.0) for task in "abc"] == [True, True, False]
    rotation.leave("a")
    assert rotation.step("c", 0.0)


def test_who_has_had_a_turn_lets_the_next_one_compute(time: Time) -> None:
    rotation, computed = Rotation(1), ""
    for _ in range(12):
        for task in "abc":
            if rotation.step(task, 0.0):
                computed += task
                time.work(TURN)
    assert {computed.count(task) for task in "abc"} <= {3, 4, 5}


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


def test_a_waiting_task_is_told_at_once(time: Time) -> None:
    rotation, found = Rotation(1), list[bool]()
    assert rotation.step("a", 0.0)
    thread = threading.Thread(target=lambda: found.append(rotation.step("b", 10.0)))
    thread.start()
    rotation.leave("a")
    thread.join(10)
    assert found == [True]


class Tasks(RuleBasedStateMachine):
    """Whatever tasks do, nobody is forgotten, and no more compute than may."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(rotation_module, "time", SimpleNamespace(**{n: getattr(self.time, n) for n in NAMES}))
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


NAMES = ("monotonic", "thread_time")
TestTasks = Tasks.TestCase
TestTasks.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before
