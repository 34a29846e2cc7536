"""What a section network does, seen through `LiveNetwork` only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.errors import BadRequest
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import first_rate, slice_length, tables
from tests.kernels import KERNELS
from tests.plugins.engine_kit import (
    ALWAYS,
    CLASSES,
    RULES,
    WIDTH,
    accuracy,
    answers,
    blobs,
    chain,
    network,
    one_hot,
    reopened,
    rows,
    trained,
)


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


@pytest.fixture
def live(host: CpuHost) -> LiveNetwork:
    return network(host, {"in": WIDTH}, {"out": CLASSES})


# Learning


def test_an_easy_problem_is_learned_in_one_pass(host: CpuHost) -> None:
    live = trained(host, 3000)
    assert accuracy(live, *blobs(500, seed=2)) > 0.97


def test_answers_of_classes_are_probabilities(host: CpuHost) -> None:
    said = answers(trained(host), blobs(100, seed=2)[0])
    assert said.min() >= 0
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-5)


def test_more_passes_make_better_networks(host: CpuHost) -> None:
    random = np.random.default_rng(3)
    values = random.integers(0, 255, (800, 30), dtype=np.uint8)
    hidden_rule = one_hot((values.astype(int) @ random.standard_normal((30, 4))).argmax(1), 4)
    live = network(host, {"in": 30}, {"out": 4})
    found = []
    for _ in range(15):
        live.train(rows(values, hidden_rule), ALWAYS)
        found.append(accuracy(live, values, hidden_rule))
    assert found[-1] > max(0.95, found[0])


def test_a_network_learns_new_data_after_old(host: CpuHost) -> None:
    live = trained(host, 3000)
    values, labels = blobs(3000, seed=5)
    turned = np.roll(labels, 1, axis=1)
    for _ in range(3):
        live.train(rows(values, turned), ALWAYS)
    assert accuracy(live, values, turned) > 0.97


def test_several_classes_at_once_are_learned_independently(host: CpuHost) -> None:
    random = np.random.default_rng(4)
    bits = random.integers(0, 2, (2000, 3), dtype=np.uint8)
    values = np.repeat(bits * 200, 10, axis=1) + random.integers(0, 40, (2000, 30), dtype=np.uint8)
    live = network(host, {"in": 30}, {"out": 3})
    for _ in range(3):
        live.train(rows(values, bits), ALWAYS)
    assert ((answers(live, values) > 0.5) == bits).mean() > 0.99
    assert live.head.extra["squashing"] == {"out": "sigmoid"}


def test_values_between_0_and_1_are_learned_as_such(host: CpuHost) -> None:
    random = np.random.default_rng(4)
    x = random.random((2000, 1), np.float32)
    values = np.hstack([x, 1 - x, np.maximum(0, x - 0.5), np.maximum(0, 0.5 - x)])
    expected = (0.5 + 0.4 * np.sin(6 * x)).astype(np.float32)
    live = network(host, {"in": 4}, {"out": 1})
    for _ in range(20):
        live.train(rows(values, expected), ALWAYS)
    assert np.sqrt(np.square(answers(live, values) - expected).mean()) < 0.04


def test_rows_of_several_classes_end_softmax_for_good(host: CpuHost) -> None:
    live = trained(host)
    assert live.head.extra["squashing"] == {"out": "softmax"}
    values, labels = blobs(10)
    both = labels.copy()
    both[4] = 1
    live.train(rows(values, both), ALWAYS)
    assert live.head.extra["squashing"] == {"out": "sigmoid"}
    live.train(rows(values, labels), ALWAYS)
    assert live.head.extra["squashing"] == {"out": "sigmoid"}


def test_many_outputs_need_more_than_one_vector(host: CpuHost) -> None:
    values = one_hot(np.arange(1000) % 40, 40) * np.uint8(7)
    live = network(host, {"in": 40}, {"out": 40})
    for _ in range(5):
        live.train(rows(values, one_hot(np.arange(1000) % 40, 40)), ALWAYS)
    said = answers(live, values[:40])
    assert (said.argmax(1) == np.arange(40)).all()
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-5)


# Metrics


def test_metrics_tell_how_training_goes(host: CpuHost) -> None:
    live = trained(host, 3000)
    early = trained(host, 100).metrics()
    metrics = live.metrics()
    assert metrics["cycles"] == 3000
    assert metrics["synapses"] == (metrics["sections"] + 2 * CLASSES) * 64
    assert metrics["memory"] > metrics["synapses"] * 4
    assert metrics["running_accuracy"] > 0.97 > early["running_accuracy"]
    assert 0 < metrics["running_loss"] < 0.2 < early["running_loss"]
    again = reopened(live, host)
    assert {"running_loss", "running_accuracy"}.isdisjoint(again.metrics())
    again.train_one({"in": np.ones(WIDTH, np.float32)}, {"out": np.eye(CLASSES, dtype=np.float32)[0]})
    assert {"running_loss", "running_accuracy"} <= set(again.metrics())


@pytest.mark.parametrize("softmax", [True, False])
def test_loss_and_accuracy_are_those_of_the_answers(host: CpuHost, softmax: bool) -> None:
    values, labels = blobs(50, seed=6)
    if not softmax:
        labels[:, 0] = 1
    live = network(host, {"in": WIDTH}, {"out": CLASSES})
    live.train(rows(*blobs(200) if softmax else (values, labels)), ALWAYS)
    losses, right = [], []
    for one, expected in zip(values.astype(np.float32), labels.astype(np.float32), strict=True):
        live = reopened(live, host)
        said = live.request_one({"in": one})["out"]
        live.train_one({"in": one}, {"out": expected})
        losses.append(live.metrics()["running_loss"] + np.log(1 - np.abs(said - expected).max()))
        as_expected = said.argmax() == expected.argmax() if softmax else ((said > 0.5) == (expected > 0.5)).all()
        right.append(live.metrics()["running_accuracy"] == as_expected)
    np.testing.assert_allclose(losses, 0, atol=1e-3)
    assert all(right)


# Growth


def test_only_active_sources_get_rows(live: LiveNetwork) -> None:
    values = np.zeros((6, WIDTH), np.float32)
    values[0, 3], values[2, 7], values[4, 3] = 5, 0.25, 9
    values[:, 20] = -4
    live.train(rows(values, one_hot(np.arange(6) % CLASSES, CLASSES)), ALWAYS)
    arrays = live.state().arrays
    assert np.flatnonzero(arrays["row_of_source"] >= 0).tolist() == [3, 7]
    assert arrays["row_of_source"][[3, 7]].tolist() == [0, 1]
    assert arrays["borders"][[3, 7, 20]].tolist() == [9, 0.25, 0]
    assert live.metrics()["sections"] == 2 * 2


def test_inputs_need_no_normalisation(host: CpuHost) -> None:
    values, labels = blobs(2000)
    for factor in (1e-20, 1 / 255, 1e20):
        live = network(host, {"in": WIDTH}, {"out": CLASSES})
        scaled = (values * factor).astype(np.float32)
        live.train(rows(scaled, labels), ALWAYS)
        assert accuracy(live, scaled, labels) > 0.95


def test_values_next_to_nothing_break_nothing(host: CpuHost) -> None:
    values, labels = blobs(200)
    tiny = (values * 1e-42).astype(np.float32)
    live = network(host, {"in": WIDTH}, {"out": CLASSES})
    live.train(rows(tiny, labels), ALWAYS)
    assert np.isfinite(answers(live, tiny)).all()
    live.train(rows((values * 1e36).astype(np.float32), labels), ALWAYS)
    assert np.isfinite(answers(live, tiny)).all()


def test_a_stronger_value_answers_like_the_border(host: CpuHost) -> None:
    live = trained(host)
    values = blobs(50, seed=2)[0].astype(np.float32)
    border = live.state().arrays["borders"]
    at_border = np.where(values > 0, border, 0)
    np.testing.assert_allclose(answers(live, values * 1e6), answers(live, at_border), atol=1e-5)


def test_unknown_sources_do_not_answer(live: LiveNetwork) -> None:
    values, labels = blobs(300)
    values[:, 30:] = 0
    live.train(rows(values, labels), ALWAYS)
    stranger = values.copy()
    stranger[:, 30:] = 200
    np.testing.assert_array_equal(answers(live, stranger), answers(live, values))


@pytest.mark.parametrize("sources", [1, 15, 16, 17, 300])
def test_any_number_of_sources(host: CpuHost, sources: int) -> None:
    values = np.random.default_rng(1).integers(1, 255, (100, sources), dtype=np.uint8)
    live = network(host, {"in": sources}, {"out": 2})
    live.train(rows(values, one_hot(np.arange(100) % 2, 2)), ALWAYS)
    assert live.metrics()["sections"] == 2 * sources
    assert np.isfinite(answers(live, values)).all()


# Data


def test_requests_change_nothing(host: CpuHost) -> None:
    live = trained(host)
    before = live.state().digest()
    answers(live, blobs(500, seed=2)[0])
    answers(live, np.full((20, WIDTH), 1e30, np.float32))
    live.request_one({"in": np.full(WIDTH, 1e30, np.float32)})
    assert live.state().digest() == before


def test_bytes_floats_views_and_files_are_the_same(host: CpuHost, tmp_path: Path) -> None:
    values, labels = blobs(300)
    table = np.hstack([labels, values, labels])
    (tmp_path / "table").write_bytes(table.tobytes())
    mapped = np.memmap(tmp_path / "table", np.uint8, "r", shape=table.shape)
    floats = np.asfortranarray(values.astype(np.float32))
    digests = set()
    for inputs, outputs in (
        (values, labels),
        (values.astype(np.float32), labels.astype(np.float32)),
        (table[:, 5:-5], table[:, :5]),
        (mapped[:, 5:-5], mapped[:, -5:]),
        (floats, labels[::-1][::-1]),
        (np.repeat(values, 2, axis=1)[:, ::2], labels),
    ):
        live = network(host, {"in": WIDTH}, {"out": CLASSES})
        live.train(rows(inputs, outputs), ALWAYS)
        state = live.state()
        # Of bytes it is known how big they get, of other numbers it is not.
        del state.arrays["limits"]
        digests.add((state.digest(), answers(live, inputs).tobytes()))
    assert len(digests) == 1


def test_nothing_is_read_behind_the_last_value(host: CpuHost, tmp_path: Path) -> None:
    """The table ends exactly at the end of a page of memory; one byte more would end the process."""
    values, labels = blobs(4096 * 5 // 5, width=WIDTH)
    table = np.hstack([labels, values])[:, :37]
    (tmp_path / "table").write_bytes(table.tobytes())
    mapped = np.memmap(tmp_path / "table", np.uint8, "r", shape=table.shape)
    live = network(host, {"in": 32}, {"out": 5})
    live.train(rows(mapped[:, 5:], mapped[:, :5]), ALWAYS)
    assert answers(live, mapped[:, 5:]).shape == (4096, 5)
    live = network(host, {"in": 37}, {"out": 5})
    live.train(rows(mapped, mapped[:, :5]), ALWAYS)


def test_several_inputs_are_one_wide_input(host: CpuHost) -> None:
    values, labels = blobs(500)
    wide = trained(host, 500)
    live = network(host, {"a": 15, "b": 25}, {"out": CLASSES})
    data = Rows((Columns("b", values[:, 15:]), Columns("a", values[:, :15])), (Columns("out", labels),))
    live.train(data, ALWAYS)
    # Initial weights differ, because they depend on the interface; what is learned does not.
    assert accuracy(wide, values, labels) > 0.9
    assert (answers(live, Rows(data.inputs)).argmax(1) == labels.argmax(1)).mean() > 0.9
    assert live.state().arrays["borders"].tolist() == wide.state().arrays["borders"].tolist()


def test_an_input_that_is_not_given_is_off(host: CpuHost) -> None:
    values, labels = blobs(300)
    live = network(host, {"a": WIDTH, "b": 7}, {"out": CLASSES})
    live.train(Rows((Columns("a", values),), (Columns("out", labels),)), ALWAYS)
    zeros = np.zeros((300, 7), np.uint8)
    np.testing.assert_array_equal(
        answers(live, Rows((Columns("a", values),))), answers(live, Rows((Columns("a", values), Columns("b", zeros))))
    )
    assert live.metrics()["sections"] == 2 * WIDTH


def test_several_outputs_learn_side_by_side(host: CpuHost) -> None:
    values, labels = blobs(2000)
    odd = (labels.argmax(1) % 2).astype(np.float32)[:, None]
    live = network(host, {"in": WIDTH}, {"kind": CLASSES, "odd": 1})
    data = Rows((Columns("in", values),), (Columns("odd", odd), Columns("kind", labels)))
    for _ in range(2):
        live.train(data, ALWAYS)
    assert live.head.extra["squashing"] == {"kind": "softmax", "odd": "sigmoid"}
    assert (answers(live, rows(values), "kind").argmax(1) == labels.argmax(1)).mean() > 0.95
    assert ((answers(live, rows(values), "odd") > 0.5) == odd).mean() > 0.95
    single = live.request_one({"in": values[0].astype(np.float32)})
    assert {name: len(values) for name, values in single.items()} == {"kind": CLASSES, "odd": 1}


def test_an_output_that_a_task_leaves_out_keeps_its_weights(host: CpuHost) -> None:
    values, labels = blobs(300)
    live = network(host, {"in": WIDTH}, {"a": CLASSES, "b": 2})
    before = live.state().arrays["readout"]
    live.train(Rows((Columns("in", values),), (Columns("a", labels),)), ALWAYS)
    after = live.state().arrays["readout"]
    np.testing.assert_array_equal(after[:, CLASSES:], before[:, CLASSES:])
    assert (after[:, :CLASSES] != before[:, :CLASSES]).any()


@pytest.mark.parametrize("length", [2, 5])
def test_windows_of_rows_are_time_major(host: CpuHost, length: int) -> None:
    values, labels = blobs(300)
    cycles = 300 - length + 1
    flat = np.hstack([values[t : t + cycles] for t in range(length)])
    windows, plain = (network(host, {"in": WIDTH * length}, {"out": CLASSES}) for _ in range(2))
    windows.train(rows(values, labels, length), ALWAYS)
    plain.train(rows(flat, labels[:cycles]), ALWAYS)
    assert windows.head.cycles == cycles
    for name in ("borders", "row_of_source"):
        np.testing.assert_array_equal(windows.state().arrays[name], plain.state().arrays[name])
    np.testing.assert_allclose(answers(windows, rows(values, None, length)), answers(plain, flat), atol=1e-3)


# Bad data


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("cycle", [0, 37, 299])
@pytest.mark.usefixtures("often")
def test_inputs_that_are_no_numbers_are_refused_and_change_nothing(host: CpuHost, bad: float, cycle: int) -> None:
    live = trained(host)
    before = live.state().digest()
    values = blobs(300, seed=2)[0].astype(np.float32)
    values[cycle, 33] = bad
    with pytest.raises(FloatingPointError, match=f"cycle {cycle} "):
        live.train(rows(values, blobs(300)[1]), ALWAYS)
    with pytest.raises(FloatingPointError, match=f"cycle {cycle} "):
        answers(live, values)
    assert live.state().digest() == before


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.5, 1.5])
def test_expected_values_outside_of_0_and_1_are_refused_before_training(
    host: CpuHost, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    monkeypatch.setattr(tables, "SURVEYED_VALUES", 100)
    live = trained(host)
    before = live.state().digest()
    values, labels = blobs(300)
    expected = labels.astype(np.float32)
    expected[170, 3] = bad
    with pytest.raises(BadRequest, match=r"expected value out of range \(interface out, cycle 170\)"):
        live.train(rows(values, expected), ALWAYS)
    with pytest.raises(BadRequest, match="interface out"):
        live.train(rows(values, labels * np.uint8(2)), ALWAYS)
    assert live.state().digest() == before


def test_a_long_survey_can_be_stopped(host: CpuHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SURVEYED_VALUES", 100)
    live = trained(host)
    before = live.state().digest()
    live.train(rows(*blobs(300)), Run(lambda cycle: False))
    assert live.state().digest() == before


@pytest.mark.parametrize(
    "bad",
    [
        rows(np.zeros((5, WIDTH + 1), np.uint8), np.zeros((5, CLASSES), np.uint8)),
        rows(np.zeros((5, WIDTH), np.uint8), np.zeros((5, CLASSES - 1), np.uint8)),
        rows(np.zeros((5, WIDTH), np.float64), np.zeros((5, CLASSES), np.uint8)),  # type: ignore[arg-type]
        rows(np.zeros((5, WIDTH), ">f4"), np.zeros((5, CLASSES), np.uint8)),
        rows(np.zeros(5, np.uint8)[:, None], None),
        rows(np.zeros((5, WIDTH), np.uint8), np.zeros((5, CLASSES), np.uint8), 2),
        Rows((Columns("other", np.zeros((5, 2), np.uint8)),), (Columns("out", np.zeros((5, CLASSES), np.uint8)),)),
        Rows((Columns("in", np.zeros((5, 2), np.uint8)),) * 2, (Columns("out", np.zeros((5, CLASSES), np.uint8)),)),
    ],
)
def test_rows_that_do_not_fit_are_refused(live: LiveNetwork, bad: Rows) -> None:
    before = live.state().digest()
    with pytest.raises(BadRequest):
        live.train(bad, ALWAYS)
    assert live.state().digest() == before


def test_results_that_do_not_fit_are_refused(host: CpuHost) -> None:
    live = trained(host)
    values = rows(blobs(10)[0])
    for results in (
        {"out": np.zeros((10, CLASSES + 1), np.float32)},
        {"out": np.zeros((9, CLASSES), np.float32)},
        {"out": np.zeros((10, CLASSES), np.float64)},
        {"other": np.zeros((10, 1), np.float32)},
    ):
        with pytest.raises(BadRequest):
            live.request(values, results, ALWAYS)  # type: ignore[arg-type]


# Sizes


def test_an_input_grows_and_answers_stay(host: CpuHost) -> None:
    values, labels = blobs(500)
    live = network(host, {"a": WIDTH, "b": 5}, {"out": CLASSES})
    both = np.full((500, 5), 3, np.uint8)
    data = Rows((Columns("a", values), Columns("b", both)), (Columns("out", labels),))
    live.train(data, ALWAYS)
    before = answers(live, Rows(data.inputs))
    live.resize({"a": WIDTH + 30}, {})
    assert live.head.inputs == {"a": WIDTH + 30, "b": 5}
    np.testing.assert_array_equal(answers(live, Rows(data.inputs)), before)
    live.resize({"a": 3}, {"out": CLASSES})
    assert live.head.inputs == {"a": WIDTH + 30, "b": 5}


def test_outputs_can_come_one_after_the_other(host: CpuHost) -> None:
    values, labels = blobs(500)
    live = RULES.open(RULES.create(chain(("in",), ("a", "b")), 1), host)
    live.resize({"in": WIDTH}, {"b": CLASSES})
    data = Rows((Columns("in", values),), (Columns("b", labels),))
    live.train(data, ALWAYS)
    before = answers(live, rows(values), "b")
    live.resize({}, {"a": 2})
    assert live.head.outputs == {"a": 2, "b": CLASSES}
    np.testing.assert_array_equal(answers(live, rows(values), "b"), before)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [({"in": 0}, {}), ({"in": -1}, {}), ({"in": 1 << 40}, {}), ({"x": 1}, {}), ({}, {"out": 4}), ({}, {"x": 1})],
)
def test_impossible_sizes_are_refused(live: LiveNetwork, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    before = live.state().digest()
    with pytest.raises(BadRequest):
        live.resize(inputs, outputs)
    assert live.state().digest() == before


def test_more_sources_than_there_was_room_for(host: CpuHost) -> None:
    """Rows run out of room in the middle of a slice, and the network is the same as with room from the begin."""
    random = np.random.default_rng(1)
    values = np.where(random.random((300, 900)) < 0.02, random.integers(1, 255, (300, 900)), 0).astype(np.uint8)
    labels = one_hot(random.integers(0, 3, 300), 3)
    small, large = (network(host, {"in": 900}, {"out": 3}) for _ in range(2))
    for _ in range(5):
        large._memory.make_room()  # type: ignore[attr-defined]
    small.train(rows(values, labels), ALWAYS)
    large.train(rows(values, labels), ALWAYS)
    assert small.metrics()["sections"] > 2 * 700
    assert small.state().digest() == large.state().digest()


# Rates


def test_the_rate_falls_with_what_the_network_has_seen() -> None:
    rates = [float(first_rate(cycles)) for cycles in (1, 20_000, 60_000, 300_000, 10**9)]
    assert rates == pytest.approx([0.05, 0.05, 0.0289, 0.0129, 0.01], abs=1e-4)


@pytest.mark.parametrize(("weights", "length"), [(1, 64), (784 * 128, 64), (1 << 24, 2), (1 << 30, 1)])
def test_slices_get_short_for_wide_networks(weights: int, length: int) -> None:
    assert slice_length(weights) == length
