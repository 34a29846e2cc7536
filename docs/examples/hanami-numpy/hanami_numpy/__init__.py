"""A compute host without compiled code: it runs networks that grow by sections, in plain NumPy."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.settings import Setting, Settings
from hanami_numpy.host import NumpyHost
from hanami_numpy.rules import NumpySectionRules

requires = ("networks_section",)


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare the number of hosts."""
    return [Setting("numpy.hosts", int, 1, "Hosts that compute with NumPy, each in its own process", 0, 16)]


@hookimpl
def hanami_compute_hosts(settings: Settings) -> list[ComputeHost]:
    """Add ``numpy0``, ``numpy1`` and so on; only their own processes start them."""
    return [NumpyHost(f"numpy{number}") for number in range(settings["numpy.hosts"])]


@hookimpl
def hanami_network_rules() -> list[NetworkRules]:
    """Add the way to run ``growth: section`` on hosts of this kind."""
    return [NumpySectionRules()]
