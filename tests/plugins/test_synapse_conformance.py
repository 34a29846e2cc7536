"""Synapse growth passes the suite that is shipped for rule sets."""

from __future__ import annotations

import pytest

from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.testing.networks import NetworkConformance
from hanami_plugins.host_numba.cpu_rules import CpuSynapseRules
from hanami_plugins.host_numba.host import CpuHost
from tests.plugins.synapse import start_once


class TestSynapseGrowthOnNumba(NetworkConformance):
    @pytest.fixture
    def host(self) -> ComputeHost:
        start_once()
        return CpuHost("cpu0", 2)

    @pytest.fixture
    def rules(self) -> NetworkRules:
        return CpuSynapseRules()
