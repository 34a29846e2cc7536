"""Load or compile all kernels, once in a process, by using a tiny network in every way that users do."""

from __future__ import annotations

from functools import cache

import numpy as np

from hanami_core.compute import Columns, Rows, Run
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_plugins.host_numba.synapse.live import SynapseNetwork
from hanami_plugins.host_numba.synapse.memory import empty_state
from hanami_plugins.host_numba.team import Team


@cache
def up() -> None:
    """Train and ask a network of one input and one output."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 1),))
    network = SynapseNetwork(empty_state(template, 0), Team(1))
    network.resize({"in": 1}, {"out": 1})
    values = np.ones((1, 1), np.float32)
    rows = Rows((Columns("in", values),), (Columns("out", values),))
    network.train(rows, Run(lambda done: True))
    network.request(Rows(rows.inputs), {"out": np.zeros((1, 1), np.float32)}, Run(lambda done: True))
