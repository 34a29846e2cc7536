"""What synapse growth does, seen from outside."""

from __future__ import annotations

import io
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hanami_core.compute import Columns, Rows, Run
from hanami_core.errors import BadRequest, CorruptFile
from hanami_core.network import Axon, Input, NetworkState, Output, Position, Settings, Template
from hanami_core.runtime import Runtime
from hanami_plugins import host_numba
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_synapse import draws, synapse_memory, values
from tests.bench.engine import CLASSES, PIXELS, accuracy, digits
from tests.lengths import seldom
from tests.plugins.synapse import ALWAYS, HOST, RULES, ask, line, network, rows

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPIKING = Settings(neuron_cooldown=1.1, refractory_time=5)


CIRCLE = Template(
    Settings(),
    (Position(0, 1, 1), Position(1, 1, 1), Position(1, 1, 2), Position(2, 1, 2)),
    (Input("in", 0),),
    (Output("out", 3),),
)
"""The two hidden hexagons reach each other."""


def random_rows(count: int, width: int, outputs: int = 2, seed: int = 1) -> Rows:
    random = np.random.default_rng(seed)
    inputs = random.integers(0, 256, (count, width), dtype=np.uint8)
    return rows({"in": inputs}, {"out": (random.random((count, outputs)) < 0.5).astype(np.uint8)})


# Templates


def test_every_template_is_run_but_one_of_section_growth() -> None:
    assert RULES.refuses(line()) is None
    assert RULES.refuses(line(5, SPIKING, "match", "int")) is None
    assert RULES.refuses(line(settings=Settings(growth="synapse", enable_reduction=True))) is None
    assert "section" in (RULES.refuses(line(settings=Settings(growth="section"))) or "")


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (line(), "section"),
        (line(settings=Settings(growth="synapse")), "synapse"),
        (line(settings=SPIKING), "synapse"),
        (line(mode="binary"), "synapse"),
        (line(kind="bool"), "synapse"),
        (line(5), "section"),
        (CIRCLE, "synapse"),
    ],
)
def test_rules_are_chosen_by_what_a_template_needs(template: Template, name: str) -> None:
    rules = {(item.name, item.host_kind): item for item in host_numba.hanami_network_rules()}
    runtime = object.__new__(Runtime)
    object.__setattr__(runtime, "rules", rules)
    assert Runtime.rules_for(runtime, template, "cpu").name == name


def test_targets() -> None:
    """A dead end has none; an axon bridges a gap; inputs are never targets; several hops end on the way."""
    assert (draws.target_lists(line(), 1)[2] == -1).all()
    assert set(draws.target_lists(line(), 1)[0].tolist()) == {1}
    hexagons = (Position(1, 1, 1), Position(3, 1, 1), Position(4, 1, 1))
    gap = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 2),), (Axon(0, 1),))
    assert set(draws.target_lists(gap, 1)[0].tolist()) == {1}
    far = draws.target_lists(line(6, Settings(max_connection_distance=3)), 1)[0].tolist()
    shares = [far.count(hexagon) / len(far) for hexagon in (1, 2, 3)]
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.2)
    two_inputs = Template(Settings(), hexagons, (Input("a", 0), Input("b", 1)), (Output("out", 2),), (Axon(0, 1),))
    assert (draws.target_lists(two_inputs, 1)[0] == -1).all()


# Values


def test_output_types() -> None:
    bits = np.zeros((1, 128), np.float32)
    bits[0, [62, 127]] = 0.9
    assert values.decode(bits, "int").tolist() == [[2, 1]]
    assert values.decode(np.array([[0.5, 0.4999]], np.float32), "bool").tolist() == [[1, 0]]
    numbers = np.array([[0, 1, 3.75, -2.5e10, 1e-20]], np.float32)
    assert values.decode(values.encode(numbers, "float").astype(np.float32), "float").tolist() == numbers.tolist()
    whole = values.encode(np.array([[7.9, -3, 2.0**40, 1e30]], np.float32), "int").astype(np.float32)
    assert values.decode(whole, "int").tolist() == [[7, 0, 2.0**40, float(np.float32(values.LARGEST_INT))]]
    assert values.decode(np.ones((1, 32), np.float32), "float").tolist() == [[0]]


