"""The rule set ``section`` on this kind of host: the same templates, states and names, opened in another way."""

from __future__ import annotations

from hanami_core.compute import ComputeHost
from hanami_core.network import NetworkState, Template
from hanami_numpy.network import NumpyNetwork
from hanami_plugins.networks_section import SectionRules, SectionSettings


class NumpySectionRules(SectionRules):
    """Growth by sections. New networks, checks, memory and formulas are those of the rule set."""

    host_kind = "numpy"

    def refuses(self, template: Template) -> str | None:
        """Return why a template cannot be run: what the rule set says, or that it asks for kernels of 8 bits."""
        reason = super().refuses(template)
        if reason is None and template.settings.of(SectionSettings).precision != "float":
            return "the NumPy host answers with precision: float only"
        return reason

    def open(self, state: NetworkState, host: ComputeHost) -> NumpyNetwork:
        """Bring a state to life, whichever host has stored it.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
        """
        self.check(state)
        return NumpyNetwork(state)
