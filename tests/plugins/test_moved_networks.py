"""Networks of section growth go from the Numba host to the NumPy host of the examples and back, as states."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hanami_core.compute import Columns, LiveNetwork, NetworkRules, Rows
from hanami_core.network import Input, NetworkState, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import ALWAYS, easy_rows, line
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.plugins.engine_kit import RULES

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "hanami-numpy"
NEAR = 1e-4
"""Sums that are rounded another way, over all cycles of a training."""


def deep() -> Template:
    """Return five hexagons in a row, of which three are hidden and reach past each other."""
    hexagons = tuple(Position(x, 1, 1) for x in range(5))
    return Template(Settings(max_connection_distance=2), hexagons, (Input("in", 0),), (Output("out", 4),))


def train(network: LiveNetwork) -> None:
    network.train(easy_rows(), ALWAYS)


def train_with_weights(network: LiveNetwork) -> None:
    rows = easy_rows()
    weights = np.random.default_rng(2).exponential(2, rows.cycles).astype(np.float32)
    network.train(Rows(rows.inputs, rows.outputs, weights=weights), ALWAYS)


def train_far_from_zero(network: LiveNetwork) -> None:
    rows = easy_rows()
    values = rows.inputs[0].values.astype(np.float32) - np.float32(273.15)
    network.train(Rows((Columns("in", values),), rows.outputs), ALWAYS)


def stream(network: LiveNetwork) -> None:
    """Train so many single cycles that their weights are averaged."""
    rows = easy_rows(1200)
    for inputs, outputs in zip(rows.inputs[0].values, rows.outputs[0].values, strict=True):
        network.train_one({"in": inputs.astype(np.float32)}, {"out": outputs.astype(np.float32)})


@pytest.fixture(scope="module")
def open_on() -> dict[str, Callable[[NetworkState], LiveNetwork]]:
    """Return what opens a state on each of the hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        from hanami_numpy.host import NumpyHost
        from hanami_numpy.rules import NumpySectionRules
    hosts: dict[str, tuple[NetworkRules, CpuHost | NumpyHost]]
    hosts = {"cpu": (RULES, CpuHost("cpu0", 1)), "numpy": (NumpySectionRules(), NumpyHost("numpy0"))}
    for _, host in hosts.values():
        host.start(host_context(KERNELS))
    return {kind: lambda state, r=rules, h=host: r.open(state, h) for kind, (rules, host) in hosts.items()}