@pytest.mark.parametrize(("kind", "wanted"), [("bool", [0, 1]), ("int", [5, 300]), ("float", [-1.5, 0.15625])])
def test_typed_outputs_are_learned(kind: str, wanted: list[float]) -> None:
    live = network(line(kind=kind), {"in": 4}, {"out": 1})
    inputs = np.tile(np.array([[9, 0, 3, 0], [0, 7, 0, 5]], np.float32), (400, 1))
    live.train(rows({"in": inputs}, {"out": np.tile(np.array(wanted, np.float32)[:, None], (400, 1))}), ALWAYS)
    assert ask(live, {"in": inputs[:2]})["out"].reshape(-1).tolist() == wanted


def test_outputs_that_are_not_given_are_not_trained() -> None:
    hexagons = (*(Position(x, 1, 1) for x in (1, 2, 3)), Position(2, 2, 1))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("a", 2), Output("b", 3)))
    live = network(template, {"in": 40}, {"a": 1, "b": 1})
    inputs = np.ones((200, 40), np.float32)
    live.train(rows({"in": inputs}, {"a": np.ones((200, 1), np.float32)}), ALWAYS)
    answers = ask(live, {"in": inputs[:1]})
    assert answers["a"][0, 0] > 0.5
    assert answers["b"][0, 0] == 0


def test_windows_of_several_rows() -> None:
    """A window is the same as its rows side by side."""
    table = np.random.default_rng(1).integers(0, 99, (60, 3)).astype(np.float32)
    expected = (table[:, :1] > 50).astype(np.float32)
    wide = np.concatenate([table[:-2], table[1:-1], table[2:]], axis=1)
    first, second = (network(line(), {"in": 9}, {"out": 1}) for _ in range(2))
    first.train(rows({"in": table}, {"out": expected}, 3), ALWAYS)
    second.train(rows({"in": wide}, {"out": expected[:58]}), ALWAYS)
    assert first.state().digest() == second.state().digest()
    assert (ask(first, {"in": table}, 3)["out"] == ask(second, {"in": wide})["out"]).all()


def test_inputs_may_come_in_any_order_and_be_short() -> None:
    template = Template(
        Settings(),
        (Position(1, 1, 1), Position(1, 2, 1), Position(2, 1, 1), Position(3, 1, 1)),
        (Input("a", 0), Input("b", 1, "binary")),
        (Output("out", 3),),
    )
    random = np.random.default_rng(1)
    a, b = random.integers(0, 9, (50, 17)).astype(np.float32), random.integers(0, 2, (50, 5), dtype=np.uint8)
    expected = {"out": np.ones((50, 1), np.float32)}
    digests = []
    for inputs in ({"a": a, "b": b}, {"b": b, "a": a}, {"b": b, "a": np.pad(a, ((0, 0), (0, 3)))}):
        live = network(template, {"a": 20, "b": 5}, {"out": 1})
        live.train(rows(inputs, expected), ALWAYS)
        digests.append(live.state().digest())
    assert len(set(digests)) == 1


# Neurons with a memory


def test_a_refractory_neuron_answers_in_a_rhythm() -> None:
    """With a time of 5 a neuron takes its input every third cycle, as the counter is halved."""
    live = network(line(settings=Settings(refractory_time=5)), {"in": 3}, {"out": 1})
    inputs = np.full((400, 3), 40, np.float32)
    live.train(rows({"in": inputs}, {"out": np.ones((400, 1), np.float32)}), ALWAYS)
    found = ask(live, {"in": inputs[:12]})["out"].reshape(-1)
    assert len(set(np.round(found[:3], 4).tolist())) > 1
    np.testing.assert_array_equal(found[:9], found[3:12])


def test_requests_carry_over_from_row_to_row_and_leave_nothing() -> None:
    live = network(line(4, SPIKING), {"in": 6}, {"out": 2})
    data = random_rows(300, 6)
    live.train(data, ALWAYS)
    before = live.state().digest()
    inputs = {"in": data.inputs[0].values[:40]}
    answers = ask(live, inputs)["out"]
    assert (ask(live, inputs)["out"] == answers).all()
    assert live.state().digest() == before
    assert (live.request_one({"in": inputs["in"][0].astype(np.float32)})["out"] == answers[0]).all()
    resumed = np.zeros((40, 2), np.float32)
    live.request(rows(inputs), {"out": resumed}, Run(ALWAYS.step, 30))
    assert (resumed[30:] == answers[30:]).all()


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        (Settings(), "plain"),
        seldom(Settings(), "binary"),
        seldom(Settings(), "match"),
        seldom(SPIKING, "plain"),
        (SPIKING, "binary"),
        seldom(SPIKING, "match"),
        seldom(Settings(enable_reduction=True), "plain"),
        seldom(Settings(enable_reduction=True), "binary"),
        (Settings(enable_reduction=True), "match"),
    ],
)
def test_an_interrupted_training_ends_the_same(settings: Settings, mode: str) -> None:
    data = random_rows(330, 7)
    template = line(4, settings, mode)
    whole = network(template, {"in": 7}, {"out": 2})
    whole.train(data, ALWAYS)
    live = network(template, {"in": 7}, {"out": 2})
    done = 0
    while done < 330:
        steps: list[int] = []
        live.train(data, Run(lambda cycle, steps=steps: steps.append(cycle) or False, done))  # type: ignore[misc]
        done = steps[-1]
        file = io.BytesIO()
        live.state().write(file)
        file.seek(0)
        live = RULES.open(NetworkState.read(file), HOST)
    assert live.state().digest() == whole.state().digest()


