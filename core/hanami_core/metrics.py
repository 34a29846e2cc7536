"""Numbers that tell an operator's tools how a server does: what plugins contribute, and what core knows itself.

Samples are made when somebody asks. How they are written is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hanami_core.stash import StashKey

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["SOURCES", "Sample", "gather"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")

Kind = Literal["gauge", "counter"]


@dataclass(frozen=True)
class Sample:
    """One number at this moment.

    Attributes:
        name: what it counts, with its unit, such as ``hanami_upload_bytes``; that of a counter ends with ``_total``.
        value: the number.
        kind: ``gauge``, or ``counter`` for what only grows while a server runs.
        help: one line about it, the same for all samples of a name.
        labels: what tells this sample from others of the same name.

    Raises:
        ValueError: if a name or a label is none.
    """

    name: str
    value: float
    kind: Kind = "gauge"
    help: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the names, which tools are strict about."""
        for name in (self.name, *self.labels):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for a metric or a label: small letters, digits and '_'")


SOURCES: StashKey[list[Callable[[], Iterable[Sample]]]] = StashKey("metrics.sources")
"""What else contributes in this process; the server tells about its processes that way."""


def gather(runtime: Runtime) -> list[Sample]:
    """Return all samples: of core, of the server, and of plugins (`hanami_metrics`)."""
    found = [*_tasks(runtime)]
    if SOURCES in runtime.stash:
        found += [sample for source in runtime.stash[SOURCES] for sample in source()]
    return found + runtime.plugins.metrics(runtime)


def _tasks(runtime: Runtime) -> Iterable[Sample]:
    text = "Tasks that have not ended, by the host that runs them"
    for (host, state), count in runtime.queue.open_counts().items():
        yield Sample("hanami_open_tasks", count, help=text, labels={"host": host, "state": state})
