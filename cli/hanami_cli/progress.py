"""How long-lasting work shows that it goes on: a bar on a terminal, at most a line now and then elsewhere. On stderr.

Owns the drawing. Must not know what the work is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Report", "progress"]

Report = Callable[[str, int, int], None]
"""Called with a word for the state, the amount done and the total (0 while it is not known), as often as one likes."""


@contextmanager
def progress(lines: bool = True) -> Iterator[Report]:
    """Show the progress of the work in the `with` block, which reports it with the function that this yields.

    Args:
        lines: whether to print lines where no bar can be drawn.
    """
    if sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _Lines().report if lines else _nothing


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(state: str, done: int, total: int) -> None:
            bar.update(task, description=state, completed=done, total=total or None)

        yield report


def _nothing(state: str, done: int, total: int) -> None:
    pass


class _Lines:
    """Prints a line for each new state and for each tenth of the work."""

    def __init__(self) -> None:
        self._printed: tuple[str, int] | None = None

    def report(self, state: str, done: int, total: int) -> None:
        """Print a line if there is news."""
        percent = 100 * done // total if total else 0
        if (state, percent // 10) != self._printed:
            self._printed = state, percent // 10
            print(f"{state} {percent} %", file=sys.stderr, flush=True)
