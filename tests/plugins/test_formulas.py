"""Formulas say what networks answer, whatever they are made of, and every export computes what its formula says."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hanami_core.compute import Columns, Rows
from hanami_core.compute.states import check_state, formula_of
from hanami_core.errors import Unprocessable
from hanami_core.network import NetworkState, Settings, Template
from hanami_core.network.formula import Formula
from hanami_core.network.template import Input, Output, Position
from hanami_core.testing.hosts import host_context
from hanami_plugins.export_numpy import module
from hanami_plugins.export_onnx import model_bytes
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules, CpuSynapseRules
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.lengths import seldom
from tests.plugins import engine_kit, synapse
from tests.plugins.export_kit import Inputs, agree, by_numpy, by_onnx

pytestmark = pytest.mark.timeout(300)
SOURCES, CLASSES, ROWS = 12, 3, 400
RULES = [CpuSectionRules(), CpuSynapseRules()]


def said(state: NetworkState) -> Formula:
    check_state(RULES[state.head.rules == "synapse"], state)
    return formula_of(RULES, state)


def exports_agree(formula: Formula, inputs: Inputs, answers: Inputs, directory: Path) -> None:
    agree(formula.evaluate(inputs), answers)
    agree(by_onnx(model_bytes(formula), inputs), answers)
    agree(by_numpy(b"".join(module.archive(formula)), inputs, directory), answers)


def given(seed: int) -> np.ndarray:
    """Return rows of which one of the first values is the largest; some values are 0, and others small or large."""
    random = np.random.default_rng(seed)
    values = random.integers(0, 255, (ROWS, SOURCES)) * (random.random((ROWS, SOURCES)) < 0.6)
    values[np.arange(ROWS), np.arange(ROWS) % CLASSES] += 300
    return (values * np.array([1] * CLASSES + [1e-4, 50, -1] * 3)).astype(np.float32)


def grown(template: Template, target: float = 1, epochs: int = 3) -> Any:
    live = synapse.network(template, {"in": SOURCES}, {"out": CLASSES})
    wanted = np.eye(CLASSES, dtype=np.float32)[np.arange(ROWS) % CLASSES] * np.float32(target)
    for _ in range(epochs):
        live.train(synapse.rows({"in": given(1)}, {"out": wanted}), synapse.ALWAYS)
    return live


MODES, TYPES = ("plain", "binary", "match"), (("plain", 1), ("bool", 1), ("int", 7), ("float", -7.3))


@pytest.mark.parametrize(
    ("mode", "kind", "target", "length"),
    [
        (pytest.param if turn % 5 == 0 or turn == 3 else seldom)(mode, kind, target, 3 + turn % 2)
        for turn, (mode, (kind, target)) in enumerate(itertools.product(MODES, TYPES))
    ],
)
def test_synapse_networks_of_all_inputs_and_outputs(
    tmp_path: Path, mode: str, kind: str, target: float, length: int
) -> None:
    live = grown(synapse.line(length, mode=mode, kind=kind), target)
    inputs = {"in": np.concatenate([given(1), given(2), np.zeros((1, SOURCES), np.float32)])}
    answers = synapse.ask(live, inputs)
    assert np.ptp(answers["out"]) > 0
    exports_agree(said(live.state()), inputs, answers, tmp_path)


def test_wide_synapse_networks_with_reduction(tmp_path: Path) -> None:
    """Hexagons of several blocks, sections that were split, and synapses that were removed."""
    random = np.random.default_rng(3)
    template = synapse.line(4, Settings(enable_reduction=True))
    live = synapse.network(template, {"in": 300}, {"out": 20})
    inputs = (random.random((600, 300)) * np.exp(random.normal(4, 3, (600, 300)))).astype(np.float32)
    inputs[:, :2] = np.arange(1, 1201).reshape(600, 2)
    live.train(synapse.rows({"in": inputs}, {"out": np.eye(20, dtype=np.float32)[np.arange(600) % 20]}), synapse.ALWAYS)
    arrays = live.state().arrays
    assert np.bincount(arrays["block_hexagon"]).max() > 1
    assert (arrays["synapse_activity"] == 0).any()
    assert (arrays["section_span"][:, 0] > 0).any()
    exports_agree(said(live.state()), {"in": inputs}, synapse.ask(live, {"in": inputs}), tmp_path)


def test_synapse_networks_of_windows_and_several_interfaces(tmp_path: Path) -> None:
    """An input of a window of rows, one that is listed late, an output that is read by nobody, and one of two."""
    hexagons = tuple(Position(x, y, 1) for x, y in ((1, 1), (1, 2), (2, 1), (3, 1), (3, 2)))
    template = Template(
        Settings(max_connection_distance=2),
        hexagons,
        (Input("left", 0), Input("right", 1, "match")),
        (Output("kind", 3), Output("size", 4, "float")),
    )
    random = np.random.default_rng(1)
    columns = {"left": random.normal(0, 90, (ROWS, 4)), "right": random.integers(0, 9, (ROWS, 2))}
    data = {name: values.astype(np.float32) for name, values in columns.items()}
    wanted = {"kind": random.random((ROWS, 2)), "size": random.normal(size=(ROWS, 1))}
    live = synapse.network(template, {"left": 12, "right": 6}, {"kind": 2, "size": 1})
    live.train(
        synapse.rows(data, {name: values[2:].astype(np.float32) for name, values in wanted.items()}, 3), synapse.ALWAYS
    )
    windows = {name: np.hstack([values[turn : ROWS - 2 + turn] for turn in range(3)]) for name, values in data.items()}
    exports_agree(said(live.state()), windows, synapse.ask(live, data, 3), tmp_path)


def test_a_synapse_network_that_has_grown_nothing_answers_nothing(tmp_path: Path) -> None:
    live = synapse.network(synapse.line(3), {"in": 2}, {"out": 3})
    inputs = {"in": np.ones((4, 2), np.float32)}
    exports_agree(said(live.state()), inputs, {"out": np.zeros((4, 3), np.float32)}, tmp_path)


CIRCLE = Template(
    Settings(),
    (Position(0, 1, 1), Position(1, 1, 1), Position(1, 1, 2), Position(2, 1, 2)),
    (Input("in", 0),),
    (Output("out", 3),),
)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (synapse.line(3, Settings(neuron_cooldown=1.5)), "with neuron_cooldown: 1.5 its neurons remember"),
        (synapse.line(3, Settings(refractory_time=4)), "with refractory_time: 4 its neurons remember"),
        (CIRCLE, "hexagon 1,1,2 leads back to 1,1,1, which therefore"),
    ],
)
def test_what_remembers_the_row_before_has_no_formula(template: Template, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        said(grown(template).state())


@pytest.fixture(scope="module")
def host() -> CpuHost:
    opened = CpuHost("cpu0", 1)
    opened.start(host_context(KERNELS))
    return opened


def with_bytes(host: CpuHost, blocks: int, brightest: int) -> Any:
    """Return a network that answers bytes from rounded weights."""
    random = np.random.default_rng(blocks)
    live = engine_kit.network(host, {"a": 700, "b": 5}, {"out": 4}, blocks=blocks)
    values = (random.integers(0, brightest + 1, (400, 705)) * (random.random((400, 705)) < 0.5)).astype(np.uint8)
    kinds = np.eye(4, dtype=np.uint8)[np.arange(400) % 4]
    inputs = Columns("a", values[:, :700]), Columns("b", values[:, 700:])
    live.train(Rows(inputs, (Columns("out", kinds),)), engine_kit.ALWAYS)
    state = live.state()
    head = msgspec.structs.replace(state.head, template=engine_kit.with_int8(state.head.template))
    return engine_kit.RULES.open(NetworkState(head, state.arrays), host)


@pytest.mark.parametrize(("blocks", "brightest"), [(1, 255), (3, 1)])
def test_networks_of_int8_take_bytes(host: CpuHost, tmp_path: Path, blocks: int, brightest: int) -> None:
    """Sums of 700 products of bytes are as exact as the cluster's, on any processor."""
    live = with_bytes(host, blocks, brightest)
    random = np.random.default_rng(9)
    inputs = {"a": random.integers(0, 256, (60, 700), np.uint8), "b": random.integers(0, 256, (60, 5), np.uint8)}
    asked = Rows(tuple(Columns(name, values) for name, values in inputs.items()))
    formula = said(live.state())
    assert formula.types == {"a": "uint8", "b": "uint8"}
    exports_agree(formula, inputs, {"out": engine_kit.answers(live, asked)}, tmp_path)
    assert len(model_bytes(formula)) < 705 * blocks * 64 * 1.5


def test_a_network_of_int8_that_has_learned_numbers_takes_numbers(host: CpuHost, tmp_path: Path) -> None:
    """Its cluster answers from weights of all bits, too."""
    live = engine_kit.RULES.open(engine_kit.RULES.create(engine_kit.with_int8(engine_kit.chain()), 1), host)
    live.resize({"in": SOURCES}, {"out": CLASSES})
    live.train(engine_kit.rows(given(1), np.eye(CLASSES, dtype=np.uint8)[np.arange(ROWS) % CLASSES]), engine_kit.ALWAYS)
    formula = said(live.state())
    assert not formula.types
    exports_agree(formula, {"in": given(2)}, {"out": engine_kit.answers(live, given(2))}, tmp_path)
