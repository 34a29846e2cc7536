"""Single cycles of an open-ended stream, as direct IO sends them."""

from __future__ import annotations

import numpy as np
import pytest

from hanami_core.compute import LiveNetwork
from hanami_core.errors import BadRequest
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, RULES, accuracy, answers, blobs, chain, network, reopened, rows

WIDTH, CLASSES = 40, 5


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


@pytest.fixture
def live(host: CpuHost) -> LiveNetwork:
    return network(host, {"in": WIDTH}, {"out": CLASSES})


def stream(live: LiveNetwork, values: np.ndarray, labels: np.ndarray) -> None:
    for inputs, outputs in zip(values.astype(np.float32), labels.astype(np.float32), strict=True):
        live.train_one({"in": inputs}, {"out": outputs})


def test_a_stream_is_learned(live: LiveNetwork) -> None:
    stream(live, *blobs(2000))
    assert live.head.cycles == 2000
    assert accuracy(live, *blobs(500, seed=2)) > 0.95


def test_an_average_forms_and_answers_if_it_is_better(live: LiveNetwork) -> None:
    stream(live, *blobs(499))
    assert "average_weights" not in live.state().arrays
    stream(live, *blobs(2001, seed=2))
    state = live.state()
    assert state.head.extra["stream"] == 2500
    assert (state.arrays["average_weights"] != state.arrays["weights"]).any()
    assert live.metrics()["failure_rate"] == pytest.approx(
        min(state.head.extra["failure"], state.head.extra["average_failure"])
    )


def test_a_stream_that_changes_is_followed_at_once(live: LiveNetwork) -> None:
    stream(live, *blobs(3000))
    values, labels = blobs(400, seed=3)
    turned = np.roll(labels, 1, axis=1)
    stream(live, values, turned)
    assert accuracy(live, values, turned) > 0.9


def test_the_same_cycle_again_and_again_is_learned_and_ruins_nothing(host: CpuHost) -> None:
    live = network(host, {"in": WIDTH}, {"out": CLASSES})
    live.train(rows(*blobs(2000)), ALWAYS)
    values, labels = blobs(20, seed=4)
    for one, other in zip(values, np.roll(labels, 1, axis=1), strict=True):
        copy = reopened(live, host)
        stream(copy, np.tile(one, (100, 1)), np.tile(other, (100, 1)))
        said = copy.request_one({"in": one.astype(np.float32)})["out"]
        assert said.argmax() == other.argmax()
        assert 0 <= said.min() <= said.max() <= 1
        assert accuracy(copy, *blobs(500, seed=5)) > 0.5


def test_a_single_answer_is_the_answer_of_a_row(live: LiveNetwork) -> None:
    stream(live, *blobs(700))
    values = blobs(20, seed=2)[0]
    for one, expected in zip(values, answers(live, values), strict=True):
        np.testing.assert_array_equal(live.request_one({"in": one.astype(np.float32)})["out"], expected)


@pytest.mark.parametrize("stop", [1, 499, 500, 750, 1100])
def test_a_stored_stream_goes_on_as_if_nothing_had_been(host: CpuHost, stop: int) -> None:
    values, labels = blobs(1200)
    whole, part = (network(host, {"in": WIDTH}, {"out": CLASSES}) for _ in range(2))
    stream(whole, values, labels)
    stream(part, values[:stop], labels[:stop])
    rest = reopened(part, host)
    stream(rest, values[stop:], labels[stop:])
    assert rest.state().digest() == whole.state().digest()


def test_sources_born_in_a_stream_reach_the_average(host: CpuHost) -> None:
    live = network(host, {"in": 300}, {"out": CLASSES})
    values, labels = blobs(600)
    wide = np.zeros((600, 300), np.uint8)
    wide[:510, :WIDTH] = values[:510]
    stream(live, wide[:510], labels[:510])
    random = np.random.default_rng(1)
    wide[510:] = random.integers(1, 100, (90, 300))
    stream(live, wide[510:], labels[510:])
    state = live.state()
    assert state.arrays["average_weights"].shape == state.arrays["weights"].shape == (2, 300, 64)
    assert (state.arrays["average_weights"][:, WIDTH:] != 0).any()
    assert reopened(live, host).state().digest() == state.digest()