def test_threads_do_not_matter() -> None:
    data = random_rows(2000, 30)
    answers = []
    for threads in (1, 2, 3):
        live = network(line(), {"in": 30}, {"out": 2}, host=CpuHost("cpu0", threads))
        live.train(data, ALWAYS)
        answers.append(ask(live, {"in": data.inputs[0].values})["out"])
    assert (answers[0] == answers[1]).all()
    assert (answers[0] == answers[2]).all()


# Growth and reduction


def test_nothing_grows_in_requests_or_without_input() -> None:
    live = network(line(), {"in": 5}, {"out": 1})
    live.train(rows({"in": np.zeros((50, 5), np.float32)}, {"out": np.ones((50, 1), np.float32)}), ALWAYS)
    ask(live, {"in": np.full((50, 5), 99, np.float32)})
    assert live.metrics() == {"blocks": 0, "sections": 0, "synapses": 0, "links": 0}
    assert live.request_one({"in": np.ones(5, np.float32)})["out"].tolist() == [0]


def test_reduction_removes_synapses() -> None:
    sizes = []
    for reduction in (False, True):
        live = network(line(settings=Settings(enable_reduction=reduction)), {"in": 30}, {"out": 2})
        for seed in range(3):
            live.train(random_rows(1000, 30, seed=seed), ALWAYS)
        sizes.append(live.metrics()["synapses"])
    assert sizes[1] < sizes[0]
    assert (live.state().arrays["synapse_activity"] == 10).any()


def test_the_number_of_sections_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synapse_memory, "MAX_SECTIONS", 256)
    live = network(line(), {"in": 400}, {"out": 1})
    before = live.state().digest()
    with pytest.raises(BadRequest, match=r"sections exhausted \(sections 256, cycle 0\)"):
        live.train(rows({"in": np.ones((2, 400), np.float32)}, {"out": np.ones((2, 1), np.float32)}), ALWAYS)
    assert live.state().digest() == before


# Errors


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["in", "out"])
def test_values_must_be_finite(bad: float, where: str) -> None:
    live = network(line(), {"in": 19}, {"out": 2})
    tables = {"in": np.ones((40, 19), np.float32), "out": np.ones((40, 2), np.float32)}
    live.train(rows({"in": tables["in"]}, {"out": tables["out"]}), ALWAYS)
    before = live.state().digest()
    tables[where][33, 1] = bad
    with pytest.raises(FloatingPointError, match="cycle 33"):
        live.train(rows({"in": tables["in"]}, {"out": tables["out"]}), ALWAYS)
    with pytest.raises(FloatingPointError):
        live.train_one({"in": tables["in"][33]}, {"out": tables["out"][33]})
    if where == "in":
        with pytest.raises(FloatingPointError, match="cycle 33"):
            ask(live, {"in": tables["in"]})
    assert live.state().digest() == before


def test_a_network_that_diverges_is_reported() -> None:
    live = network(line(), {"in": 4}, {"out": 1})
    expected = np.full((500, 1), 1e9, np.float32)
    before = live.state().digest()
    with pytest.raises(FloatingPointError, match=r"diverges in cycle \d+"):
        live.train(rows({"in": np.full((500, 4), 9, np.float32)}, {"out": expected}), ALWAYS)
    assert live.state().digest() == before


def test_a_stream_that_diverges_leaves_a_sound_network() -> None:
    live = network(line(), {"in": 30}, {"out": 1})
    values = {"in": np.full(30, 9, np.float32)}
    for _ in range(20):
        live.train_one(values, {"out": np.ones(1, np.float32)})

    def learn_nonsense() -> None:
        for _ in range(500):
            live.train_one(values, {"out": np.full(1, 1e9, np.float32)})

    with pytest.raises(FloatingPointError, match="diverges"):
        learn_nonsense()
    RULES.open(live.state(), HOST)
    live.train_one(values, {"out": np.ones(1, np.float32)})


