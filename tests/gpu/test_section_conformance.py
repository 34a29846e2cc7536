"""Growth by sections on GPUs keeps the contracts of hosts and networks; the device is emulated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.testing.hosts import HostConformance, host_context
from hanami_core.testing.networks import NetworkConformance
from hanami_plugins.host_cupy.cuda_rules import CudaSectionRules
from hanami_plugins.host_cupy.host import CudaHost
from tests.gpu.emulator.switchboard import Switchboard


@pytest.mark.usefixtures("board")
class TestHost(HostConformance):
    """The host."""

    @pytest.fixture
    def host(self) -> ComputeHost:
        """Return a host that was not started."""
        return CudaHost("gpu0", 0)

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        """Return the rule sets of the plugin."""
        return [CudaSectionRules()]


class TestSectionGrowth(NetworkConformance):
    """Growth by sections."""

    @pytest.fixture
    def rules(self) -> NetworkRules:
        """Return the rules."""
        return CudaSectionRules()

    @pytest.fixture
    def host(self, board: Switchboard, tmp_path: Path) -> Iterator[ComputeHost]:
        """Return a started host."""
        host = CudaHost("gpu0", 0)
        host.start(host_context(tmp_path))
        yield host
        host.stop()
