"""How late an event loop is, with a loop whose clock stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hanami_server.sidecar.loop_delay import LoopDelay


class Loop:
    """What a loop is asked for, and the clock in the hands of a test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[..., None], Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[..., None], *arguments: Any) -> Any:
        timer = when, call, arguments
        self.timers.append(timer)
        return type("Timer", (), {"cancel": lambda _: self.timers.remove(timer)})()

    def turn(self, late: float) -> None:
        """Do what is due next, so many seconds later."""
        when, call, arguments = self.timers.pop()
        self.now = when + late
        call(*arguments)


def test_every_delay_counts_once() -> None:
    loop: Any = Loop()
    delay = LoopDelay(loop)
    assert sum(delay.histogram({}).counts) == 0
    delay.start()
    for late in (0.0, 0.0005, 0.03, 7.0):
        loop.turn(late)
    found = delay.histogram({"host": "cpu0"})
    assert {bound: count for bound, count in zip((*found.bounds, "more"), found.counts, strict=True) if count} == {
        0.001: 2,
        0.05: 1,
        "more": 1,
    }
    assert (found.name, found.labels, round(found.sum, 6)) == ("hanami_loop_delay_seconds", {"host": "cpu0"}, 7.0305)


def test_nothing_is_looked_at_any_more_after_the_end() -> None:
    loop: Any = Loop()
    delay = LoopDelay(loop)
    delay.start()
    delay.stop()
    assert loop.timers == []
