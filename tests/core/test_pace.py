"""Threads that work for long leave the processors to others, whether or not they say that they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hanami_core.priority import LOWEST, STEP, niceness
from hanami_core.queue import pace as pace_module
from hanami_core.queue.pace import Pace
from tests.server.harness import until

SHORT, LONG = 0.05, 3600.0


@pytest.fixture
def pace() -> Iterator[Pace]:
    pace = Pace()
    thread = threading.Thread(target=pace.run)
    thread.start()
    yield pace
    pace.stop()
    thread.join(10)
    assert not thread.is_alive()


def seen(pace: Pace, goal: int, count: int = 1) -> list[int]:
    """Return how far a thread has stepped back after pieces of work, each of which waits until it has so far."""
    found = list[int]()

    def work() -> None:
        for _ in range(count):
            with pace.kept() as kept:
                until(lambda: niceness() == goal, 10)
            found.append(kept.steps)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    return found


def test_a_thread_steps_back_once_more_after_each_time(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "AFTER", (SHORT, 2 * SHORT, LONG))
    assert seen(pace, min(niceness() + 2 * STEP, LOWEST)) == [2]


def test_short_work_changes_nothing(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "AFTER", (LONG,))
    assert seen(pace, niceness(), 3) == [0, 0, 0]


def test_the_last_step_is_the_last(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "AFTER", (SHORT,))
    behind, ended = min(niceness() + STEP, LOWEST), threading.Event()

    def work() -> None:
        with pace.kept() as kept:
            until(lambda: niceness() == behind, 10)
            # Another thread that steps back later shows that the first one was looked at once more.
            assert seen(pace, min(behind + STEP, LOWEST)) == [1]
            assert (niceness(), kept.steps) == (behind, 1)
        ended.set()

    threading.Thread(target=work).start()
    assert ended.wait(30)
