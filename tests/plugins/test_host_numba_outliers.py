"""One broken value ruins nothing, and a range that has really changed is learned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.errors import CorruptFile
from hanami_core.network import Axon, Input, NetworkState, Output, Position, Template
from hanami_core.network import Settings as NetworkSettings
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.host_numba.streams import see_row
from hanami_plugins.networks_section import ranges
from hanami_plugins.networks_section.network_arrays import inverse_of
from hanami_plugins.networks_section.ranges import Ranges, after_row
from hanami_plugins.networks_section.section_layout import LARGEST
from tests.kernels import KERNELS
from tests.lengths import seldom
from tests.plugins.engine_kit import (
    ALWAYS,
    CLASSES,
    RULES,
    WIDTH,
    accuracy,
    blobs,
    network,
    reopened,
    rows,
)

pytestmark = pytest.mark.slow

FACTORS = [30.0, 1e3, 1e6, -1e6, 1e30]
LOSS = 0.01
"""How much of the accuracy may be lost."""


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


def data(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    values, labels = blobs(count, seed)
    return values.astype(np.float32), labels.astype(np.float32)


def deep(host: CpuHost) -> LiveNetwork:
    """Return a network of two hidden hexagons."""
    hexagons = tuple(Position(x, 1, 1) for x in range(1, 5))
    template = Template(NetworkSettings(), hexagons, (Input("in", 0),), (Output("out", 3),), (Axon(0, 0),))
    live = RULES.open(RULES.create(template, 1), host)
    live.resize({"in": WIDTH}, {"out": CLASSES})
    return live


def shallow(host: CpuHost) -> LiveNetwork:
    return network(host, {"in": WIDTH}, {"out": CLASSES})


def mixed(clean: int, broken: int, factor: float, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Return rows some of which are broken as a whole."""
    values, labels = data(clean + broken, seed)
    bad = np.random.default_rng(seed).permutation(clean + broken)[:broken]
    values[bad] *= np.float32(factor)
    return values, labels


def stream(live: LiveNetwork, values: np.ndarray, labels: np.ndarray) -> None:
    for one, expected in zip(values, labels, strict=True):
        live.train_one({"in": one}, {"out": expected})


@pytest.mark.parametrize("make", [shallow, deep])
@pytest.mark.parametrize("factor", FACTORS)
def test_a_thousand_broken_rows_in_a_task(host: CpuHost, make: object, factor: float) -> None:
    live = make(host)  # type: ignore[operator]
    live.train(rows(*data(3000)), ALWAYS)
    before = accuracy(live, *data(2000, 2))
    live.train(rows(*mixed(9000, 1000, factor)), ALWAYS)
    assert accuracy(live, *data(2000, 2)) >= before - LOSS


@pytest.mark.parametrize("factor", FACTORS)
def test_a_network_that_begins_with_broken_rows(host: CpuHost, factor: float) -> None:
    live = shallow(host)
    live.train(rows(*mixed(9000, 1000, factor)), ALWAYS)
    assert accuracy(live, *data(2000, 2)) > 0.96


@pytest.mark.parametrize("factor", [FACTORS[0], *map(seldom, FACTORS[1:-1]), FACTORS[-1]])
def test_a_thousand_broken_rows_in_a_stream(host: CpuHost, factor: float) -> None:
    live = shallow(host)
    stream(live, *data(3000))
    before = accuracy(live, *data(2000, 2))
    stream(live, *mixed(9000, 1000, factor))
    assert accuracy(live, *data(2000, 2)) >= before - LOSS


@pytest.mark.parametrize("factor", FACTORS)
def test_a_task_of_one_broken_row(host: CpuHost, factor: float) -> None:
    live = shallow(host)
    live.train(rows(*data(3000)), ALWAYS)
    before = accuracy(live, *data(2000, 2))
    values, labels = data(1)
    live.train(rows(values * np.float32(factor), labels), ALWAYS)
    live.train(rows(*data(1000, 3)), ALWAYS)
    assert accuracy(live, *data(2000, 2)) >= before - LOSS


@pytest.mark.parametrize("factor", [1e6, -1e6])
def test_a_stream_that_begins_with_a_broken_row(host: CpuHost, factor: float) -> None:
    live = shallow(host)
    values, labels = data(4000)
    values[0] *= np.float32(factor)
    stream(live, values, labels)
    assert accuracy(live, *data(2000, 2)) > 0.94


def test_a_single_broken_value(host: CpuHost) -> None:
    values, labels = data(3000)
    clean = shallow(host)
    clean.train(rows(values, labels), ALWAYS)
    borders = clean.state().arrays["borders"]
    values[1234, 7] = 1e9
    broken = shallow(host)
    broken.train(rows(values, labels), ALWAYS)
    np.testing.assert_array_equal(broken.state().arrays["borders"], borders)


@pytest.mark.parametrize("make", [shallow, deep])
def test_a_task_counts_its_broken_rows(host: CpuHost, make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "SURVEYED_VALUES", 300 * WIDTH)
    live = make(host)  # type: ignore[operator]
    live.train(rows(*data(3000)), ALWAYS)
    assert "outlier_rows" not in live.metrics()
    values, labels = data(3000)
    for row in (0, 7, 8, 299, 300, 2999):
        values[row, row % WIDTH] = -1e9
        values[row, 5] = 1e6
    live.train(rows(values, labels), ALWAYS)
    assert live.metrics()["outlier_rows"] == 6
    steps: list[int] = []
    live.train(rows(values, labels), Run(lambda cycle: bool(steps.append(cycle))))  # type: ignore[func-returns-value]
    resumed = RULES.open(live.state(), host)
    resumed.train(rows(values, labels), Run(lambda cycle: True, steps[-1]))
    assert resumed.metrics()["outlier_rows"] == 6
    live.train(rows(*data(3000)), ALWAYS)
    assert "outlier_rows" not in live.metrics()


