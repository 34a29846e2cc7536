"""From a template to the hidden hexagons that signals pass, or to the reason why section growth cannot run it.

Imports no compute library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hanami_core.network import Template, Topology
from hanami_core.network.bits import closure, members, set_of
from hanami_core.network.topology import REMEMBERED
from hanami_plugins.networks_section.network_arrays import blocks_of
from hanami_plugins.networks_section.section_layout import WIDTH

MAX_WEIGHTS = 1 << 27
"""Most weights between hidden neurons, half a gigabyte."""


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


@lru_cache(maxsize=REMEMBERED)
def between(template: Template) -> int:
    """Return the set of hidden hexagons that an input reaches and that reach an output, over hidden hexagons only."""
    topology = Topology.of(template)
    inputs, outputs = _inputs(template), _outputs(template)
    hidden = ~(inputs | outputs)
    fed = closure(inputs, topology.targets, hidden | inputs)
    read = closure(outputs, topology.sources, hidden | outputs)
    return fed & read & hidden


def is_deep(template: Template) -> bool:
    """Tell whether there is more than one hidden hexagon between inputs and outputs."""
    return between(template).bit_count() > 1


@lru_cache(maxsize=REMEMBERED)
def hexagons(template: Template) -> tuple[Hexagon, ...]:
    """Return the hidden hexagons between inputs and outputs in processing order; a number is a place in the result."""
    topology, used = Topology.of(template), between(template)
    number_of = {hexagon: number for number, hexagon in enumerate(members(used))}
    return tuple(
        Hexagon(
            tuple(item.name for item in template.inputs if topology.sources[hexagon] >> item.hexagon & 1),
            tuple(number_of[source] for source in members(topology.sources[hexagon] & used)),
            tuple(output.name for output in template.outputs if topology.targets[hexagon] >> output.hexagon & 1),
        )
        for hexagon in number_of
    )


def refused(template: Template) -> str | None:
    """Return why a deep template cannot be run, or None."""
    return _refused_order(template) or _refused_interface(template) or _refused_size(template)


def _inputs(template: Template) -> int:
    return set_of(item.hexagon for item in template.inputs)


def _outputs(template: Template) -> int:
    return set_of(output.hexagon for output in template.outputs)


def _refused_order(template: Template) -> str | None:
    targets, used = Topology.of(template).targets, between(template)
    ends = used | _outputs(template)
    for hexagon in members(used | _inputs(template)):
        earlier = targets[hexagon] & ends & ((1 << hexagon) - 1)
        if not earlier:
            continue
        target = next(members(earlier))
        here, there = template.hexagons[hexagon], template.hexagons[target]
        if closure(1 << target, targets, used) >> hexagon & 1:
            return f"section growth needs a flow without circles, but hexagons {there} and {here} reach each other"
        return (
            f"section growth takes hexagons in the order of the template, but hexagon {here} "
            f"grows into {there}, which is listed before it"
        )
    return None


def _refused_interface(template: Template) -> str | None:
    topology, used = Topology.of(template), between(template)
    for item in template.inputs:
        if not topology.targets[item.hexagon] & used:
            return f"section growth needs a path from input '{item.name}' to an output over a hidden hexagon"
    for output in template.outputs:
        if not topology.sources[output.hexagon] & used:
            return f"section growth needs a path from an input to output '{output.name}' over a hidden hexagon"
    return None


def _refused_size(template: Template) -> str | None:
    sources, used = Topology.of(template).sources, between(template)
    neurons = blocks_of(template) * WIDTH
    weights = sum((sources[hexagon] & used).bit_count() for hexagon in members(used)) * neurons * neurons
    if weights > MAX_WEIGHTS:
        return (
            f"section growth has at most {MAX_WEIGHTS:,} weights between hidden neurons, "
            f"the template needs {weights:,}: use fewer blocks"
        )
    return None
