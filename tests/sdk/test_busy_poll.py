"""Waiting awake for answers, over real sockets and with a clock in the hands of a test."""

from __future__ import annotations

import select
import socket
from typing import Any

import pytest

from hanami_sdk import _busy_poll
from hanami_sdk._busy_poll import POLL_SECONDS, REST_SECONDS, BusyPoll

LOOK = POLL_SECONDS / 8


class System:
    """A clock that each look at the connection moves, and what else the operating system tells."""

    def __init__(self) -> None:
        self.now, self.looks, self.preemptions, self.contended = 100.0, 0, 0, False

    def look(self) -> None:
        self.looks += 1
        self.now += LOOK
        self.preemptions += self.contended


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system, poll = System(), select.poll

    class Poll:
        def __init__(self) -> None:
            self._poll = poll()
            self.register = self._poll.register

        def poll(self, timeout: float) -> list[tuple[int, int]]:
            system.look()
            return self._poll.poll(timeout)

    monkeypatch.setattr(_busy_poll, "monotonic", lambda: system.now)
    monkeypatch.setattr(_busy_poll, "_preemptions", lambda: system.preemptions)
    monkeypatch.setattr(select, "poll", Poll)
    return system


def exchange(system: System, waiting: BusyPoll, seconds: float, *, answered: bool = True) -> int:
    """Wait for an answer that takes so long, and return how often was looked for it."""
    system.looks = 0
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if answered:
            theirs.send(b"x")
        connection: Any = ours
        waiting.wait(connection)
        system.now += seconds
        waiting.answered()
    return system.looks


def test_it_polls_while_answers_come_at_once(system: System) -> None:
    waiting = BusyPoll()
    assert exchange(system, waiting, LOOK) == 0
    for _ in range(3):
        assert exchange(system, waiting, LOOK) == 1
    assert exchange(system, waiting, LOOK, answered=False) in (8, 9)
    assert exchange(system, waiting, 2 * POLL_SECONDS) == 0
    assert exchange(system, waiting, LOOK) == 0
    assert exchange(system, waiting, LOOK) == 1


def test_it_rests_when_another_thread_needs_the_processor(system: System) -> None:
    waiting = BusyPoll()
    exchange(system, waiting, LOOK)
    system.contended = True
    assert exchange(system, waiting, LOOK) == 1
    system.contended = False
    assert exchange(system, waiting, LOOK) == 0
    system.now += REST_SECONDS
    assert exchange(system, waiting, LOOK) == 1


def test_it_sleeps_where_nobody_tells_about_other_threads(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_busy_poll, "getrusage", None)
    waiting = BusyPoll()
    for _ in range(3):
        assert exchange(system, waiting, LOOK) == 0
