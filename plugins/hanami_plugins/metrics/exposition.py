"""The text formats of Prometheus and OpenMetrics, which the library prometheus-client writes.

Must not know what the metrics are about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from hanami_core.http import Page
from hanami_core.metrics import Histogram, Metric, Sample

__all__ = ["exposition"]

INFINITY = "+Inf"


class _Families:
    """What the library calls a collector."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Family]:
        return self._families


def exposition(metrics: Iterable[Metric], accept: str) -> Page:
    """Return metrics, those of a name together, in the format that the header `accept` asks for."""
    families: dict[str, Family] = {}
    for metric in metrics:
        family = families.setdefault(metric.name, Family(_name(metric), metric.help, metric.kind))
        _add(family, metric)
    encode, content_type = choose_encoder(accept)
    return Page(encode(_Families(families[name] for name in sorted(families))), content_type)


def _name(metric: Metric) -> str:
    return metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name


def _add(family: Family, metric: Metric) -> None:
    if isinstance(metric, Sample):
        family.add_sample(metric.name, dict(metric.labels), float(metric.value))
    elif isinstance(metric, Histogram):
        for bound, number in _groups(metric):
            family.add_sample(f"{metric.name}_bucket", dict(metric.labels) | {"le": bound}, number)
        family.add_sample(f"{metric.name}_count", dict(metric.labels), float(sum(metric.counts)))
        family.add_sample(f"{metric.name}_sum", dict(metric.labels), float(metric.sum))


def _groups(histogram: Histogram) -> Iterator[tuple[str, float]]:
    """Return how many are at most as large as each bound."""
    bounds = (*map(floatToGoString, histogram.bounds), INFINITY)
    return zip(bounds, map(float, accumulate(histogram.counts)), strict=True)
