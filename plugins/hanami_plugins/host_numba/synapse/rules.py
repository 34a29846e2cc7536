"""The rule set ``synapse`` on the processor: which templates it runs, and new networks. Imports no compute library."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.compute import ComputeHost, LiveNetwork
from hanami_core.network import NetworkState, Template
from hanami_plugins.host_numba.host import team_of
from hanami_plugins.host_numba.synapse import checks, footprint, memory
from hanami_plugins.host_numba.synapse.settings import SynapseSettings


class SynapseRules:
    """Growth by synapses: every potential that is more than a section knows adds a synapse to it.

    The rules of OpenHanami with their defects mended: whatever a template may say is run.
    """

    name = memory.NAME
    host_kind = "cpu"
    settings = SynapseSettings
    takes_weights = True

    def refuses(self, template: Template) -> str | None:
        """Return why the rules can not run a template, or None if they can."""
        growth = template.settings.growth
        if template.settings.of(SynapseSettings).precision != "float":
            return "synapse growth has no precision: int8"
        return None if growth in (None, self.name) else f"the template asks for growth: {growth}"

    def memory(self, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
        """Return the bytes that a network takes at most."""
        return footprint.synapse_bytes(template, inputs, outputs)

    def create(self, template: Template, seed: int) -> NetworkState:
        """Return the state of a network that has seen nothing."""
        return memory.empty_state(template, seed)

    def open(self, state: NetworkState, host: ComputeHost) -> LiveNetwork:
        """Bring a state to life on a started host. The first call loads the kernels or compiles them.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
        """
        self.check(state)
        from hanami_plugins.host_numba.synapse import warm
        from hanami_plugins.host_numba.synapse.live import SynapseNetwork

        team = team_of(host, self.name)
        warm.up()
        return SynapseNetwork(state, team)

    def check(self, state: NetworkState) -> None:
        """Raise `CorruptFile` if sizes or index ranges of the arrays contradict the head."""
        checks.check(state)
