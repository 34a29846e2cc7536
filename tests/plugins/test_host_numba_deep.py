"""Networks of several hidden hexagons: which templates there are, and that kernels do what the reference says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.errors import CorruptFile
from hanami_core.network import Axon, Input, NetworkState, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import NetworkConformance
from hanami_plugins.host_numba import thread_pool as pool_module
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import LAST_RATE, DeepReference, deep_graph, first_rate
from hanami_plugins.networks_section.deep_graph import Hexagon
from tests.kernels import KERNELS
from tests.lengths import choose
from tests.plugins.engine_kit import ALWAYS, RULES, accuracy, answers, blobs, reopened, rows

pytestmark = pytest.mark.slow

WIDTH, CLASSES = 40, 5
NEAR = 1e-3
"""A neuron that is next to silent may be silent if sums are rounded another way; every further hexagon adds to that."""


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


def line(length: int, distance: int = 1, blocks: int | None = None, *axons: Axon) -> Template:
    """Return hexagons in a row, the first one an input and the last one an output."""
    hexagons = tuple(Position(x, 1, 1) for x in range(length))
    options = Settings(max_connection_distance=distance, own={} if blocks is None else {"blocks": blocks})
    return Template(options, hexagons, (Input("in", 0),), (Output("out", length - 1),), axons)


def opened(host: CpuHost, template: Template, seed: int = 1, **sizes: int) -> LiveNetwork:
    live = RULES.open(RULES.create(template, seed), host)
    given = sizes or {"in": WIDTH, "out": CLASSES}
    inputs, outputs = ({i.name: given[i.name] for i in side} for side in (template.inputs, template.outputs))
    live.resize(inputs, outputs)
    return live


def trained(host: CpuHost, template: Template, cycles: int = 600, seed: int = 1) -> LiveNetwork:
    live = opened(host, template, seed)
    live.train(rows(*blobs(cycles)), ALWAYS)
    return live


# Templates


def test_hexagons_in_a_row_feed_each_other() -> None:
    assert deep_graph.hexagons(line(4)) == (Hexagon(("in",), (), ()), Hexagon((), (0,), ("out",)))
    assert deep_graph.hexagons(line(5, 2)) == (
        Hexagon(("in",), (), ()),
        Hexagon(("in",), (0,), ("out",)),
        Hexagon((), (0, 1), ("out",)),
    )


def test_an_axon_leads_past_a_hexagon() -> None:
    assert deep_graph.hexagons(line(5, 1, None, Axon(1, 3))) == (Hexagon(("in",), (), ()), Hexagon((), (0,), ("out",)))


def test_one_hidden_hexagon_is_not_deep() -> None:
    assert not deep_graph.is_deep(line(3))
    assert not deep_graph.is_deep(line(2))
    assert deep_graph.is_deep(line(4))
    # The second hexagon leads nowhere, so only one is left.
    assert not deep_graph.is_deep(line(4, 1, None, Axon(1, 3)))


def test_hexagons_that_nothing_reaches_do_not_count() -> None:
    template = line(4)
    hexagons = (*template.hexagons, Position(0, 9, 1))
    lost = Template(template.settings, hexagons, template.inputs, template.outputs, (Axon(4, 2),))
    lost.check()
    assert deep_graph.hexagons(lost) == deep_graph.hexagons(template)
    assert RULES.refuses(lost) is None


STACK = (Position(0, 1, 1), Position(1, 1, 1), Position(1, 1, 2), Position(2, 1, 2))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Template(Settings(), STACK, (Input("in", 0),), (Output("out", 3),)), "reach each other"),
        (
            Template(
                Settings(),
                (Position(0, 1, 1), Position(2, 1, 1), Position(1, 1, 1), Position(3, 1, 1)),
                (Input("in", 0),),
                (Output("out", 3),),
            ),
            "hexagon 1,1,1 grows into 2,1,1, which is listed before it",
        ),
        (
            Template(
                Settings(),
                (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1), Position(0, 1, 1)),
                (Input("in", 3),),
                (Output("out", 2),),
            ),
            "hexagon 0,1,1 grows into 1,1,1, which is listed before it",
        ),
        (
            Template(
                Settings(),
                (*(Position(x, 1, 1) for x in range(4)), Position(0, 5, 1)),
                (Input("in", 0), Input("far", 4)),
                (Output("out", 3),),
            ),
            "input 'far'",
        ),
        (
            Template(
                Settings(),
                (*(Position(x, 1, 1) for x in range(4)), Position(0, 5, 1)),
                (Input("in", 0),),
                (Output("out", 3), Output("far", 4)),
            ),
            "output 'far'",
        ),
        (line(60, 30, 32), "weights between hidden neurons"),
    ],
)
def test_what_does_not_flow_is_refused_with_a_reason(bad: Template, reason: str) -> None:
    bad.check()
    assert reason in (CpuSectionRules().refuses(bad) or "")


# The reference


@st.composite
def flows(draw: st.DrawFn) -> Template:
    """Return templates of up to nine hexagons in flow order."""
    cells = draw(st.sets(st.tuples(st.integers(0, 4), st.integers(1, 2)), min_size=4, max_size=9))
    hexagons = tuple(Position(x, y, 1) for x, y in sorted(cells, key=lambda cell: (cell[0], -cell[1])))
    last = len(hexagons) - 1
    inputs, outputs = draw(st.integers(1, min(2, last - 1))), draw(st.integers(1, 2))
    assume(inputs + outputs <= last - 1)
    axons = draw(st.lists(st.tuples(st.integers(0, last), st.integers(0, last)), max_size=2, unique_by=lambda a: a[0]))
    template = Template(
        Settings(max_connection_distance=draw(st.integers(1, 3)), own={"blocks": draw(st.integers(1, 2))}),
        hexagons,
        tuple(Input(f"in{number}", number) for number in range(inputs)),
        tuple(Output(f"out{number}", last - number) for number in range(outputs)),
        tuple(Axon(source, target) for source, target in axons if source < target),
    )
    assume(deep_graph.is_deep(template) and RULES.refuses(template) is None)
    return template


@settings(max_examples=choose(8, 25), deadline=None, derandomize=True)
@given(
    template=flows(),
    seed=st.integers(0, 2**63),
    cycles=st.integers(1, 40),
    size=st.integers(1, 40),
    density=st.sampled_from([0.1, 0.5, 1.0]),
    softmax=st.booleans(),
    bytes_=st.booleans(),
    weighted=st.booleans(),
)
def test_the_kernels_do_what_the_reference_says(
    host: CpuHost,
    template: Template,
    seed: int,
    cycles: int,
    size: int,
    density: float,
    softmax: bool,
    bytes_: bool,
    weighted: bool,
) -> None:
    random = np.random.default_rng(seed)
    inputs = {item.name: size + number for number, item in enumerate(template.inputs)}
    outputs = {item.name: 3 + number for number, item in enumerate(template.outputs)}
    live = RULES.open(RULES.create(template, seed), host)
    live.resize(inputs, outputs)
    reference = DeepReference(template, seed, inputs, [(size, softmax) for size in outputs.values()])

    def tables(count: int) -> dict[str, np.ndarray]:
        return {
            name: (values if bytes_ else values / np.float32(50) - np.float32(0.5))
            for name, n in inputs.items()
            for active in (random.random((count, n)) < density,)
            for values in ((random.integers(1, 256, (count, n)) * active).astype(np.uint8),)
        }

    def columns(tables: dict[str, np.ndarray]) -> tuple[Columns, ...]:
        return tuple(Columns(name, table) for name, table in reversed(tables.items()))

    for task in range(2):
        given, expected = tables(cycles), {}
        for name, n in outputs.items():
            kinds = np.eye(n, dtype=np.float32)[random.integers(0, n, cycles)]
            expected[name] = kinds if softmax else np.maximum(kinds, random.random((cycles, n)) < 0.5)
            expected[name][0] = expected[name][0] if softmax else 1
        rate = first_rate((task + 1) * cycles)
        weights = random.exponential(1.5, cycles).astype(np.float32) if weighted else None
        live.train(Rows(columns(given), columns(expected), weights=weights), ALWAYS)
        tables_of_both = (np.hstack(list(side.values())) for side in (given, expected))
        reference.train(*tables_of_both, cycles, (rate, LAST_RATE), weights)
    state = live.state()
    assert state.head.extra["failure"] == pytest.approx(reference.failure, abs=1e-6)
    for number, hexagon in enumerate(reference.hexagons):
        if hexagon.connected.inputs:
            np.testing.assert_array_equal(state.arrays[f"{number}.row_of_source"], hexagon.row_of_source)
            np.testing.assert_array_equal(state.arrays[f"{number}.borders"], hexagon.borders)
            np.testing.assert_array_equal(state.arrays[f"{number}.floors"], hexagon.floors)
        np.testing.assert_allclose(state.arrays[f"{number}.weights"], hexagon.weights, atol=NEAR)
        np.testing.assert_allclose(state.arrays[f"{number}.readout"], hexagon.readout, atol=NEAR)
    asked = tables(20)
    said = np.hstack([answers(live, Rows(columns(asked)), name) for name in outputs])
    np.testing.assert_allclose(said, reference.answer(np.hstack(list(asked.values()))), atol=NEAR)


# Behaviour


class Deep(CpuSectionRules):
    """The rules, with another hidden hexagon put into the suite's row of three."""

    def create(self, template: Template, seed: int) -> NetworkState:
        assert len(template.hexagons) == 3
        return super().create(line(5, 2), seed)


