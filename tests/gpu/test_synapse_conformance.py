"""Growth by synapses on GPUs keeps the contracts of hosts and networks; the device is emulated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.testing.hosts import HostConformance, host_context
from hanami_core.testing.networks import NetworkConformance
from hanami_plugins.host_cupy import synapse_batches
from hanami_plugins.host_cupy.host import CudaHost
from hanami_plugins.host_cupy.synapse_rules import CudaSynapseRules
from hanami_plugins.host_cupy.synapse_training import SynapseTraining, TrainingShape
from tests.gpu.emulator.switchboard import Switchboard


@pytest.fixture(autouse=True)
def _few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads take the emulator longer, and change nothing; a cycle takes it as long as a batch."""
    monkeypatch.setattr(SynapseTraining, "_shape", lambda self: TrainingShape(1, 128, 1))
    monkeypatch.setattr(synapse_batches, "SIZES", ((128, 1), (512, 8)))


@pytest.mark.usefixtures("board")
class TestHost(HostConformance):
    """The host."""

    @pytest.fixture
    def host(self) -> ComputeHost:
        """Return a host that was not started."""
        return CudaHost("gpu0", 0)

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        """Return the rule set."""
        return [CudaSynapseRules()]


@pytest.mark.long
class TestSynapseGrowth(NetworkConformance):
    """Growth by synapses."""

    @pytest.fixture
    def rules(self) -> NetworkRules:
        """Return the rules."""
        return CudaSynapseRules()

    @pytest.fixture
    def host(self, board: Switchboard, tmp_path: Path) -> Iterator[ComputeHost]:
        """Return a started host."""
        host = CudaHost("gpu0", 0)
        host.start(host_context(tmp_path))
        yield host
        host.stop()
