"""Growth by synapses on GPUs: which templates they run, and how networks are opened."""

from __future__ import annotations

import numpy as np

from hanami_core.compute import ComputeHost, LiveNetwork
from hanami_core.network import NetworkState, Template, Topology
from hanami_plugins.host_cupy.host import gpu
from hanami_plugins.host_cupy.synapse_room import MOST_HEXAGONS
from hanami_plugins.networks_synapse import NO_MEMORY, SynapseRules

__all__ = ["CudaSynapseRules"]


class CudaSynapseRules(SynapseRules):
    """Growth by synapses on GPUs."""

    host_kind = "cuda"

    def refuses(self, template: Template) -> str | None:
        """Return why a template cannot be run: what the rule set says, or that its cycles depend on each other."""
        reason = super().refuses(template)
        if reason is not None:
            return reason
        settings = template.settings
        if settings.neuron_cooldown < NO_MEMORY:
            return f"GPUs run synapse growth with a neuron_cooldown of {NO_MEMORY:g} or more only; a CPU runs this"
        if settings.refractory_time > 1:
            return "GPUs run synapse growth with a refractory_time of 1 only; a CPU runs this"
        if settings.enable_reduction:
            return "GPUs run synapse growth without reduction only; a CPU runs this"
        if len(template.hexagons) > MOST_HEXAGONS:
            return f"GPUs run synapse growth with up to {MOST_HEXAGONS} hexagons; a CPU runs more"
        if not _forward_only(template):
            return "GPUs run synapse growth from hexagons to later ones only, this one has a way back; a CPU runs it"
        return None

    def open(self, state: NetworkState, host: ComputeHost) -> LiveNetwork:
        """Bring a state to life on a started host.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
            ServiceError: if the device does not work.
        """
        self.check(state)
        found = gpu(host)
        from hanami_plugins.host_cupy.synapse_network import CudaSynapseNetwork

        return CudaSynapseNetwork(state, found.device, found.batch)


def _forward_only(template: Template) -> bool:
    """Tell whether sections go to hexagons that come later only; those of outputs go nowhere."""
    reach = Topology.of(template).reach.copy()
    reach[[item.hexagon for item in template.outputs]] = False
    return not bool(np.tril(reach).any())
