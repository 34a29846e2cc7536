"""Host and rules pass the suites for them, and nothing of a compute library is ever imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hanami_numpy.host import NumpyHost
from hanami_numpy.rules import NumpySectionRules

from hanami_core.compute import Columns, ComputeHost, LiveNetwork, NetworkRules, Rows
from hanami_core.errors import BadRequest
from hanami_core.network import Settings, in_a_line
from hanami_core.testing.hosts import HostConformance, host_context
from hanami_core.testing.networks import ALWAYS, NetworkConformance, easy_rows, line


class TestNumpyHost(HostConformance):
    @pytest.fixture
    def host(self) -> ComputeHost:
        return NumpyHost("numpy0")

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        return [NumpySectionRules()]


class TestSectionGrowth(NetworkConformance):
    @pytest.fixture
    def host(self, tmp_path: Path) -> ComputeHost:
        host = NumpyHost("numpy0")
        host.start(host_context(tmp_path))
        return host

    @pytest.fixture
    def rules(self) -> NetworkRules:
        return NumpySectionRules()


def opened(inputs: dict[str, int], outputs: dict[str, int]) -> LiveNetwork:
    rules = NumpySectionRules()
    network = rules.open(rules.create(in_a_line(list(inputs), list(outputs)), 1), NumpyHost("numpy0"))
    network.resize(inputs, outputs)
    return network


def trained() -> LiveNetwork:
    network = opened({"in": 20}, {"out": 3})
    network.train(easy_rows(), ALWAYS)
    return network


def answers(network: LiveNetwork, *inputs: Columns, output: str, time_length: int = 1) -> np.ndarray:
    rows = Rows(inputs, time_length=time_length)
    result = np.zeros((rows.cycles, network.head.outputs[output]), np.float32)
    network.request(rows, {output: result}, ALWAYS)
    return result


def test_inputs_and_outputs_stand_side_by_side() -> None:
    """Each output learns from its own input, whichever the columns come first, and one of them alone, too."""
    network = opened({"a": 1, "b": 1}, {"x": 2, "y": 2})
    bits = np.random.default_rng(1).integers(0, 2, (2, 400, 1), dtype=np.uint8)
    a, b = (Columns(name, values) for name, values in zip("ab", bits, strict=True))
    x, y = (Columns(name, np.hstack([values, 1 - values])) for name, values in zip("xy", bits, strict=True))
    for _ in range(5):
        network.train(Rows((b, a), (y, x)), ALWAYS)
    for name, expected in (("x", x), ("y", y)):
        np.testing.assert_array_equal(answers(network, a, b, output=name).round(), expected.values)
    network.train(Rows((a,), (x,)), ALWAYS)
    np.testing.assert_array_equal(answers(network, a, output="x").round(), x.values)


def test_a_cycle_reads_several_rows() -> None:
    values = np.random.default_rng(1).integers(0, 2, (400, 1), dtype=np.uint8)
    network = opened({"in": 3}, {"out": 2})
    two_before = np.hstack([values, 1 - values])[:-2]
    for _ in range(5):
        network.train(Rows((Columns("in", values),), (Columns("out", two_before),), 3), ALWAYS)
    found = answers(network, Columns("in", values), output="out", time_length=3)
    np.testing.assert_array_equal(found.round(), two_before)


def test_values_that_are_no_numbers_change_nothing() -> None:
    network = trained()
    before = network.state().digest()
    values = easy_rows().inputs[0].values.astype(np.float32)
    values[70, 3] = np.nan
    broken = Columns("in", values)
    with pytest.raises(FloatingPointError, match="cycle 70"):
        network.train(Rows((broken,), easy_rows().outputs), ALWAYS)
    with pytest.raises(FloatingPointError, match="cycle 70"):
        answers(network, broken, output="out")
    with pytest.raises(FloatingPointError):
        network.train_one({"in": values[70]}, {"out": np.zeros(3, np.float32)})
    assert network.state().digest() == before


def test_rows_that_do_not_fit_change_nothing() -> None:
    network, good = trained(), easy_rows()
    before = network.state().digest()
    for rows in (
        Rows(good.inputs),
        Rows((Columns("no", good.inputs[0].values),), good.outputs),
        Rows(good.inputs, (Columns("out", good.outputs[0].values[:, :2]),)),
        Rows(good.inputs, (Columns("out", good.outputs[0].values * np.uint8(2)),)),
    ):
        with pytest.raises(BadRequest):
            network.train(rows, ALWAYS)
    with pytest.raises(BadRequest):
        network.request(good, {"out": np.zeros((1, 3), np.float32)}, ALWAYS)
    with pytest.raises(BadRequest):
        network.train_one({"in": np.zeros(20, np.float32)}, {})
    assert network.state().digest() == before


def test_the_state_that_a_network_was_opened_from_stays_as_it_is() -> None:
    state = trained().state()
    before = state.digest()
    network = NumpySectionRules().open(state, NumpyHost("numpy0"))
    graded = Rows(easy_rows().inputs, (Columns("out", np.full((400, 3), 0.5, np.float32)),))
    network.train(graded, ALWAYS)
    for values in easy_rows().inputs[0].values:
        network.train_one({"in": values.astype(np.float32)}, {"out": np.full(3, 0.5, np.float32)})
    assert state.digest() == before


def test_what_needs_kernels_is_refused() -> None:
    refused = NumpySectionRules().refuses(line(Settings(own={"precision": "int8"})))
    assert refused == "the NumPy host answers with precision: float only"
    assert NumpySectionRules().refuses(line(Settings(growth="synapse"))) is not None


WHOLE_LIFE = """
import sys
from hanami_numpy import hanami_compute_hosts, hanami_network_rules
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import ALWAYS, easy_rows, line
from pathlib import Path

(host,), (rules,) = hanami_compute_hosts({"numpy.hosts": 1}), hanami_network_rules()
host.start(host_context(Path(sys.argv[1])))
network = rules.open(rules.create(line(), 1), host)
network.resize(*easy_rows().sizes())
network.train(easy_rows(), ALWAYS)
host.stop()
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("numba", "llvmlite") or "numba" in name))
"""


def test_no_compute_library_is_imported(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WHOLE_LIFE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
