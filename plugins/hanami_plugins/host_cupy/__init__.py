"""GPUs as compute hosts, by CuPy, with growth by sections and growth by synapses on them.

`networks_section` and `networks_synapse` say what networks are and how they grow; kernels here compute it. Importing
this package imports no compute library; only the sidecar of a GPU does, when it calls `CudaHost.start`.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting, Settings
from hanami_plugins.host_cupy.cuda_rules import CudaSectionRules
from hanami_plugins.host_cupy.discovery import absence, count
from hanami_plugins.host_cupy.host import CudaHost
from hanami_plugins.host_cupy.section_shapes import TILE
from hanami_plugins.host_cupy.settings import visible
from hanami_plugins.host_cupy.synapse_rules import CudaSynapseRules

requires = ("networks_section", "networks_synapse")

AS_FOUND = -1


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how many hosts there are, how they learn, and how often one is tried that does not work."""
    return [
        Setting("host_cupy.hosts", int, AS_FOUND, "Hosts on GPUs, one for each; -1 for as many as there are", -1, 64),
        Setting("host_cupy.batch", int, TILE, "Rows that a GPU learns together at most; 1 for row by row", 1, TILE),
        Setting("host_cupy.retry", float, 30.0, "Seconds between two trials of a GPU that does not work", 0.1, 86400.0),
    ]


@hookimpl(trylast=True)
def hanami_compute_hosts(settings: Settings, runtime: Runtime) -> list[ComputeHost]:
    """Add the hosts ``gpu0``, ``gpu1`` and so on, behind those of processors."""
    wanted, retry, batch = (settings[f"host_cupy.{name}"] for name in ("hosts", "retry", "batch"))
    hosts = count(visible()) if wanted == AS_FOUND else wanted
    if not hosts and wanted == AS_FOUND:
        runtime.plugins.remark("host_cupy", absence(visible()))
    return [CudaHost(f"gpu{number}", number, retry, batch) for number in range(hosts)]


@hookimpl
def hanami_network_rules() -> list[NetworkRules]:
    """Add both rule sets, section growth first for templates that name no growth, as on processors."""
    return [CudaSectionRules(), CudaSynapseRules()]
