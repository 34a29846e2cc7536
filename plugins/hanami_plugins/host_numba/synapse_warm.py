"""Load or compile all kernels, once in a process, by using a tiny network in every way that users do."""

from __future__ import annotations

from functools import cache

from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_plugins.host_numba.section_warm import use
from hanami_plugins.host_numba.synapse_network import SynapseNetwork
from hanami_plugins.host_numba.thread_pool import ThreadPool
from hanami_plugins.networks_synapse import synapse_memory


@cache
def up() -> None:
    """Train and ask a network of one input and one output."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 1),))
    use(SynapseNetwork(synapse_memory.empty_state(template, 0), ThreadPool(1)))
