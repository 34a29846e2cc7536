"""Threads of which one leads: it runs a loop, and does the work that the loop finds itself, as long as that is quick.

Handing every piece of work to another thread costs more than most answers do. So the thread that polls also answers.
The main thread watches it: when an answer takes longer than a few milliseconds, the lead goes to another thread and the
first one finishes its work on its own. Work that says it is about to wait (`hanami_core.pauses`) gives the lead away at
once. Nobody waits for slow work, and quick work changes no threads. Must not know what the work is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial

from hanami_core.pauses import told_of_waits

__all__ = ["PATIENCE", "Lead", "Term"]

PATIENCE = 0.005
"""Seconds of work after which the lead goes to another thread; also how often the main thread looks."""
DROWSY = 1.0
"""Seconds without work after which the main thread looks no more, until it is woken."""
STANDSTILL = 10.0
"""Seconds within which the loop must have gone round; otherwise its process counts as stuck."""


class Term:
    """The time for which one thread leads. `working` tells at the end whether the thread still does."""

    def __init__(self) -> None:
        """Begin to lead, without any work."""
        self.since: float | None = None
        self.over = False


class Lead:
    """Who runs a loop, and who finishes work that took too long for it."""

    def __init__(self, executor: Executor, most: int, step: Callable[[Term], bool]) -> None:
        """Prepare.

        Args:
            executor: threads, one more than `most`.
            most: threads that may work at the same time.
            step: one round of the loop, which returns whether there is another. It is called by one thread at a time
                and returns at once when its term is over.
        """
        self._executor, self._most, self._step = executor, most, step
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._drowsy = False
        self._term = Term()
        self._left_behind = 0
        self._rounded = self._worked = time.monotonic()
        self._ended = False
        self._error: BaseException | None = None

    @property
    def free(self) -> int:
        """How many threads may begin to work, the one that leads included."""
        return self._most - self._left_behind

    def start(self) -> None:
        """Let a thread lead."""
        self._executor.submit(self._run, self._term)

    @contextmanager
    def working(self, term: Term) -> Iterator[None]:
        """Work within a term, which may be over afterwards: then another thread leads."""
        term.since = time.monotonic()
        if self._drowsy:
            self._awake.set()
        try:
            with told_of_waits(partial(self._give_way, term)):
                yield
        finally:
            with self._lock:
                term.since = None
                self._left_behind -= term.over

    def watch(self) -> bool:
        """Wait a moment, pass the lead on if its thread works for too long, and return whether the loop has ended.

        Raises:
            BaseException: whatever the loop has raised.
        """
        self._wait()
        if self._error is not None:
            raise self._error
        with self._lock:
            term = self._term
            late = term.since is not None and time.monotonic() - term.since >= PATIENCE
            if late and not self._ended:
                self._pass_on(term)
        return self._ended

    def _give_way(self, term: Term) -> None:
        """Pass the lead on at once from a thread that is about to wait, if there is another one that may work."""
        with self._lock:
            if not (term.over or self._ended) and self.free > 1:
                self._pass_on(term)

    def _pass_on(self, term: Term) -> None:
        term.over = True
        self._left_behind += 1
        self._term = Term()
        self.start()

    def moves(self) -> bool:
        """Tell whether the loop goes round, or works on something that the lead can be taken away from."""
        return time.monotonic() - self._rounded < STANDSTILL

    def _wait(self) -> None:
        if self._drowsy:
            self._awake.wait(DROWSY)
            self._drowsy = not self._awake.is_set()
            self._worked = time.monotonic()
            return
        time.sleep(PATIENCE)
        if self._term.since is not None:
            self._worked = time.monotonic()
        elif time.monotonic() - self._worked >= DROWSY:
            self._awake.clear()
            self._drowsy = True
            # Work that began before it could see this wakes nobody.
            self._drowsy = self._term.since is None and not self._ended

    def _run(self, term: Term) -> None:
        try:
            going = True
            while going and not term.over:
                self._rounded = time.monotonic()
                going = self._step(term)
        except BaseException as error:
            self._error = error
        else:
            self._ended = self._ended or not (going or term.over)
        finally:
            self._awake.set()