@pytest.mark.parametrize("size", [1, 3, 40, 600])
@pytest.mark.parametrize("factor", [10.0, 0.01])
def test_a_range_that_has_really_changed_is_learned(host: CpuHost, size: int, factor: float) -> None:
    live = shallow(host)
    live.train(rows(*data(1000)), ALWAYS)
    values, labels = data(1800, 3)
    for first in range(0, 1800, size):
        part = slice(first, first + size)
        live.train(rows(values[part] * np.float32(factor), labels[part]), ALWAYS)
    tested, right = data(2000, 2)
    assert accuracy(live, tested * np.float32(factor), right) > 0.94


@pytest.mark.parametrize("factor", [10.0, 1e6, 0.01])
def test_a_stream_whose_range_changes_is_followed(host: CpuHost, factor: float) -> None:
    live = shallow(host)
    stream(live, *data(1000))
    values, labels = data(2000, 3)
    stream(live, values * np.float32(factor), labels)
    tested, right = data(2000, 2)
    assert accuracy(live, tested * np.float32(factor), right) > 0.94


@pytest.fixture(params=[1e6, -1e6])
def spoiled(host: CpuHost, request: pytest.FixtureRequest) -> NetworkState:
    """Return a state that knows no limits, whose ranges a broken row has spoiled."""
    live = shallow(host)
    live.train(rows(*data(3000)), ALWAYS)
    state = live.state()
    del state.arrays["limits"], state.head.extra["ranges"]
    if request.param < 0:
        state.arrays["floors"] -= np.float32(1e8)
        state.arrays["borders"] += np.float32(1e8)
    else:
        state.arrays["borders"] *= np.float32(request.param)
    return state


def test_a_spoiled_state_of_the_time_before_heals(host: CpuHost, spoiled: NetworkState) -> None:
    live = RULES.open(spoiled, host)
    assert accuracy(live, *data(2000, 2)) < 0.5
    for _ in range(3):
        live.train(rows(*data(3000)), ALWAYS)
    assert accuracy(live, *data(2000, 2)) > 0.97
    assert live.state().head.extra["ranges"] == 1


def test_a_state_without_its_limits_is_refused(host: CpuHost) -> None:
    state = shallow(host).state()
    del state.arrays["limits"]
    with pytest.raises(CorruptFile, match="limits"):
        RULES.open(state, host)
    state = shallow(host).state()
    state.arrays["limits"][3] = 0
    with pytest.raises(CorruptFile, match="limits"):
        RULES.open(state, host)


@pytest.mark.parametrize("stop", [64, 1024])
@pytest.mark.usefixtures("often")
def test_broken_rows_and_interruptions_end_the_same(host: CpuHost, stop: int) -> None:
    broken = rows(*mixed(1900, 100, 1e6))
    whole, part = shallow(host), shallow(host)
    for live in (whole, part):
        live.train(rows(*data(300)), ALWAYS)
    whole.train(broken, ALWAYS)
    part.train(broken, Run(lambda cycle: cycle < stop))
    rest = reopened(part, host)
    rest.train(broken, Run(lambda cycle: True, stop))
    assert rest.state().digest() == whole.state().digest()


def test_an_input_that_comes_later_has_a_range_of_its_own(host: CpuHost) -> None:
    live = network(host, {"a": WIDTH, "b": WIDTH}, {"out": CLASSES})
    values, labels = data(2000)
    live.train(Rows((Columns("a", values),), (Columns("out", labels),)), ALWAYS)
    both = Columns("a", values), Columns("b", values * np.float32(1e6))
    live.train(Rows(both, (Columns("out", labels),)), ALWAYS)
    borders = live.state().arrays["borders"]
    np.testing.assert_array_equal(borders[WIDTH:], (values * np.float32(1e6)).max(axis=0))


@pytest.mark.long
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(1, 70),
    density=st.sampled_from([0.1, 1.0]),
    scale=st.sampled_from([1e-42, 1e-3, 1.0, 1e30]),
    broken=st.sampled_from([0.0, 0.1]),
)
def test_the_kernel_of_streams_does_what_the_ranges_say(
    seed: int, width: int, density: float, scale: float, broken: float
) -> None:
    random = np.random.default_rng(seed)
    table = random.standard_normal((200, width)) * (random.random((200, width)) < density) * scale
    table[random.random(200) < broken] *= 1e6
    zeros = np.zeros(width, np.float32)
    ranges = Ranges(zeros, zeros, np.full(width, LARGEST, np.float32))
    floors, borders, limits = (part.copy() for part in ranges)
    for row in table.astype(np.float32):
        ranges = after_row(ranges, row)
        inverse = inverse_of(borders)
        see_row(floors, borders, limits, inverse, row)
        for said, found in zip(ranges, (floors, borders, limits), strict=True):
            np.testing.assert_array_equal(said, found)
        np.testing.assert_array_equal(inverse, inverse_of(borders))
        borders = np.maximum(borders, np.minimum(row - floors, limits))
        ranges = ranges._replace(borders=borders)
