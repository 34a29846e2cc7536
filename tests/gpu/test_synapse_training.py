"""What GPUs make of synapse networks is what the references make of them; the device is emulated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.compute import Columns, LiveNetwork, Rows
from hanami_core.errors import BadRequest
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import ALWAYS, CLASSES, WIDTH, easy_rows, line
from hanami_plugins.host_cupy import synapse_batches, synapse_network
from hanami_plugins.host_cupy.host import CudaHost
from hanami_plugins.host_cupy.synapse_batches import BatchPlan, batch_size, grown_size, rate_of
from hanami_plugins.host_cupy.synapse_rules import CudaSynapseRules
from hanami_plugins.host_cupy.synapse_training import SynapseTraining, TrainingShape
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_synapse.synapse_reference import Reference
from tests.gpu.emulator.switchboard import Switchboard
from tests.gpu.synapse_oracle import BatchReference
from tests.plugins.synapse import HOST as PROCESSOR
from tests.plugins.synapse import RULES as PROCESSOR_RULES
from tests.plugins.synapse import Pair, ask, network, start_once
from tests.plugins.synapse import line as in_a_row

RULES = CudaSynapseRules()
SHAPES = [TrainingShape(1, 128, 1), TrainingShape(2, 128, 4), TrainingShape(8, 512, 4), TrainingShape(1, 512, 1)]


@pytest.fixture
def host(board: Switchboard, tmp_path: Path) -> Iterator[CudaHost]:
    host = CudaHost("gpu0", 0)
    host.start(host_context(tmp_path))
    yield host
    host.stop()


def shaped(monkeypatch: pytest.MonkeyPatch, shape: TrainingShape) -> None:
    """Let a network be trained by so many blocks of so many threads."""
    monkeypatch.setattr(SynapseTraining, "_shape", lambda self: shape)


def batched(monkeypatch: pytest.MonkeyPatch, size: int, single: int = 0) -> None:
    """Let networks learn in batches of some size, after some single cycles."""
    monkeypatch.setattr(synapse_batches, "SLICE", single or synapse_batches.SLICE)
    monkeypatch.setattr(synapse_batches, "SIZES", ((single, 1),))
    monkeypatch.setattr(synapse_network, "grown_size", lambda values: size)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads take the emulator longer."""
    shaped(monkeypatch, SHAPES[0])


@pytest.fixture
def processor() -> CpuHost:
    """Return a host on the processor, where Numba is installed."""
    pytest.importorskip("numba")
    start_once()
    return PROCESSOR


def opened(host: CudaHost, template: Template, inputs: dict[str, int], outputs: dict[str, int]) -> LiveNetwork:
    network = RULES.open(RULES.create(template, 7), host)
    network.resize(inputs, outputs)
    return network


class Compared(Pair):
    """A network on the device beside a reference."""

    def __init__(self, live: LiveNetwork, reference: Reference) -> None:
        self.live, self.reference, self.template = live, reference, reference.template


