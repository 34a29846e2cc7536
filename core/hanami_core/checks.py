"""What is wrong with something that is stored, as ``hanami doctor`` tells it. Checks look; they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Check", "Finding"]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        where: what it is about, such as ``table note``.
        what: what is wrong with it.
        strays: files that nobody knows; ``hanami doctor --repair`` moves them aside. Only whoever owns the folder that
            they lie in can tell.
    """

    where: str
    what: str
    strays: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Check:
    """A look at what a plugin keeps.

    `run` may take long, and other processes may work meanwhile. A `cheap` one takes milliseconds, and a finding means
    that the server can not do its work: ``/health/ready`` asks it as well, in sidecars too, where it must not touch the
    database.
    """

    name: str
    run: Callable[[], Iterable[Finding]]
    cheap: bool = False
