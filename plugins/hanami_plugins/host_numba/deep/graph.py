"""From a template to the hidden hexagons that signals pass, or to the reason why section growth can not run it.

Imports no compute library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hanami_core.network import Template, Topology
from hanami_plugins.host_numba.layout import WIDTH
from hanami_plugins.host_numba.memory import blocks_of

MAX_WEIGHTS = 1 << 27
"""Most weights between hidden neurons, half a gigabyte."""

Targets = Mapping[int, frozenset[int]]


@dataclass(frozen=True)
class Hexagon:
    """A hidden hexagon and what it is connected to.

    Attributes:
        inputs: names of the inputs that feed it, in template order.
        hidden: numbers of the hidden hexagons that feed it, in processing order.
        outputs: names of the outputs that are read from it, in template order.
    """

    inputs: tuple[str, ...]
    hidden: tuple[int, ...]
    outputs: tuple[str, ...]


def is_deep(template: Template) -> bool:
    """Tell whether there is more than one hidden hexagon between inputs and outputs."""
    return len(_between(template, _targets(template))) > 1


def hexagons(template: Template) -> tuple[Hexagon, ...]:
    """Return the hidden hexagons between inputs and outputs in processing order; a number is a place in the result."""
    targets = _targets(template)
    used = sorted(_between(template, targets))
    return tuple(
        Hexagon(
            tuple(item.name for item in template.inputs if hexagon in targets[item.hexagon]),
            tuple(number for number, source in enumerate(used) if hexagon in targets[source]),
            tuple(output.name for output in template.outputs if output.hexagon in targets[hexagon]),
        )
        for hexagon in used
    )


def refused(template: Template) -> str | None:
    """Return why a deep template can not be run, or None."""
    targets = _targets(template)
    return _refused_order(template, targets) or _refused_interface(template) or _refused_size(template)


def _targets(template: Template) -> Targets:
    return dict(enumerate(Topology(template).targets))


def _between(template: Template, targets: Targets) -> frozenset[int]:
    """Return hidden hexagons that an input reaches and that reach an output, over hidden hexagons only."""
    inputs, outputs = {item.hexagon for item in template.inputs}, {output.hexagon for output in template.outputs}
    hidden = set(targets) - inputs - outputs
    sources = {hexagon: {h for h in hidden if hexagon in targets[h]} for hexagon in targets}
    following = {hexagon: targets[hexagon] & hidden for hexagon in hidden}
    fed = _closure(set().union(*(targets[hexagon] for hexagon in inputs)) & hidden, following)
    read = _closure(set().union(*(sources[hexagon] for hexagon in outputs)), sources)
    return frozenset(fed & read)


def _closure(start: Iterable[int], steps: Mapping[int, Iterable[int]]) -> set[int]:
    """Return `start` and all that can be reached from it."""
    reached: set[int] = set()
    edge = set(start)
    while edge:
        reached |= edge
        edge = {following for hexagon in edge for following in steps[hexagon]} - reached
    return reached


def _refused_order(template: Template, targets: Targets) -> str | None:
    used = _between(template, targets)
    ends = used | {output.hexagon for output in template.outputs}
    inner = {hexagon: targets[hexagon] & used for hexagon in used}
    for hexagon in sorted(used | {item.hexagon for item in template.inputs}):
        for target in sorted(targets[hexagon] & ends):
            if target > hexagon:
                continue
            here, there = template.hexagons[hexagon], template.hexagons[target]
            if hexagon in used and hexagon in _closure(inner.get(target, ()), inner):
                return f"section growth needs a flow without circles, but hexagons {there} and {here} reach each other"
            return (
                f"section growth takes hexagons in the order of the template, but hexagon {here} "
                f"grows into {there}, which is listed before it"
            )
    return None


def _refused_interface(template: Template) -> str | None:
    parts = hexagons(template)
    fed = {name for hexagon in parts for name in hexagon.inputs}
    read = {name for hexagon in parts for name in hexagon.outputs}
    for item in template.inputs:
        if item.name not in fed:
            return f"section growth needs a path from input '{item.name}' to an output over a hidden hexagon"
    for output in template.outputs:
        if output.name not in read:
            return f"section growth needs a path from an input to output '{output.name}' over a hidden hexagon"
    return None


def _refused_size(template: Template) -> str | None:
    neurons = blocks_of(template) * WIDTH
    weights = sum(len(hexagon.hidden) for hexagon in hexagons(template)) * neurons * neurons
    if weights > MAX_WEIGHTS:
        return (
            f"section growth has at most {MAX_WEIGHTS:,} weights between hidden neurons, "
            f"the template needs {weights:,}: use fewer blocks"
        )
    return None
