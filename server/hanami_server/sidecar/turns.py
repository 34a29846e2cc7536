"""Shares the event loop among sockets that have more to do than one message.

A socket does one piece of work when its bytes arrive. What is left waits here: all waiting sockets do a piece in turn,
for a short while, then the loop looks after everything else before it goes on. So one that sends much delays another
one by no more than `BUDGET` and a piece. Must not know what a piece is.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

__all__ = ["BUDGET", "RoundRobin", "TurnTaker"]

BUDGET = 0.0005
"""Seconds of one round of the loop that the waiting sockets share."""


class TurnTaker(Protocol):
    """Who waits for turns."""

    waiting: bool
    """Whether it has a place among those that wait; written here only."""

    def step(self) -> bool:
        """Do one piece of work and tell whether there may be more."""

    def detach(self) -> None:
        """Give up; called when a step has raised, which is a defect."""


class RoundRobin:
    """Those who wait in the order of their turns. Belongs to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, budget: float = BUDGET) -> None:
        """Take turns in `loop`."""
        self._loop = loop
        self._budget = budget
        self._queue: deque[TurnTaker] = deque()

    def add(self, worker: TurnTaker) -> None:
        """Let somebody go on when it is their turn; whoever waits already keeps their place."""
        if not worker.waiting:
            if not self._queue:
                self._loop.call_soon(self._run)
            worker.waiting = True
            self._queue.append(worker)

    def _run(self) -> None:
        end = time.perf_counter() + self._budget
        while self._queue:
            # It stays in the queue meanwhile, so that whoever is added by its step does not ask for another round.
            worker = self._queue[0]
            worker.waiting = self._step(worker)
            self._queue.popleft()
            if worker.waiting:
                self._queue.append(worker)
            if time.perf_counter() >= end:
                break
        if self._queue:
            self._loop.call_soon(self._run)

    def _step(self, worker: TurnTaker) -> bool:
        try:
            return worker.step()
        except Exception as error:
            self._loop.call_exception_handler({"message": "a socket failed", "exception": error})
            worker.detach()
            return False