class TestDeepSectionGrowth(NetworkConformance):
    @pytest.fixture
    def host(self, host: CpuHost) -> CpuHost:
        return host

    @pytest.fixture
    def rules(self) -> CpuSectionRules:
        return Deep()


@pytest.mark.parametrize("length", [4, 6])
def test_an_easy_problem_is_learned_in_one_pass(host: CpuHost, length: int) -> None:
    live = trained(host, line(length), 3000)
    assert accuracy(live, *blobs(500, seed=2)) > 0.97
    metrics = live.metrics()
    assert metrics["blocks"] == 2 * (length - 2)
    assert metrics["sections"] == 2 * WIDTH + 2 * 128 * (length - 3)
    assert metrics["synapses"] == (metrics["sections"] + 2 * CLASSES) * 64
    assert metrics["running_accuracy"] > 0.97


def test_hidden_hexagons_all_learn(host: CpuHost) -> None:
    before, after = opened(host, line(5)).state().arrays, trained(host, line(5)).state().arrays
    for number in (1, 2):
        assert (before[f"{number}.weights"] != after[f"{number}.weights"]).mean() > 0.2
    assert after["0.weights"].shape == (2, WIDTH, 64)


def test_any_number_of_threads_answers_the_same(host: CpuHost) -> None:
    said, digests = [], set()
    state = trained(host, line(5, 2)).state()
    for threads in (1, 2, 3):
        other = CpuHost("cpu0", 1)
        other.thread_pool = pool_module.ThreadPool(threads)
        live = RULES.open(state, other)
        said.append(answers(live, blobs(999, seed=2)[0]))
        live.train(rows(*blobs(300)), ALWAYS)
        digests.add(live.state().digest())
    assert len(digests) == 1
    assert all((said[0] == other).all() for other in said)


