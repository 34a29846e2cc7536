"""Load or compile all kernels of deep networks by using a tiny one in every way that users do."""

from __future__ import annotations

import numpy as np

from hanami_core.compute import Columns, Rows, Run
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_plugins.host_numba.deep.live import DeepNetwork
from hanami_plugins.host_numba.deep.memory import empty_state
from hanami_plugins.host_numba.team import Team


def up() -> None:
    """Train and ask a network of two hidden hexagons."""
    hexagons = tuple(Position(x, 1, 1) for x in range(4))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 3),))
    network = DeepNetwork(empty_state(template, 0), Team(1))
    network.resize({"in": 1}, {"out": 1})
    values = np.ones((1, 1), np.float32)
    rows, run = Rows((Columns("in", values),), (Columns("out", values),)), Run(lambda done: True)
    network.train(rows, run)
    network.request(Rows(rows.inputs), {"out": np.zeros((1, 1), np.float32)}, run)
    network.train_one({"in": values[0]}, {"out": values[0]})
    network.request_one({"in": values[0]})
