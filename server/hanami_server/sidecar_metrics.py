"""What a sidecar tells about itself and for its plugins, on its way to whoever shows metrics.

Owns both ends of the form that metrics have in between. Must not know what they are about.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hanami_core.metrics import Histogram, Metric, Sample

__all__ = ["pack", "unpack"]

_KINDS: Mapping[str, type[Metric]] = {"samples": Sample, "histograms": Histogram}


def pack(metrics: Iterable[Metric]) -> dict[str, list[Any]]:
    """Return metrics in a form that JSON can hold."""
    found = list(metrics)
    return {name: [metric for metric in found if isinstance(metric, kind)] for name, kind in _KINDS.items()}


def unpack(answer: Mapping[str, Any]) -> Iterator[Metric]:
    """Return the metrics of an answer; those that JSON could not hold, such as infinite ones, are left out."""
    for name, kind in _KINDS.items():
        for item in answer.get(name, ()):
            with contextlib.suppress(msgspec.ValidationError):
                yield msgspec.convert(item, kind)