def as_values(rows: Rows) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the inputs and outputs of all cycles of rows."""
    sides = []
    for side in (rows.inputs, rows.outputs):
        sides.append([{one.name: one.values[cycle] for one in side} for cycle in range(rows.cycles)])
    return sides[0], sides[1]


def deep() -> Template:
    """Return a template with two inputs, two hidden hexagons in a row and two outputs."""
    positions = tuple(Position(x, y, 1) for x, y in ((1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 2)))
    inputs = Input("in", 0), Input("more", 1)
    outputs = Output("out", 4), Output("also", 5)
    return Template(Settings(max_connection_distance=2), positions, inputs, outputs)


@pytest.mark.long
def test_single_cycles_make_what_a_processor_makes(host: CudaHost) -> None:
    """Each draw, each border, each link is the same."""
    rows = easy_rows(150)
    live = opened(host, line(), {"in": WIDTH}, {"out": CLASSES})
    reference = Reference(line(), 7, {"in": WIDTH}, {"out": CLASSES})
    live.train(rows, ALWAYS)
    for inputs, outputs in zip(*as_values(rows), strict=True):
        reference.train(inputs, outputs)
    Compared(live, reference).assert_same()


@pytest.mark.parametrize("weighted", [False, True])
def test_batches_make_what_the_oracle_makes(host: CudaHost, monkeypatch: pytest.MonkeyPatch, weighted: bool) -> None:
    batched(monkeypatch, 64)
    rows = easy_rows(200)
    weights = np.random.default_rng(3).uniform(0, 1, 200).astype(np.float32)
    live = opened(host, line(), {"in": WIDTH}, {"out": CLASSES})
    reference = BatchReference(line(), 7, {"in": WIDTH}, {"out": CLASSES})
    live.train(replace(rows, weights=weights) if weighted else rows, ALWAYS)
    inputs, outputs = as_values(rows)
    for begin in range(0, 200, 64):
        chosen = slice(begin, begin + 64)
        shares = weights[chosen] if weighted else np.zeros(0, np.float32)
        reference.learn(inputs[chosen], outputs[chosen], rate_of(64, shares), shares.tolist())
    Compared(live, reference).assert_same()


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_the_number_of_threads_changes_nothing(
    host: CudaHost, monkeypatch: pytest.MonkeyPatch, shape: TrainingShape
) -> None:
    batched(monkeypatch, 32, single=16)
    digests = []
    for one in (SHAPES[0], shape):
        shaped(monkeypatch, one)
        live = opened(host, line(), {"in": WIDTH}, {"out": CLASSES})
        live.train(easy_rows(64), ALWAYS)
        digests.append(live.state().digest())
    assert digests[0] == digests[1]


def many_rows(count: int, sizes: dict[str, int], outputs: dict[str, int]) -> Rows:
    """Return rows of several inputs and outputs: outputs tell whether the first values of the inputs are big."""
    random = np.random.default_rng(4)
    values = {name: random.uniform(0, 4, (count, size)).astype(np.float32) for name, size in sizes.items()}
    big = np.stack([one[:, 0] > 2 for one in values.values()], axis=1).astype(np.float32)
    return Rows(
        tuple(Columns(name, one) for name, one in values.items()),
        tuple(
            Columns(name, np.resize(big[:, number % 2], (size, count)).T)
            for number, (name, size) in enumerate(outputs.items())
        ),
    )


def test_several_inputs_and_outputs_and_hidden_hexagons_in_a_row(
    host: CudaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts that a block of threads has no room for are read again when their turn comes."""
    batched(monkeypatch, 16)
    inputs, outputs = {"in": 3, "more": 5}, {"out": 2, "also": 1}
    rows = many_rows(64, inputs, outputs)
    live = opened(host, deep(), inputs, outputs)
    reference = BatchReference(deep(), 7, inputs, outputs)
    live.train(rows, ALWAYS)
    given, expected = as_values(rows)
    for begin in range(0, 64, 16):
        chosen = slice(begin, begin + 16)
        reference.learn(given[chosen], expected[chosen], rate_of(16, np.zeros(0, np.float32)))
    assert len({section.source[0] for block in reference.blocks for section in block.sections}) > 3
    Compared(live, reference).assert_same()


@pytest.mark.parametrize("kind", ["bool", "int", "float"])
@pytest.mark.parametrize("mode", ["plain", "binary", "match"])
@pytest.mark.usefixtures("processor")
def test_all_kinds_of_inputs_and_outputs(host: CudaHost, mode: Any, kind: Any) -> None:
    """A window of two rows is read, and answers are those of a processor."""
    template = in_a_row(3, mode=mode, kind=kind)
    random = np.random.default_rng(5)
    values = random.integers(0, 4, (40, 3)).astype(np.float32)
    wanted = random.integers(0, 2, (40, 1)).astype(np.float32)
    rows = Rows((Columns("in", values),), (Columns("out", wanted),), 2)
    live, other = opened(host, template, {"in": 6}, {"out": 1}), network(template, {"in": 6}, {"out": 1})
    for one in (live, other):
        one.train(rows, ALWAYS)
    mine, theirs = live.state().arrays, other.state().arrays
    for name in ("section_place", "section_size", "link_neuron"):
        np.testing.assert_array_equal(mine[name], theirs[name])
    np.testing.assert_allclose(mine["synapse_weight"], theirs["synapse_weight"], rtol=1e-4, atol=1e-6)
    asked = {"in": values}
    np.testing.assert_allclose(ask(live, asked, 2)["out"], ask(other, asked, 2)["out"], rtol=1e-4)


@pytest.mark.long
@pytest.mark.usefixtures("processor")
def test_full_sections_are_split(host: CudaHost) -> None:
    """A source whose values never repeat needs more than one section."""
    values = np.random.default_rng(6).uniform(0, 1000, (700, 1)).astype(np.float32)
    rows = Rows((Columns("in", values),), (Columns("out", (values > 500).astype(np.float32)),))
    live, other = opened(host, line(), {"in": 1}, {"out": 1}), network(line(), {"in": 1}, {"out": 1})
    for one in (live, other):
        one.train(Rows((Columns("in", values[:500]),), (Columns("out", rows.outputs[0].values[:500]),)), ALWAYS)
    mine, theirs = live.state().arrays, other.state().arrays
    assert (theirs["section_span"][:, 0] > 0).any()
    for name in ("section_place", "section_size"):
        np.testing.assert_array_equal(mine[name], theirs[name])
    np.testing.assert_allclose(mine["section_span"], theirs["section_span"], rtol=1e-5)


