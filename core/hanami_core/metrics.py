"""Numbers that tell an operator's tools how a server does: what they look like, and where all of them come from.

They are made when somebody asks. How they are written, and who may read them, is not known here.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Literal

from hanami_core.stash import StashKey

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["SOURCES", "Distribution", "Histogram", "Metric", "Sample", "gather"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TOTAL = "_total"

Kind = Literal["gauge", "counter", "histogram"]


class Metric:
    """What `Sample` and `Histogram` have in common.

    Attributes:
        name: name of the metric, with its unit, such as ``hanami_upload_bytes``.
        kind: what the numbers mean.
        help: one line of description, the same for all metrics of a name.
        labels: labels that distinguish this metric from others of the same name.
    """

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, str]

    def __post_init__(self) -> None:
        """Check names and texts, which tools are strict about."""
        for name in (self.name, *self.labels):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a valid name of a metric or a label: small letters, digits and '_'")
        for text in (self.help, *self.labels.values()):
            if not isinstance(text, str):
                raise TypeError(f"{self.name}: help and values of labels must be texts, not {text!r}")
            text.encode()  # which halves of characters cannot be

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """Name and labels, which no two metrics share."""
        return self.name, frozenset(self.labels.items())


@dataclass(frozen=True)
class Sample(Metric):
    """A number at this moment.

    Attributes:
        name: see ``Metric``; names of counters, and no others, end with ``_total``.
        value: the number.
        kind: ``gauge``, or ``counter`` for a number that only grows while a server runs.
        help: see `Metric`.
        labels: see `Metric`.

    Raises:
        ValueError: if a name, a label or a text is invalid.
        TypeError: if the value is not a number, or a text is not a string.
    """

    name: str
    value: float
    kind: Literal["gauge", "counter"] = "gauge"
    help: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the number as well."""
        super().__post_init__()
        if not isinstance(self.value, Real):
            raise TypeError(f"{self.name}: {self.value!r} is not a number")
        if (self.kind == "counter") != self.name.endswith(_TOTAL):
            raise ValueError(f"{self.name}: names of counters end with {_TOTAL}, and no others")


@dataclass(frozen=True)
class Histogram(Metric):
    """The distribution of a quantity since the server started.

    Attributes:
        name: see `Metric`.
        bounds: ascending sizes; the first count is for sizes up to the first bound, and so on.
        counts: number of occurrences; one more than bounds, for sizes above the last one.
        sum: sum of all sizes.
        help: see `Metric`.
        labels: see `Metric`.

    Raises:
        ValueError: if a name, a label or a text is invalid, or bounds and counts do not fit.
        TypeError: if a number is not a number, or a text is not a string.
    """

    name: str
    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float
    help: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["histogram"] = field(default="histogram", init=False)

    def __post_init__(self) -> None:
        """Check the numbers as well."""
        super().__post_init__()
        if not all(isinstance(number, Real) for number in (*self.bounds, *self.counts, self.sum)):
            raise TypeError(f"{self.name}: bounds, counts and sum must be numbers")
        if len(self.counts) != len(self.bounds) + 1 or list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError(f"{self.name}: bounds must ascend, and there must be one count more than bounds")
        if self.name.endswith(_TOTAL) or "le" in self.labels:
            raise ValueError(f"{self.name}: the ending {_TOTAL} is for counters, and the label le for bounds")


class Distribution:
    """Counts sizes for a `Histogram`. One thread counts; others may read at the same time."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin with nothing, for ascending bounds."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, size: float) -> None:
        """Count a size."""
        self._counts[bisect_left(self._bounds, size)] += 1
        self._sum += size

    def histogram(self, name: str, help: str = "", labels: Mapping[str, str] | None = None) -> Histogram:
        """Return what was counted so far."""
        return Histogram(name, self._bounds, tuple(self._counts), self._sum, help, labels or {})


SOURCES: StashKey[list[Callable[[], Iterable[Metric]]]] = StashKey("metrics.sources")
"""What else contributes in this process; the server tells about its processes that way."""


def gather(runtime: Runtime) -> list[Metric]:
    """Return all metrics: of core, of the server, and of plugins (`hanami_metrics`).

    Of several with the same name and the same labels, or with one name and different kinds, the first one counts: what
    is stored may be told by every process.
    """
    found: dict[object, Metric] = {}
    kinds: dict[str, Kind] = {}
    for metric in _all(runtime):
        if kinds.setdefault(metric.name, metric.kind) == metric.kind:
            found.setdefault(metric.key, metric)
    return list(found.values())


def _all(runtime: Runtime) -> Iterator[Metric]:
    yield from _tasks(runtime)
    if SOURCES in runtime.stash:
        for source in runtime.stash[SOURCES]:
            yield from source()
    yield from runtime.plugins.metrics(runtime)


def _tasks(runtime: Runtime) -> Iterator[Metric]:
    waiting = "Tasks that have not ended, by the host that runs them"
    for (host, state), count in runtime.queue.open_counts().items():
        yield Sample("hanami_open_tasks", count, help=waiting, labels={"host": host, "state": state})
    ended = "Tasks that have ended, by how"
    for state, count in runtime.queue.ended_counts().items():
        yield Sample("hanami_ended_tasks_total", count, "counter", ended, {"state": state})
