"""The rule sets on GPUs: which templates they run there, and how networks are opened."""

from __future__ import annotations

from hanami_core.compute import ComputeHost, LiveNetwork
from hanami_core.network import NetworkState, Template
from hanami_plugins.host_cupy.host import gpu
from hanami_plugins.networks_section import SectionRules, SectionSettings, is_deep

__all__ = ["CudaSectionRules"]


class CudaSectionRules(SectionRules):
    """Growth by sections on GPUs."""

    host_kind = "cuda"

    def refuses(self, template: Template) -> str | None:
        """Return why a template cannot be run: what the rule set says, or that there are no kernels for it."""
        reason = super().refuses(template)
        if reason is not None:
            return reason
        if is_deep(template):
            return "GPUs run networks with one hidden hexagon, this one has several; a CPU runs it"
        if template.settings.of(SectionSettings).precision != "float":
            return "GPUs answer with precision: float only"
        return None

    def open(self, state: NetworkState, host: ComputeHost) -> LiveNetwork:
        """Bring a state to life on a started host.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
            ServiceError: if the device does not work.
        """
        self.check(state)
        found = gpu(host)
        from hanami_plugins.host_cupy.gathering import gatherer_of
        from hanami_plugins.host_cupy.section_network import CudaSectionNetwork

        return CudaSectionNetwork(state, gatherer_of(found.device), found.batch)
