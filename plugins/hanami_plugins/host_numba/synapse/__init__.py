"""Growth by synapses: the rules of OpenHanami, spiking neurons included.

`reference` says in plain NumPy what the kernels do. Importing this package imports no compute library.
"""

from __future__ import annotations

from hanami_plugins.host_numba.synapse.rules import SynapseRules

__all__ = ["SynapseRules"]