def test_resizing_keeps_a_stream(host: CpuHost) -> None:
    live = network(host, {"in": WIDTH}, {"out": CLASSES})
    stream(live, *blobs(1200))
    values = blobs(50, seed=2)[0]
    before = answers(live, values)
    live.resize({"in": WIDTH + 100}, {})
    np.testing.assert_array_equal(answers(live, values), before)
    stream(live, *blobs(10))


def test_a_task_ends_the_stream_and_starts_from_what_is_better(live: LiveNetwork) -> None:
    stream(live, *blobs(1500))
    live.train(rows(*blobs(500, seed=2)), ALWAYS)
    state = live.state()
    assert "average_weights" not in state.arrays
    assert state.head.extra["stream"] == 0
    assert live.head.cycles == 2000


def test_requests_change_nothing(live: LiveNetwork) -> None:
    stream(live, *blobs(700))
    before = live.state().digest()
    live.request_one({"in": np.full(WIDTH, 1e9, np.float32)})
    live.request_one({})
    assert live.state().digest() == before


def test_shorter_inputs_count_as_zero(live: LiveNetwork) -> None:
    stream(live, *blobs(300))
    one = blobs(1, seed=2)[0][0].astype(np.float32)
    live.request_one({"in": one})
    short = live.request_one({"in": one[:10]})["out"]
    np.testing.assert_array_equal(short, live.request_one({"in": np.where(np.arange(WIDTH) < 10, one, 0)})["out"])


def test_a_network_that_was_never_trained_has_no_values(host: CpuHost) -> None:
    live = RULES.open(RULES.create(chain(), 1), host)
    assert live.request_one({}) == {}
    live.resize({"in": 4}, {})
    assert live.request_one({"in": np.ones(4, np.float32)}) == {}
    live.resize({}, {"out": 2})
    np.testing.assert_allclose(live.request_one({"in": np.ones(4, np.float32)})["out"], 0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_inputs_that_are_no_numbers_are_refused_and_change_nothing(live: LiveNetwork, bad: float) -> None:
    stream(live, *blobs(50))
    before = live.state().digest()
    inputs = np.ones(WIDTH, np.float32)
    inputs[7] = bad
    with pytest.raises(FloatingPointError):
        live.train_one({"in": inputs}, {"out": np.eye(CLASSES, dtype=np.float32)[0]})
    with pytest.raises(FloatingPointError):
        live.request_one({"in": inputs})
    assert live.state().digest() == before
    assert np.isfinite(live.request_one({"in": np.ones(WIDTH, np.float32)})["out"]).all()


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"in": WIDTH + 1}, {"out": CLASSES}),
        ({"other": 1}, {"out": CLASSES}),
        ({"in": WIDTH}, {"out": CLASSES + 1}),
        ({"in": WIDTH}, {"other": 1}),
        ({"in": WIDTH}, {}),
    ],
)
def test_arrays_that_do_not_fit_are_refused(live: LiveNetwork, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    stream(live, *blobs(50))
    before = live.state().digest()
    with pytest.raises(BadRequest):
        live.train_one(
            {name: np.zeros(size, np.float32) for name, size in inputs.items()},
            {name: np.zeros(size, np.float32) for name, size in outputs.items()},
        )
    assert live.state().digest() == before


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_expected_values_outside_of_0_and_1_are_refused(live: LiveNetwork, bad: float) -> None:
    before = live.state().digest()
    with pytest.raises(BadRequest):
        live.train_one({"in": np.ones(WIDTH, np.float32)}, {"out": np.full(CLASSES, bad, np.float32)})
    assert live.state().digest() == before


def test_a_row_that_is_not_one_hot_ends_softmax(live: LiveNetwork) -> None:
    inputs = np.ones(WIDTH, np.float32)
    live.train_one({"in": inputs}, {"out": np.eye(CLASSES, dtype=np.float32)[1]})
    assert live.head.extra["squashing"] == {"out": "softmax"}
    live.train_one({"in": inputs}, {"out": np.full(CLASSES, 0.5, np.float32)})
    assert live.head.extra["squashing"] == {"out": "sigmoid"}
