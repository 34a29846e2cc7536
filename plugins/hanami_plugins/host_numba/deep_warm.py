"""Load or compile all kernels of deep networks by using a tiny one in every way that users do."""

from __future__ import annotations

from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_plugins.host_numba.deep_computation import DeepComputation
from hanami_plugins.host_numba.section_network import SectionNetwork
from hanami_plugins.host_numba.section_warm import use
from hanami_plugins.host_numba.thread_pool import ThreadPool
from hanami_plugins.networks_section import deep_memory


def up() -> None:
    """Train and ask a network of two hidden hexagons."""
    hexagons = tuple(Position(x, 1, 1) for x in range(4))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 3),))
    use(SectionNetwork(deep_memory.empty_state(template, 0), ThreadPool(1), DeepComputation))