@pytest.mark.usefixtures("often")
def test_a_run_stopped_at_any_step_ends_the_same(host: CpuHost) -> None:
    data = rows(*blobs(300))
    whole = opened(host, line(4, 2))
    steps: list[int] = []
    whole.train(data, Run(lambda cycle: steps.append(cycle) is None))
    assert len(steps) > 4
    for stop in steps[:-1]:
        part = opened(host, line(4, 2))
        part.train(data, Run(lambda cycle, stop=stop: cycle < stop))  # type: ignore[misc]
        assert part.head.cycles == stop
        rest = reopened(part, host)
        rest.train(data, Run(lambda cycle: True, stop))
        assert rest.state().digest() == whole.state().digest()


def test_more_sources_than_there_was_room_for(host: CpuHost) -> None:
    random = np.random.default_rng(1)
    values = np.where(random.random((300, 900)) < 0.02, random.integers(1, 255, (300, 900)), 0).astype(np.uint8)
    labels = np.eye(3, dtype=np.uint8)[random.integers(0, 3, 300)]
    small = opened(host, line(4, 2), **{"in": 900, "out": 3})
    small.train(rows(values, labels), ALWAYS)
    large = opened(host, line(4, 2), **{"in": 900, "out": 3})
    build = large._memory._build  # type: ignore[attr-defined]
    large._memory.net = build(large.state().arrays, spare=1000)  # type: ignore[attr-defined]
    large.train(rows(values, labels), ALWAYS)
    assert small.state().arrays["0.weights"].shape[1] > 700
    assert small.state().digest() == large.state().digest()
    assert small.metrics()["running_loss"] == large.metrics()["running_loss"]