def test_a_network_moves_to_a_processor_and_back(host: CudaHost, processor: CpuHost) -> None:
    """It answers the same, its state is the same, and it goes on learning there and here."""
    rows = easy_rows(300)
    live = opened(host, line(), {"in": WIDTH}, {"out": CLASSES})
    live.train(rows, ALWAYS)
    state = live.state()
    there = PROCESSOR_RULES.open(state, processor)
    assert there.state().digest() == state.digest()
    values = {"in": easy_rows(100, 3).inputs[0].values}
    np.testing.assert_allclose(ask(live, values)["out"], ask(there, values)["out"], rtol=1e-4)
    there.train(rows, ALWAYS)
    again = RULES.open(there.state(), host)
    np.testing.assert_allclose(ask(again, values)["out"], ask(there, values)["out"], rtol=1e-4)
    again.train(rows, ALWAYS)
    assert again.head.cycles == 900


def test_values_that_are_no_numbers_change_nothing(host: CudaHost) -> None:
    rows = easy_rows(100)
    live = opened(host, line(), {"in": WIDTH}, {"out": CLASSES})
    live.train(rows, ALWAYS)
    before = live.state().digest()
    broken, wrong = rows.inputs[0].values.astype(np.float32), rows.outputs[0].values.astype(np.float32)
    broken[70, 3], wrong[20, 1] = np.nan, np.inf
    inputs, outputs = (Columns("in", broken),), (Columns("out", wrong),)
    with pytest.raises(FloatingPointError, match="cycle 70"):
        live.train(Rows(inputs, rows.outputs), ALWAYS)
    with pytest.raises(FloatingPointError, match="cycle 20"):
        live.train(Rows(rows.inputs, outputs), ALWAYS)
    with pytest.raises(FloatingPointError, match="cycle 70"):
        live.request(Rows(inputs), {"out": np.zeros((100, CLASSES), np.float32)}, ALWAYS)
    with pytest.raises(FloatingPointError):
        live.train_one({"in": broken[70]}, {"out": wrong[0]})
    assert live.state().digest() == before


def test_rows_that_do_not_fit_change_nothing(host: CudaHost) -> None:
    good = easy_rows(20)
    live = opened(host, line(), {"in": WIDTH}, {"out": CLASSES})
    before = live.state().digest()
    for rows in (
        Rows(good.inputs),
        Rows((Columns("no", good.inputs[0].values),), good.outputs),
        Rows(good.inputs, (Columns("out", good.outputs[0].values[:, :2]),)),
    ):
        with pytest.raises(BadRequest):
            live.train(rows, ALWAYS)
    with pytest.raises(BadRequest):
        live.request(good, {"out": np.zeros((1, CLASSES), np.float32)}, ALWAYS)
    with pytest.raises(BadRequest):
        live.train_one({"in": np.zeros(WIDTH, np.float32)}, {})
    assert live.state().digest() == before


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings(neuron_cooldown=1.5), "neuron_cooldown"),
        (Settings(refractory_time=2), "refractory_time"),
        (Settings(enable_reduction=True), "reduction"),
    ],
)
def test_templates_whose_cycles_depend_on_each_other_are_refused(settings: Settings, reason: str) -> None:
    refused = RULES.refuses(line(settings))
    assert refused is not None
    assert reason in refused
    assert "a CPU runs" in refused
    assert RULES.refuses(line()) is None


def test_a_way_back_is_refused() -> None:
    """A hexagon may send only to those that have their turn later."""
    positions = (Position(1, 1, 1), Position(3, 1, 1), Position(2, 1, 1), Position(4, 1, 1))
    template = Template(Settings(), positions, (Input("in", 0),), (Output("out", 3),))
    assert "way back" in str(RULES.refuses(template))


def test_batches_are_as_big_as_age_and_inputs_allow() -> None:
    """A young network learns cycle by cycle, and one with few inputs from few cycles at a time."""
    assert [batch_size(cycles, 64) for cycles in (0, 511, 512, 2048, 60_000)] == [1, 1, 8, 64, 64]
    assert [batch_size(cycles, 4) for cycles in (0, 512, 60_000)] == [1, 4, 4]
    assert [grown_size(values) for values in (1, 25, 200, 511, 784)] == [8, 8, 24, 56, 64]


def test_a_schedule_begins_anew_in_each_slice() -> None:
    """So it does not matter where a run was interrupted, whatever cycles weigh."""
    weights = np.random.default_rng(2).exponential(2, 1500).astype(np.float32)
    whole = BatchPlan.of((0, 1500), 1000, weights, 64)
    parts = [BatchPlan.of(span, 1000, weights, 64) for span in ((0, 512), (512, 1500))]
    np.testing.assert_array_equal(whole.rates, np.concatenate([part.rates for part in parts]))
    np.testing.assert_array_equal(whole.entries, np.concatenate([parts[0].entries, parts[1].entries + 512]))
    assert whole.starts[-1] == len(whole.entries) == sum(part.starts[-1] for part in parts)
