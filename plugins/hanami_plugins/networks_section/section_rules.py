"""The rule set ``section``: which templates it runs, new networks and stored ones. Imports no compute library."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.errors import CorruptFile, TemplateError
from hanami_core.network import NetworkState, Template, Topology
from hanami_core.network.bits import members
from hanami_core.network.formula import Formula
from hanami_plugins.networks_section import deep_graph, deep_memory, network_memory, section_memory
from hanami_plugins.networks_section.formula import formula_of
from hanami_plugins.networks_section.section_footprint import section_bytes
from hanami_plugins.networks_section.section_settings import SectionSettings

LEAST_COOLDOWN = 1e6
"""Cool-down from which on a neuron keeps nothing of the cycle before."""


class SectionRules:
    """Growth by sections: a source that becomes active gets its weights to all neurons of a hexagon at once.

    One hidden hexagon between inputs and outputs, or none, makes a network of two layers, whose blocks are shared by
    all outputs. Several hidden hexagons make a deep network, see `deep_reference`.

    What computes networks adds the kind of its hosts, and how it opens a network on one of them.
    """

    name = network_memory.NAME
    settings = SectionSettings
    takes_weights = True

    def refuses(self, template: Template) -> str | None:
        """Return why the rules cannot run a template, or None if they can."""
        settings = template.settings
        reasons = (
            (settings.growth not in (None, self.name), f"the template asks for growth: {settings.growth}"),
            (settings.enable_reduction, "section growth has no reduction"),
            (
                settings.neuron_cooldown < LEAST_COOLDOWN,
                "section growth has no memory, neuron_cooldown must be 1e6 or more",
            ),
            (settings.refractory_time > 1, "section growth has no refractory_time"),
        )
        for holds, reason in reasons:
            if holds:
                return reason
        if settings.of(SectionSettings).precision != "float" and deep_graph.is_deep(template):
            return "section growth answers with precision: int8 with one hidden hexagon only"
        refused_path = deep_graph.refused if deep_graph.is_deep(template) else _refused_path
        return _refused_interface(template) or refused_path(template)

    def memory(self, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
        """Return the bytes that a network takes at most."""
        return section_bytes(template, inputs, outputs)

    def create(self, template: Template, seed: int) -> NetworkState:
        """Return the state of a network that has seen nothing."""
        if deep_graph.is_deep(template):
            return deep_memory.empty_state(template, seed)
        return section_memory.empty_state(template, seed)

    def check(self, state: NetworkState) -> None:
        """Raise `CorruptFile` if sizes or index ranges of the arrays contradict the head."""
        _check_settings(state)
        if deep_graph.is_deep(state.head.template):
            deep_memory.check(state)
        else:
            section_memory.check(state)

    def formula(self, state: NetworkState) -> Formula:
        """Return what a network answers.

        Raises:
            Unprocessable: if it answers from rounded weights.
        """
        return formula_of(state)


def _check_settings(state: NetworkState) -> None:
    try:
        state.head.template.settings.of(SectionSettings)
    except TemplateError as error:
        raise CorruptFile(f"the network's head is broken: {error}") from error


def _refused_interface(template: Template) -> str | None:
    for item in template.inputs:
        if item.mode != "plain":
            return f"section growth takes plain inputs only, '{item.name}' is {item.mode}"
    for output in template.outputs:
        if output.type != "plain":
            return f"section growth has plain outputs only, '{output.name}' is {output.type}"
    return None


def _refused_path(template: Template) -> str | None:
    """Say which output cannot be reached from which input, over one hidden hexagon or directly."""
    targets, between = Topology.of(template).targets, deep_graph.between(template)
    for item in template.inputs:
        reached = direct = targets[item.hexagon]
        for hexagon in members(direct & between):
            reached |= targets[hexagon]
        for output in template.outputs:
            if not reached >> output.hexagon & 1:
                return (
                    f"section growth needs a path from input '{item.name}' to output '{output.name}' "
                    "that leads over hidden hexagons only"
                )
    return None
