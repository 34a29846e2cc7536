"""Networks of sections on a GPU become what the reference of batches says, in each way in which they are trained."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.network import Input, NetworkState, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import ALWAYS, easy_rows, line
from hanami_plugins.host_cupy import device_training
from hanami_plugins.host_cupy.batches import BatchReference, batch_size
from hanami_plugins.host_cupy.cuda_rules import CudaSectionRules
from hanami_plugins.host_cupy.host import CudaHost
from hanami_plugins.networks_section import CycleSpan, ReferenceNetwork, first_rate, reference_of
from tests.gpu.emulator.switchboard import Switchboard
from tests.lengths import choose

RULES = CudaSectionRules()
WAYS = ("resident", "streamed", "general")
NO_WEIGHTS = np.zeros(0, np.float32)
f32 = np.float32


@pytest.fixture
def host(board: Switchboard, tmp_path: Path) -> Iterator[CudaHost]:
    """Return a started host on an emulated device."""
    host = CudaHost("gpu0", 0)
    host.start(host_context(tmp_path))
    yield host
    host.stop()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return one way after the other, and let all networks be trained so."""
    way = str(request.param)
    if way != "resident":
        monkeypatch.setattr(device_training, "resident_shapes", lambda *_: [])
    if way == "general":
        monkeypatch.setattr(device_training, "streamed_shape", lambda *_: None)
    return way


def opened(host: CudaHost, state: NetworkState, rows: Rows) -> LiveNetwork:
    """Return a network that is ready for rows."""
    network = RULES.open(state, host)
    network.resize(*rows.sizes())
    return network


def batched(state: NetworkState) -> BatchReference:
    """Return the reference of batches of a state."""
    reference = reference_of(state)
    reference.__class__ = BatchReference
    assert isinstance(reference, BatchReference)
    return reference


def learned(reference: ReferenceNetwork, rows: Rows) -> ReferenceNetwork:
    """Let a reference learn the rows of a task from their begin."""
    table, total = rows.inputs[0].values, rows.cycles
    reference.survey(table)
    weights = NO_WEIGHTS if rows.weights is None else rows.weights
    span = CycleSpan(0, total, total, 64, first_rate(total), f32(1e-4), weights)
    reference.learn(table.astype(f32), rows.outputs[0].values.astype(f32), span)
    return reference


def squashing(state: NetworkState, kind: str) -> NetworkState:
    """Return a state whose output has been seen."""
    state.head.extra["squashing"] = {"out": kind}
    return state


def close(found: NetworkState, expected: ReferenceNetwork, tolerance: float) -> None:
    """Compare what was learned, and exactly what has grown.

    Values are rounded to halves, so a hidden neuron near 0 may be on in one and off in the other, and few weights
    differ more than others.
    """
    for name in ("floors", "borders", "limits", "row_of_source"):
        np.testing.assert_array_equal(found.arrays[name], getattr(expected, name), err_msg=name)
    for name in ("weights", "bias", "readout", "readout_bias"):
        away = np.abs(found.arrays[name] - getattr(expected, name))
        assert np.quantile(away, 0.97) <= tolerance, name
        assert away.max() <= 20 * tolerance, name


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_network_becomes_what_the_reference_becomes(host: CudaHost, way: str, blocks: int) -> None:
    """All that it learns and grows in a task of several sizes of batches; ``way`` says how it is trained."""
    rows = easy_rows(700)
    network = opened(host, RULES.create(line(Settings(own={"blocks": blocks})), 7), rows)
    before = squashing(network.state(), "softmax")
    network.train(rows, ALWAYS)
    expected = learned(batched(before), rows)
    close(network.state(), expected, 2e-3)
    assert network.metrics()["failure_rate"] == pytest.approx(float(expected.failure), abs=2e-3)
    assert 0 < network.metrics()["running_accuracy"] <= 1


def test_all_rows_of_a_batch_are_learned_when_they_mean_something_else(host: CudaHost, way: str) -> None:
    """Batches are big while a network knows its rows; with other labels more of them fail than there is room for."""
    rows = easy_rows(1500)
    network = opened(host, RULES.create(line(), 7), rows)
    network.train(rows, ALWAYS)
    assert network.metrics()["failure_rate"] < 0.2
    other = easy_rows(192)
    other = replace(other, outputs=(Columns("out", np.roll(other.outputs[0].values, 1, axis=1)),))
    before = network.state()
    network.train(other, ALWAYS)
    close(network.state(), learned(batched(before), other), 5e-3)


def test_values_are_bytes_or_floats_below_zero_and_far_apart(host: CudaHost, way: str) -> None:
    """Ranges, floors and limits are those of the reference for floats, whatever they are."""
    random = np.random.default_rng(3)
    table = random.normal(5, 3, (300, 9)).astype(f32) * np.logspace(-3, 4, 9, dtype=f32)
    table[17, 3] = 1e9
    classes = np.eye(2, dtype=f32)[(table[:, 4] > 50).astype(int)]
    rows = Rows((Columns("in", table),), (Columns("out", classes),))
    network = opened(host, RULES.create(line(), 3), rows)
    before = squashing(network.state(), "softmax")
    network.train(rows, ALWAYS)
    close(network.state(), learned(batched(before), rows), 2e-3)
    assert network.metrics()["outlier_rows"] == 1