@pytest.mark.parametrize("stop", [1, 499, 500, 750])
def test_a_stored_stream_goes_on_as_if_nothing_had_been(host: CpuHost, stop: int) -> None:
    values, labels = blobs(800)
    values = values.astype(np.float32)
    values[:600, 30:] = 0
    values[300:, 7] -= 30

    def stream(live: LiveNetwork, begin: int, end: int) -> LiveNetwork:
        for one, expected in zip(values[begin:end], labels[begin:end], strict=True):
            live.train_one({"in": one.astype(np.float32)}, {"out": expected.astype(np.float32)})
        return live

    whole = stream(opened(host, line(4)), 0, 800)
    part = stream(opened(host, line(4)), 0, stop)
    assert stream(reopened(part, host), stop, 800).state().digest() == whole.state().digest()
    assert accuracy(whole, values, labels) > 0.9


def test_inputs_that_are_no_numbers_are_refused_and_change_nothing(host: CpuHost) -> None:
    live = trained(host, line(4))
    before = live.state().digest()
    values = blobs(300, seed=2)[0].astype(np.float32)
    values[37, 33] = np.nan
    with pytest.raises(FloatingPointError, match="cycle 37 "):
        live.train(rows(values, blobs(300)[1]), ALWAYS)
    with pytest.raises(FloatingPointError, match="cycle 37 "):
        answers(live, values)
    assert live.state().digest() == before


def test_an_input_grows_and_answers_stay(host: CpuHost) -> None:
    template = Template(
        Settings(max_connection_distance=2),
        tuple(Position(x, 1, 1) for x in range(6)),
        (Input("a", 0), Input("b", 1)),
        (Output("out", 5),),
        (Axon(0, 2),),
    )
    template.check()
    values, labels = blobs(500)
    live = opened(host, template, a=WIDTH, b=5, out=CLASSES)
    data = Rows((Columns("b", np.full((500, 5), 3, np.uint8)), Columns("a", values)), (Columns("out", labels),))
    live.train(data, ALWAYS)
    before = answers(live, Rows(data.inputs))
    live.resize({"a": WIDTH + 30}, {})
    np.testing.assert_array_equal(answers(live, Rows(data.inputs)), before)
    without = answers(live, Rows((Columns("a", values),)))
    zeros = Rows((Columns("a", values), Columns("b", np.zeros((500, 5), np.uint8))))
    np.testing.assert_array_equal(answers(live, zeros), without)
    single = live.request_one({"a": values[0].astype(np.float32), "b": np.full(5, 3, np.float32)})["out"]
    np.testing.assert_array_equal(single, before[0])


def test_a_state_of_another_template_is_not_opened(host: CpuHost) -> None:
    state = trained(host, line(5)).state()
    for other in (line(4), line(3), line(5, 2)):
        with pytest.raises(CorruptFile):
            RULES.open(NetworkState(type(state.head)(**{**as_fields(state), "template": other}), state.arrays), host)


def as_fields(state: NetworkState) -> dict[str, object]:
    return {name: getattr(state.head, name) for name in state.head.__struct_fields__}


@pytest.mark.parametrize(("name", "value"), [("0.borders", 0.0), ("0.row_of_source", -1), ("0.row_of_source", 10_000)])
def test_a_state_that_contradicts_itself_is_not_opened(host: CpuHost, name: str, value: float) -> None:
    state = trained(host, line(4)).state()
    state.arrays[name][3] = value
    with pytest.raises(CorruptFile):
        RULES.open(state, host)
