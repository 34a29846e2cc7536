"""Synapse growth passes the suite that is shipped for rule sets."""

from __future__ import annotations

import pytest

from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.testing.networks import NetworkConformance
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.host_numba.synapse import SynapseRules


@pytest.fixture(scope="module")
def numba_host(tmp_path_factory: pytest.TempPathFactory) -> ComputeHost:
    host = CpuHost("cpu0", 2)
    host.start(tmp_path_factory.mktemp("cache"))
    return host


class TestSynapseGrowthOnNumba(NetworkConformance):
    @pytest.fixture
    def host(self, numba_host: ComputeHost) -> ComputeHost:
        return numba_host

    @pytest.fixture
    def rules(self) -> NetworkRules:
        return SynapseRules()
