"""The rule sets on the processor: how networks are opened. Importing this module imports no compute library."""

from __future__ import annotations

from hanami_core.compute import ComputeHost, LiveNetwork
from hanami_core.network import NetworkState
from hanami_plugins.host_numba.background_compiler import SECTION
from hanami_plugins.host_numba.host import thread_pool_of
from hanami_plugins.networks_section import SectionRules, is_deep
from hanami_plugins.networks_synapse import SynapseRules

__all__ = ["CpuSectionRules", "CpuSynapseRules"]


class CpuSectionRules(SectionRules):
    """Growth by sections on the processor."""

    host_kind = "cpu"

    def open(self, state: NetworkState, host: ComputeHost) -> LiveNetwork:
        """Bring a state to life on a started host.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
        """
        self.check(state)
        if is_deep(state.head.template):
            pool = thread_pool_of(host, "deep")
            from hanami_plugins.host_numba.deep_computation import DeepComputation
            from hanami_plugins.host_numba.section_network import SectionNetwork

            return SectionNetwork(state, pool, DeepComputation)
        pool = thread_pool_of(host, SECTION)
        from hanami_plugins.host_numba import section_warm
        from hanami_plugins.host_numba.section_network import SectionNetwork

        section_warm.up()
        return SectionNetwork(state, pool)


class CpuSynapseRules(SynapseRules):
    """Growth by synapses on the processor."""

    host_kind = "cpu"

    def open(self, state: NetworkState, host: ComputeHost) -> LiveNetwork:
        """Bring a state to life on a started host. The first call loads the kernels or compiles them.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
        """
        self.check(state)
        from hanami_plugins.host_numba import synapse_warm
        from hanami_plugins.host_numba.synapse_network import SynapseNetwork

        pool = thread_pool_of(host, self.name)
        synapse_warm.up()
        return SynapseNetwork(state, pool)