def test_damaged_numbers_are_refused() -> None:
    live = network(line(settings=Settings(enable_reduction=True)), {"in": 5}, {"out": 2})
    live.train(random_rows(100, 5), ALWAYS)
    for name, value in {
        "block_hexagon": 0,
        "section_place": 1 << 20,
        "section_origin": 1 << 20,
        "section_start": 200,
        "section_size": 0,
        "section_span": -1,
        "section_tolerance": 0.9,
        "synapse_border": -1,
        "synapse_weight": 1e9,
        "neuron_potential": np.nan,
        "input_potential": -1,
        "link_neuron": 1 << 20,
        "link_weight": np.inf,
    }.items():
        state = live.state()
        state.arrays[name].reshape(-1)[0] = value
        with pytest.raises(CorruptFile, match=f"'{name}'|synapse_"):
            RULES.open(state, HOST)
    head = live.state().head
    for broken in ({"rules": "section"}, {"extra": {"able": 3}}, {"cycles": -1}, {"inputs": {"no": 5}}):
        state = live.state()
        state.head = msgspec.structs.replace(head, **broken)
        with pytest.raises(CorruptFile):
            RULES.open(state, HOST)


# Results


PLATEAUS = ((0, 0, 99), (80, 1, 100), (30, 0.5, 198), (10, 0.75, 101))
TRAIN = (*PLATEAUS, *PLATEAUS, (0, 0, 99))
WINDOW = 25


def plateaus(steps: tuple[tuple[float, float, int], ...]) -> np.ndarray:
    return np.concatenate([np.tile(np.array([step[:2]], np.float32), (step[2], 1)) for step in steps])


def test_a_table_of_plateaus_is_learned() -> None:
    """The table of the reference's own test; edges, where a window sees two plateaus, do not count."""
    table = plateaus(TRAIN)
    asked = plateaus(tuple((value, 0, 60) for value in (0, 80, 30, 10, 90, 100)))[:, :1]
    found = []
    for seed in range(5):
        live = network(line(4), {"in": WINDOW}, {"out": 1}, seed)
        for _ in range(100):
            live.train(rows({"in": table[:, :1]}, {"out": table[:, 1:]}, WINDOW), ALWAYS)
        answers = ask(live, {"in": asked}, WINDOW)["out"].reshape(-1)
        found.append([answers[60 * place + 10] for place in range(6)])
    zero, eighty, thirty, ten, ninety, hundred = np.mean(found, axis=0)
    assert abs(eighty - 1) <= 0.12
    assert abs(thirty - 0.5) <= 0.1
    assert abs(ten - 0.75) <= 0.06
    assert zero <= 0.06
    assert abs(ninety - eighty) <= 0.05
    assert abs(hundred - eighty) <= 0.05


def mnist() -> Path | None:
    candidates = (os.environ.get("HANAMI_MNIST_DIR"), ROOT.parent / "shared" / "data" / "mnist")
    return next((Path(name) for name in candidates if name and Path(name).is_dir()), None)


@pytest.mark.skipif(mnist() is None, reason="no MNIST files, HANAMI_MNIST_DIR tells where they are")
def test_mnist() -> None:
    directory = mnist()
    assert directory is not None
    train, _ = digits(directory, "train")
    test, labels = digits(directory, "t10k")
    found = []
    for seed in range(3):
        live = network(line(), {"in": PIXELS}, {"out": CLASSES}, seed)
        live.train(train, ALWAYS)
        found.append(accuracy(live, test, labels))
    assert np.mean(found) >= 90.5
    assert min(found) >= 89


def test_raw_tables_are_not_copied() -> None:
    """Columns may be views of a wider table of bytes."""
    table = np.zeros((50, 12), np.uint8)
    table[:, 2:9] = np.random.default_rng(1).integers(0, 256, (50, 7))
    table[:, 10] = 1
    live, other = (network(line(), {"in": 7}, {"out": 2}) for _ in range(2))
    live.train(Rows((Columns("in", table[:, 2:9]),), (Columns("out", table[:, 9:11]),)), ALWAYS)
    copies = rows({"in": table[:, 2:9].astype(np.float32)}, {"out": table[:, 9:11].copy()})
    other.train(copies, ALWAYS)
    assert live.state().digest() == other.state().digest()
