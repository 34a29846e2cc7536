"""From where to where the values of a source count: columns away from 0, broken values, changing ranges."""

from __future__ import annotations

import numpy as np
import pytest

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.errors import BadRequest
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import ranges
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, accuracy, answers, blobs, network, one_hot, reopened, rows

WIDTH, CLASSES = 40, 5


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


def new(host: CpuHost) -> LiveNetwork:
    return network(host, {"in": WIDTH}, {"out": CLASSES})


def learned(host: CpuHost, values: np.ndarray, labels: np.ndarray) -> LiveNetwork:
    live = new(host)
    live.train(rows(values, labels), ALWAYS)
    return live


def floor(live: LiveNetwork) -> list[float]:
    values: list[float] = live.state().arrays["floors"].tolist()
    return values


@pytest.mark.parametrize("offset", [-1e4, -200.0, -1.0, 1.0, 300.0, 1e4])
def test_an_offset_changes_nothing_but_floors_and_limits(host: CpuHost, offset: float) -> None:
    values, labels = blobs(500)
    assert (values.min(axis=0) == 0).all()
    plain = learned(host, values, labels).state()
    moved = learned(host, values.astype(np.float32) + np.float32(offset), labels).state()
    assert (moved.arrays.pop("floors") == offset).all()
    assert not plain.arrays.pop("floors").any()
    assert (plain.arrays.pop("limits") == 255).all()
    assert (moved.arrays.pop("limits") < 255).all()
    assert plain.digest() == moved.digest()


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_columns_with_a_mean_of_0_are_learned(host: CpuHost, factor: float) -> None:
    values, labels = blobs(2000)
    standard = (factor * (values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32)
    live = learned(host, standard, labels)
    assert accuracy(live, standard, labels) > 0.95
    assert floor(live) == standard.min(axis=0).tolist()


def test_a_source_with_one_value_is_active_if_it_is_above_0(host: CpuHost) -> None:
    values = np.full((20, WIDTH), 5, np.float32)
    values[:, 0], values[:, 1] = -5, 0
    live = learned(host, values, one_hot(np.arange(20) % CLASSES, CLASSES))
    assert floor(live) == [-5.0, *[0.0] * (WIDTH - 1)]
    assert live.state().arrays["borders"].tolist() == [0, 0, *[5] * (WIDTH - 2)]


def test_bytes_begin_at_0(host: CpuHost) -> None:
    values, labels = blobs(100)
    assert not any(floor(learned(host, np.maximum(values, 10), labels)))


def test_a_lower_value_in_a_later_task_lowers_the_floor_and_not_the_top(host: CpuHost) -> None:
    values, labels = blobs(300)
    first = values.astype(np.float32) + 100
    live = learned(host, first, labels)
    before = live.state().arrays
    live.train(rows(first - 50, labels), ALWAYS)
    after = live.state().arrays
    assert (before["floors"] == 100).all()
    assert (after["floors"] == 50).all()
    active = before["borders"] > 0
    tops = [arrays["floors"] + arrays["borders"] for arrays in (before, after)]
    np.testing.assert_array_equal(tops[0][active], tops[1][active])
    live.train(rows(first + 500, labels), ALWAYS)
    assert (live.state().arrays["floors"] == 50).all()


def test_requests_below_the_floor_answer_like_the_floor(host: CpuHost) -> None:
    values, labels = blobs(300)
    live = learned(host, values.astype(np.float32) + 100, labels)
    at_floor = answers(live, np.full((1, WIDTH), 100, np.float32))
    np.testing.assert_array_equal(answers(live, np.full((1, WIDTH), -1e6, np.float32)), at_floor)


def test_floors_survive_storing_and_resizing(host: CpuHost) -> None:
    values, labels = blobs(300)
    live = learned(host, values.astype(np.float32) - 7, labels)
    again = reopened(live, host)
    np.testing.assert_array_equal(answers(again, values), answers(live, values))
    again.resize({"in": WIDTH + 5}, {})
    assert floor(again) == [-7.0] * WIDTH + [0.0] * 5


def test_an_input_beside_another_one_keeps_to_itself(host: CpuHost) -> None:
    """Sizes are not multiples of what kernels read at once, so they read over the end of the first input."""
    values, labels = blobs(400)
    parts = values[:, :19].astype(np.float32), values[:, 19:].astype(np.float32) - 300
    both = network(host, {"a": 19, "b": WIDTH - 19}, {"out": CLASSES})
    both.train(
        Rows((Columns("a", parts[0]), Columns("b", parts[1])), (Columns("out", labels),)),
        ALWAYS,
    )
    plain = network(host, {"a": 19, "b": WIDTH - 19}, {"out": CLASSES})
    plain.train(
        Rows((Columns("a", parts[0]), Columns("b", parts[1] + 300)), (Columns("out", labels),)),
        ALWAYS,
    )
    np.testing.assert_array_equal(both.state().arrays["weights"], plain.state().arrays["weights"])


def test_windows_have_the_floors_of_their_columns(host: CpuHost) -> None:
    values, labels = blobs(100)
    live = network(host, {"in": 3 * WIDTH}, {"out": CLASSES})
    live.train(rows(values.astype(np.float32) + np.arange(WIDTH, dtype=np.float32), labels, time_length=3), ALWAYS)
    assert floor(live) == [float(n) for n in range(WIDTH)] * 3


def test_a_stream_lowers_floors_too(host: CpuHost) -> None:
    live = network(host, {"in": 2}, {"out": 2})
    pairs = [([-3.0, 4.0], [1.0, 0.0]), ([3.0, -4.0], [0.0, 1.0])]
    for _ in range(300):
        for values, expected in pairs:
            live.train_one({"in": np.array(values, np.float32)}, {"out": np.array(expected, np.float32)})
    assert floor(live) == [-3.0, -4.0]
    for values, expected in pairs:
        assert live.request_one({"in": np.array(values, np.float32)})["out"].argmax() == np.argmax(expected)


def test_values_that_are_not_finite_leave_the_floors_alone(host: CpuHost) -> None:
    values, labels = blobs(100)
    live = learned(host, values.astype(np.float32) + 5, labels)
    digest = live.state().digest()
    for bad in (np.nan, np.inf, -np.inf):
        broken = values.astype(np.float32)
        broken[7, 3] = bad
        with pytest.raises(FloatingPointError, match="cycle 7"):
            live.train(rows(broken, labels), ALWAYS)
        assert live.state().digest() == digest


def test_values_that_are_too_far_apart_are_refused(host: CpuHost) -> None:
    live = new(host)
    digest = live.state().digest()
    values = np.zeros((2, WIDTH), np.float32)
    values[:, 5] = 3e38, -3e38
    with pytest.raises(BadRequest, match="too far apart"):
        live.train(rows(values, one_hot([0, 1], CLASSES)), ALWAYS)
    assert live.state().digest() == digest


def test_a_long_survey_can_be_ended(host: CpuHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "SURVEYED_VALUES", WIDTH)
    values, labels = blobs(100)
    live = new(host)
    digest = live.state().digest()
    steps: list[int] = []
    live.train(rows(values.astype(np.float32), labels), Run(lambda done: bool(steps.append(done))))
    assert steps == [0]
    assert live.state().digest() == digest
