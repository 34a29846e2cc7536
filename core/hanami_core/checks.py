"""What is wrong with something that is stored, as ``hanami doctor`` tells it. Checks look; they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Check", "Finding"]


@dataclass(frozen=True)
class Finding:
    """A problem.

    Attributes:
        where: place of the problem, such as ``table note``.
        what: description of the problem.
        strays: unknown files; ``hanami doctor --repair`` moves them aside. Only the owner of a folder can say which
            files in it are unknown.
    """

    where: str
    what: str
    strays: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Check:
    """A check of a plugin's data.

    ``run`` may take long, and other processes may work at the same time. A ``cheap`` check takes milliseconds, and a
    finding means that the server cannot do its work: ``/health/ready`` runs it as well, even in sidecars, where it must
    not use the database.
    """

    name: str
    run: Callable[[], Iterable[Finding]]
    cheap: bool = False