def test_outputs_that_are_no_classes_are_learned(host: CudaHost, way: str) -> None:
    """Values between 0 and 1 are squashed one by one, and count more where they are graded."""
    rows = easy_rows(300)
    graded = np.clip(rows.outputs[0].values * f32(0.7) + f32(0.1), 0, 1).astype(f32)
    rows = replace(rows, outputs=(Columns("out", graded),))
    network = opened(host, RULES.create(line(), 3), rows)
    before = squashing(network.state(), "sigmoid")
    network.train(rows, ALWAYS)
    close(network.state(), learned(batched(before), rows), 2e-3)


def test_rows_count_by_their_weights(host: CudaHost, way: str) -> None:
    """A heavy row is there several times, one without weight only raises borders."""
    random = np.random.default_rng(4)
    rows = replace(easy_rows(900), weights=random.choice([0, 0.5, 1, 7.3], 900).astype(f32))
    network = opened(host, RULES.create(line(), 5), rows)
    before = squashing(network.state(), "softmax")
    network.train(rows, ALWAYS)
    reference = batched(before)
    reference.survey(rows.inputs[0].values)
    for first in range(0, 900, 512):  # entries of a task with weights begin anew with each slice of cycles
        last = min(first + 512, 900)
        span = CycleSpan(first, last, 900, 64, first_rate(900), f32(1e-4), rows.weights)
        reference.learn(
            rows.inputs[0].values[first:last].astype(f32), rows.outputs[0].values[first:last].astype(f32), span
        )
    close(network.state(), reference, 5e-3)


def test_batches_of_one_grow_and_learn_like_the_processor(host: CudaHost) -> None:
    """Rows, borders and limits are those of the reference of single cycles, and so are answers, nearly."""
    rows = easy_rows(400)
    network: Any = opened(host, RULES.create(line(), 7), rows)
    network._most = 1
    before = squashing(network.state(), "softmax")
    network.train(rows, ALWAYS)
    expected = learned(reference_of(before), rows)
    for name in ("floors", "borders", "limits", "row_of_source"):
        np.testing.assert_array_equal(network.state().arrays[name], getattr(expected, name))
    table = easy_rows(100, seed=2).inputs[0].values
    found = np.zeros((100, 3), f32)
    network.request(Rows((Columns("in", table),)), {"out": found}, ALWAYS)
    assert (found.argmax(1) == expected.answer(table).argmax(1)).mean() > 0.95


def test_networks_become_the_same_beside_others(host: CudaHost) -> None:
    """Many tasks at once: each network is, to the bit, what it is alone."""
    rows = [easy_rows(1200 + 100 * number, seed=number) for number in range(choose(6, 20))]
    alone = []
    for number, own in enumerate(rows):
        network = opened(host, RULES.create(line(), number), own)
        network.train(own, ALWAYS)
        alone.append(network.state().digest())
    networks = [opened(host, RULES.create(line(), number), own) for number, own in enumerate(rows)]
    begin = threading.Barrier(len(networks))

    def train(network: LiveNetwork, own: Rows) -> None:
        begin.wait()
        network.train(own, ALWAYS)

    threads = [threading.Thread(target=train, args=pair) for pair in zip(networks, rows, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [network.state().digest() for network in networks] == alone


def test_a_broken_row_ends_one_task_and_leaves_the_network_as_it_was(host: CudaHost, way: str) -> None:
    """The text names the cycle; a second task at the same time goes on."""
    rows = easy_rows(600)
    broken = rows.inputs[0].values.astype(f32)
    broken[517, 3] = np.nan
    network = opened(host, RULES.create(line(), 7), rows)
    before = network.state().digest()
    with pytest.raises(FloatingPointError, match="cycle 517"):
        network.train(replace(rows, inputs=(Columns("in", broken),)), ALWAYS)
    assert network.state().digest() == before
    network.train(rows, ALWAYS)
    assert network.head.cycles == 600


def test_windows_and_several_inputs_lie_side_by_side(host: CudaHost) -> None:
    """A cycle of three rows of two inputs, one of them shorter than the network's, is learned."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1))
    template = Template(Settings(), hexagons, (Input("a", 0), Input("b", 0)), (Output("out", 2),))
    rows = easy_rows(302)
    values = rows.inputs[0].values
    given = Rows(
        (Columns("a", values[:, :9]), Columns("b", values[:, 9:].astype(f32))),
        (Columns("out", rows.outputs[0].values[2:]),),
        time_length=3,
    )
    network = RULES.open(RULES.create(template, 2), host)
    network.resize({"a": 30, "b": 33}, {"out": 3})
    for _ in range(3):
        network.train(given, ALWAYS)
    answers = np.zeros((300, 3), f32)
    network.request(Rows(given.inputs, (), 3), {"out": answers}, ALWAYS)
    assert (answers.argmax(1) == rows.outputs[0].values[2:].argmax(1)).mean() > 0.8


def test_batches_grow_while_a_network_learns() -> None:
    """Sixteen failures to expect, a multiple of eight cycles, and never more than asked for."""
    assert [batch_size(f32(failure), 64) for failure in (1, 0.9, 0.5, 0.25, 0.1, 0)] == [16, 16, 32, 64, 64, 64]
    assert batch_size(f32(1), 1) == 1


def test_a_run_tells_how_far_it_is(host: CudaHost) -> None:
    """Several times, at the end of slices, and at last at the end."""
    rows = easy_rows(20_000)
    network = opened(host, RULES.create(line(), 7), rows)
    told: list[int] = []
    network.train(rows, Run(lambda cycle: told.append(cycle) is None))
    assert told[-1] == 20_000
    assert all(cycle % 512 == 0 for cycle in told[:-1])
