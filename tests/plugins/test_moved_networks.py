"""Networks of section growth go from the Numba host to the NumPy host of the examples and back, as states."""

from __future__ import annotations

import io
import itertools
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
from tests.lengths import seldom
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


TEMPLATES = {"flat": line, "deep": deep}
TRAININGS = (train, train_with_weights, train_far_from_zero, stream)
Opened = dict[str, Callable[[NetworkState], LiveNetwork]]
HOSTS = (("cpu", "numpy"), ("numpy", "cpu"))
moves = pytest.mark.parametrize(
    ("shape", "training", "origin", "other"),
    [
        (seldom if (turn + place) % 2 else pytest.param)(
            *(shape, training, *hosts), id=f"{shape}-{training.__name__}-{hosts[0]}"
        )
        for turn, (shape, training) in enumerate(itertools.product(TEMPLATES, TRAININGS))
        for place, hosts in enumerate(HOSTS)
    ],
)


def fresh(open_on: Opened, kind: str, shape: str) -> LiveNetwork:
    network = open_on[kind](RULES.create(TEMPLATES[shape](), 7))
    network.resize(*easy_rows().sizes())
    return network


def answers(network: LiveNetwork) -> np.ndarray:
    rows = easy_rows(200, seed=3)
    result = np.zeros((200, 3), np.float32)
    network.request(Rows(rows.inputs), {"out": result}, ALWAYS)
    return result


def moved(open_on: Opened, network: LiveNetwork, kind: str) -> LiveNetwork:
    """Return the network on another host, stored and read on the way."""
    file = io.BytesIO()
    network.state().write(file)
    return open_on[kind](NetworkState.read(file))


@moves
def test_a_moved_network_is_the_same_and_answers_the_same(
    open_on: Opened, shape: str, training: Callable[[LiveNetwork], None], origin: str, other: str
) -> None:
    network = fresh(open_on, origin, shape)
    training(network)
    there = moved(open_on, network, other)
    assert there.state().digest() == network.state().digest()
    np.testing.assert_allclose(answers(there), answers(network), rtol=1e-5, atol=1e-7)
    one = {"in": easy_rows(1, seed=3).inputs[0].values[0].astype(np.float32)}
    np.testing.assert_allclose(there.request_one(one)["out"], network.request_one(one)["out"], rtol=1e-5, atol=1e-7)


@moves
def test_a_moved_network_learns_what_it_would_have_learned(
    open_on: Opened, shape: str, training: Callable[[LiveNetwork], None], origin: str, other: str
) -> None:
    network = fresh(open_on, origin, shape)
    training(network)
    there = moved(open_on, network, other)
    for one in (network, there):
        training(one)
    here, back = network.state(), moved(open_on, there, origin).state()
    assert here.head.cycles == back.head.cycles
    assert here.arrays.keys() == back.arrays.keys()
    for name, array in here.arrays.items():
        grown = name.rpartition(".")[2] in ("floors", "borders", "limits", "row_of_source")
        np.testing.assert_allclose(back.arrays[name], array, rtol=0 if grown else 1e-7, atol=0 if grown else NEAR)


def test_a_stored_network_has_the_same_bytes_on_both_hosts(open_on: Opened) -> None:
    network = fresh(open_on, "cpu", "flat")
    stream(network)
    files = io.BytesIO(), io.BytesIO()
    for file, one in zip(files, (network, moved(open_on, network, "numpy")), strict=True):
        one.state().write(file)
    assert files[0].getvalue() == files[1].getvalue()


def test_a_network_that_was_never_given_all_of_its_inputs_answers(open_on: Opened) -> None:
    hexagons = tuple(Position(x, 1, 1) for x in range(5))
    inputs = Input("in", 0), Input("late", 1)
    template = Template(Settings(max_connection_distance=2), hexagons, inputs, (Output("out", 4),))
    found = []
    for kind in ("cpu", "numpy"):
        network = open_on[kind](RULES.create(template, 7))
        network.resize({"in": 20}, {"out": 3})
        train(network)
        network.resize({"late": 5, "in": 22}, {})
        found.append(answers(network))
    np.testing.assert_allclose(found[0], found[1], atol=NEAR)
