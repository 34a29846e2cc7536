"""The compiled network is the one that `reference` defines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.compute import Columns, Rows
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import LAST_RATE, ReferenceNetwork, first_rate, slice_length
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, answers, network

pytestmark = pytest.mark.slow

TASKS = 2


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


def table(random: np.random.Generator, cycles: int, sources: int, density: float, bytes_: bool) -> np.ndarray:
    values = random.integers(1, 256, (cycles, sources)) * (random.random((cycles, sources)) < density)
    return values.astype(np.uint8) if bytes_ else (values / 50 - 0.5).astype(np.float32)


def expected(random: np.random.Generator, cycles: int, size: int, softmax: bool, graded: bool) -> np.ndarray:
    if softmax:
        return np.eye(size, dtype=np.uint8)[random.integers(0, size, cycles)]
    values = random.random((cycles, size)) if graded else random.integers(0, 2, (cycles, size))
    # A row with two ones, so that nobody takes the table for classes.
    values[0] = 1
    return values.astype(np.float32)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**63),
    cycles=st.integers(1, 150),
    sources=st.integers(1, 50),
    sizes=st.lists(st.tuples(st.integers(2, 20), st.booleans()), min_size=1, max_size=2),
    blocks=st.integers(1, 3),
    density=st.sampled_from([0.1, 0.5, 1.0]),
    bytes_=st.booleans(),
    graded=st.booleans(),
    weighted=st.booleans(),
)
def test_the_kernels_do_what_the_reference_says(
    host: CpuHost,
    seed: int,
    cycles: int,
    sources: int,
    sizes: list[tuple[int, bool]],
    blocks: int,
    density: float,
    bytes_: bool,
    graded: bool,
    weighted: bool,
) -> None:
    random = np.random.default_rng(seed)
    names = [f"out{number}" for number in range(len(sizes))]
    live = network(host, {"in": sources}, dict(zip(names, (size for size, _ in sizes), strict=True)), seed, blocks)
    reference = ReferenceNetwork(seed, [sources], sizes, blocks)
    for task in range(TASKS):
        inputs = table(random, cycles, sources, density, bytes_)
        outputs = [expected(random, cycles, size, softmax, graded) for size, softmax in sizes]
        columns = tuple(Columns(name, values) for name, values in zip(names, outputs, strict=True))
        rate = first_rate((task + 1) * cycles)
        length = slice_length(sources * blocks * 64)
        weights = random.exponential(1.5, cycles).astype(np.float32) if weighted else None
        live.train(Rows((Columns("in", inputs),), columns, weights=weights), ALWAYS)
        reference.train(inputs, np.hstack(outputs), length, (rate, LAST_RATE), weights)
    state = live.state()
    np.testing.assert_array_equal(state.arrays["row_of_source"], reference.row_of_source)
    np.testing.assert_array_equal(state.arrays["floors"], reference.floors)
    np.testing.assert_array_equal(state.arrays["borders"], reference.borders)
    assert state.head.extra["failure"] == pytest.approx(reference.failure, abs=1e-6)
    np.testing.assert_allclose(state.arrays["weights"], reference.weights, atol=1e-4)
    asked = table(random, 30, sources, density, bytes_)
    said = np.hstack([answers(live, Rows((Columns("in", asked),)), name) for name in names])
    np.testing.assert_allclose(said, reference.answer(asked), atol=1e-4)


def test_a_new_network_is_the_reference_exactly(host: CpuHost) -> None:
    live = network(host, {"in": 20}, {"out": 3}, seed=-5)
    values = np.arange(1, 21, dtype=np.uint8)[None]
    reference = ReferenceNetwork(-5, [20], [(3, True)], 2)
    reference.allocate_rows(values[0].astype(np.float32))
    np.testing.assert_array_equal(live.state().arrays["readout"], reference.readout)
    live.train(Rows((Columns("in", values),), (Columns("out", np.eye(3, dtype=np.uint8)[:1]),)), ALWAYS)
    # One step of learning is all that is between them.
    np.testing.assert_allclose(live.state().arrays["weights"], reference.weights, atol=0.1)
    assert (live.state().arrays["row_of_source"] == np.arange(20)).all()
