"""Host and rules pass the suites for them, and networks answer what they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hanami_echo.host import EchoHost
from hanami_echo.rules import EchoRules

from hanami_core.compute import Columns, ComputeHost, LiveNetwork, NetworkRules, Rows
from hanami_core.errors import BadRequest, CorruptFile
from hanami_core.network import NetworkState, Settings, StateHead, in_a_line
from hanami_core.testing.hosts import HostConformance, host_context
from hanami_core.testing.networks import ALWAYS, RulesConformance, line


class TestEchoHost(HostConformance):
    @pytest.fixture
    def host(self) -> ComputeHost:
        return EchoHost("echo0")

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        return [EchoRules()]


class TestEchoRules(RulesConformance):
    @pytest.fixture
    def host(self, tmp_path: Path) -> ComputeHost:
        host = EchoHost("echo0")
        host.start(host_context(tmp_path))
        return host

    @pytest.fixture
    def rules(self) -> NetworkRules:
        return EchoRules()


def echo(gain: float, inputs: int, outputs: int) -> LiveNetwork:
    template = line(Settings(growth="echo", own={"gain": gain}))
    network = EchoRules().open(EchoRules().create(template, 1), EchoHost("echo0"))
    network.resize({"in": inputs}, {"out": outputs})
    return network


def answers(network: LiveNetwork, values: list[list[float]], time_length: int = 1) -> list[list[float]]:
    rows = Rows((Columns("in", np.array(values, np.float32)),), time_length=time_length)
    result = np.zeros((rows.cycles, network.head.outputs["out"]), np.float32)
    network.request(rows, {"out": result}, ALWAYS)
    found: list[list[float]] = result.tolist()
    return found


def test_answers_are_scaled() -> None:
    assert answers(echo(2.5, 2, 2), [[1, 2], [3, 4]]) == [[2.5, 5], [7.5, 10]]


def test_answers_have_the_size_of_the_output() -> None:
    assert answers(echo(1, 3, 2), [[1, 2, 3]]) == [[1, 2]]
    assert answers(echo(1, 1, 3), [[7]]) == [[7, 0, 0]]


def test_a_cycle_reads_several_rows() -> None:
    assert answers(echo(1, 2, 2), [[1], [2], [3]], time_length=2) == [[1, 2], [2, 3]]


def test_answers_are_finite() -> None:
    assert np.isfinite(answers(echo(1000, 1, 1), [[3e38]])).all()


def test_every_input_needs_an_output() -> None:
    assert EchoRules().refuses(in_a_line(["a", "b"], ["x"])) == "echo needs one output for each input"
    assert EchoRules().refuses(in_a_line(["a", "b"], ["x", "y"])) is None


@pytest.mark.parametrize("sizes", [({"in": -1}, {}), ({}, {"out": 3}), ({"no": 1}, {})])
def test_impossible_sizes(sizes: tuple[dict[str, int], dict[str, int]]) -> None:
    with pytest.raises(BadRequest):
        echo(1, 2, 2).resize(*sizes)


def test_the_state_of_another_rule_set_is_refused() -> None:
    for state in (
        NetworkState(StateHead("other", line(), 1)),
        NetworkState(StateHead("echo", line(), 1), {"a": np.zeros(1)}),
    ):
        with pytest.raises(CorruptFile):
            EchoRules().open(state, EchoHost("echo0"))
