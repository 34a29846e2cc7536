"""What must not be shared between processes: after a fork, the child makes its own connections and locks.

Otherwise parent and child would read each other's answers. It knows no connection.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What holds connections."""

    def _after_fork(self) -> None:
        """Let go of everything that belongs to the parent, without a word to the server."""


_known: weakref.WeakSet[Forkable] = weakref.WeakSet()


def separate(thing: Forkable) -> None:
    """Call `thing._after_fork()` in each process that is forked while it lives."""
    _known.add(thing)


def _in_child() -> None:
    for thing in list(_known):
        thing._after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_in_child)
