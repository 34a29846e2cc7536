"""The text format of Prometheus, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from hanami_core.metrics import Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(samples: Iterable[Sample]) -> str:
    """Return samples as lines, those of a name together, with its help and kind before the first one."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.name, []).append(sample)
    return "".join(line for name in sorted(groups) for line in _group(name, groups[name]))


def _group(name: str, samples: list[Sample]) -> Iterable[str]:
    first = samples[0]
    if first.help:
        yield f"# HELP {name} {_escaped(first.help)}\n"
    yield f"# TYPE {name} {first.kind}\n"
    for sample in samples:
        yield f"{name}{_labels(sample.labels)} {_number(sample.value)}\n"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(float(value)) if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = [f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(text: str, *, quotes: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quotes else escaped
