"""A selector that stays awake where events follow closely on each other, with a clock in the hands of a test."""

from __future__ import annotations

import resource
import selectors
import socket
from dataclasses import dataclass, field

import pytest

from hanami_server.sidecar import busy_poll
from hanami_server.sidecar.busy_poll import REST_SECONDS, BusyPollSelector

SECONDS = 0.001
LOOK = 0.0001
"""Seconds that a look at the events takes."""


@dataclass
class System:
    """What a selector waits for. `contended` lets another thread need the processor at each look."""

    now: float = 100.0
    next_event: float = float("inf")
    preemptions: int = 0
    contended: bool = False
    waits: list[float | None] = field(default_factory=list)

    def select(self, timeout: float | None) -> list[str]:
        self.waits.append(timeout)
        self.now += LOOK
        self.preemptions += self.contended
        limit = float("inf") if timeout is None else self.now + timeout
        if self.next_event > limit:
            self.now = limit
            return []
        self.now, self.next_event = max(self.now, self.next_event), float("inf")
        return ["event"]

    def event_in(self, seconds: float) -> None:
        self.next_event = self.now + seconds


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system = System()
    usage = type("Usage", (), {"ru_nivcsw": property(lambda _: system.preemptions)})
    monkeypatch.setattr(busy_poll, "monotonic", lambda: system.now)
    monkeypatch.setattr(resource, "getrusage", lambda _: usage())
    monkeypatch.setattr(selectors.DefaultSelector, "select", lambda _, timeout=None: system.select(timeout))
    return system


def wait(
    system: System, selector: BusyPollSelector, seconds: float, timeout: float | None = None
) -> list[float | None]:
    """Let the next event come after some time, and return which waits it took until it was there."""
    system.waits.clear()
    system.event_in(seconds)
    assert selector.select(timeout) == ["event"]  # type: ignore[comparison-overlap]
    return system.waits


def test_it_polls_while_events_follow_closely(system: System) -> None:
    selector = BusyPollSelector(SECONDS)
    assert wait(system, selector, SECONDS / 2) == [None]
    for _ in range(3):
        assert set(wait(system, selector, SECONDS / 2)) == {0}
    assert wait(system, selector, 2 * SECONDS)[-1] is None
    assert wait(system, selector, 2 * SECONDS) == [None]
    assert wait(system, selector, SECONDS / 2) == [None]
    assert set(wait(system, selector, SECONDS / 2)) == {0}


def test_it_never_polls_for_longer_than_it_may(system: System) -> None:
    selector = BusyPollSelector(SECONDS)
    wait(system, selector, SECONDS / 2)
    wait(system, selector, 5 * SECONDS)
    assert system.waits.count(0) == pytest.approx(SECONDS / LOOK, abs=2)


def test_a_timeout_is_kept(system: System) -> None:
    selector = BusyPollSelector(SECONDS)
    for timeout in (SECONDS / 2, 3 * SECONDS):
        wait(system, selector, SECONDS / 2)
        begin = system.now
        system.waits.clear()
        assert selector.select(timeout) == []
        assert 0 in system.waits
        assert system.now - begin == pytest.approx(timeout, abs=3 * LOOK)


def test_it_rests_when_another_thread_needs_the_processor(system: System) -> None:
    selector = BusyPollSelector(SECONDS)
    wait(system, selector, SECONDS / 2)
    system.contended = True
    assert 0 in wait(system, selector, SECONDS / 2)
    system.contended = False
    assert wait(system, selector, SECONDS / 2) == [None]
    system.now += REST_SECONDS
    assert set(wait(system, selector, SECONDS / 2)) == {0}


def test_no_seconds_are_no_polling(system: System) -> None:
    selector = BusyPollSelector(0.0)
    for _ in range(3):
        assert wait(system, selector, SECONDS / 2) == [None]


def test_a_loop_with_work_does_not_wait(system: System) -> None:
    selector = BusyPollSelector(SECONDS)
    wait(system, selector, SECONDS / 2)
    system.waits.clear()
    assert selector.select(0) == []
    assert system.waits == [0]


def test_it_selects_what_is_ready() -> None:
    with BusyPollSelector(SECONDS) as selector:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            selector.register(ours, selectors.EVENT_READ, "ours")
            for _ in range(5):
                theirs.send(b"x")
                ((key, events),) = selector.select()
                assert (key.data, events, ours.recv(9)) == ("ours", selectors.EVENT_READ, b"x")
            assert selector.select(SECONDS) == []
