"""The rule set ``synapse``: which templates it runs, new networks and stored ones. Imports no compute library."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.network import NetworkState, Template
from hanami_core.network.formula import Formula
from hanami_plugins.networks_synapse import checks, synapse_memory
from hanami_plugins.networks_synapse.formula import formula_of
from hanami_plugins.networks_synapse.synapse_footprint import synapse_bytes
from hanami_plugins.networks_synapse.synapse_settings import SynapseSettings


class SynapseRules:
    """Growth by synapses: every potential that is more than a section knows adds a synapse to it.

    The rules of OpenHanami with their defects mended: whatever a template may say is run.

    What computes networks adds the kind of its hosts, and how it opens a network on one of them.
    """

    name = synapse_memory.NAME
    settings = SynapseSettings
    takes_weights = True

    def refuses(self, template: Template) -> str | None:
        """Return why the rules cannot run a template, or None if they can."""
        growth = template.settings.growth
        if template.settings.of(SynapseSettings).precision != "float":
            return "synapse growth has no precision: int8"
        return None if growth in (None, self.name) else f"the template asks for growth: {growth}"

    def memory(self, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
        """Return the bytes that a network takes at most."""
        return synapse_bytes(template, inputs, outputs)

    def create(self, template: Template, seed: int) -> NetworkState:
        """Return the state of a network that has seen nothing."""
        return synapse_memory.empty_state(template, seed)

    def check(self, state: NetworkState) -> None:
        """Raise `CorruptFile` if sizes or index ranges of the arrays contradict the head."""
        checks.check(state)

    def formula(self, state: NetworkState) -> Formula:
        """Return what a network answers.

        Raises:
            Unprocessable: if an answer depends on the row before.
        """
        return formula_of(state)
