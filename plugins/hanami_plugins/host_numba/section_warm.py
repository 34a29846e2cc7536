"""Load or compile all kernels, once in a process, by using a tiny network in every way that users do."""

from __future__ import annotations

from functools import cache

import numpy as np

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_plugins.host_numba.section_network import SectionNetwork
from hanami_plugins.host_numba.thread_pool import ThreadPool
from hanami_plugins.networks_section import section_memory


@cache
def up() -> None:
    """Train and ask a network of one input and one output."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 1),))
    use(SectionNetwork(section_memory.empty_state(template, 0), ThreadPool(1)))


def use(network: LiveNetwork) -> None:
    """Use a new network with an input ``in`` and an output ``out`` once in every way that users do."""
    network.resize({"in": 1}, {"out": 1})
    values = np.ones((1, 1), np.float32)
    rows = Rows((Columns("in", values),), (Columns("out", values),))
    run = Run(lambda done: True)
    network.train(rows, run)
    network.request(Rows(rows.inputs), {"out": np.zeros((1, 1), np.float32)}, run)
    network.train_one({"in": values[0]}, {"out": values[0]})
    network.request_one({"in": values[0]})
