"""The processor as a compute host, with section growth and synapse growth on it.

`networks_section` and `networks_synapse` say what networks are and how they grow; kernels here compute it, compiled by
Numba. Importing this package imports none of that; only the sidecar of a host does, when it calls `CpuHost.start` or
opens a network.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.errors import PluginError
from hanami_core.settings import Setting, Settings
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules, CpuSynapseRules
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.host_numba.settings import compiles

requires = ("networks_section", "networks_synapse")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how many hosts and threads there are."""
    return [
        Setting("host_numba.hosts", int, 1, "Logical hosts on the processor, each in its own process", 0, 64),
        Setting("host_numba.threads", int, 0, "Maximum threads of a host; 0 for one on each processor", 0, 1024),
    ]


@hookimpl
def hanami_compute_hosts(settings: Settings) -> list[ComputeHost]:
    """Add the hosts ``cpu0``, ``cpu1`` and so on.

    Raises:
        PluginError: if Numba is told not to compile, so that they could not start.
    """
    if not compiles():
        raise PluginError("NUMBA_DISABLE_JIT is set, but the host needs compiled kernels; unset it")
    threads = settings["host_numba.threads"]
    return [CpuHost(f"cpu{number}", threads) for number in range(settings["host_numba.hosts"])]


@hookimpl
def hanami_network_rules() -> list[NetworkRules]:
    """Add section growth, which goes first for templates that name no growth, and synapse growth."""
    return [CpuSectionRules(), CpuSynapseRules()]
