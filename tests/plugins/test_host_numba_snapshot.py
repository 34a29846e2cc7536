"""Answers from weights of 8 bits are those of the reference, near those of all 32, and no network notices them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.compute import Columns, LiveNetwork, Rows
from hanami_core.network import NetworkState
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba import thread_pool as pool_module
from hanami_plugins.host_numba.cpu_rules import CpuSynapseRules
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import reference_of
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, RULES, accuracy, answers, blobs, chain, network, rows, with_int8
from tests.plugins.test_host_numba_deep import line


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


def rounded(live: LiveNetwork, host: CpuHost) -> LiveNetwork:
    """Return a network with the same state that answers with int8."""
    state = live.state()
    template = with_int8(state.head.template)
    return RULES.open(NetworkState(msgspec.structs.replace(state.head, template=template), state.arrays), host)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**63),
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    classes=st.integers(2, 20),
    blocks=st.integers(1, 3),
    time_length=st.integers(1, 3),
    brightest=st.sampled_from([1, 100, 255]),
)
def test_the_kernel_does_what_the_reference_says(
    host: CpuHost, seed: int, widths: list[int], classes: int, blocks: int, time_length: int, brightest: int
) -> None:
    random = np.random.default_rng(seed)
    names = [f"in{number}" for number in range(len(widths))]
    sizes = {name: width * time_length for name, width in zip(names, widths, strict=True)}
    live = network(host, sizes, {"out": classes}, seed, blocks)

    def table(cycles: int, most: int) -> np.ndarray:
        values = random.integers(0, most + 1, (cycles, sum(widths))) * (random.random((cycles, sum(widths))) < 0.6)
        return values.astype(np.uint8)

    def columns(values: np.ndarray) -> tuple[Columns, ...]:
        parts = np.split(values, np.cumsum(widths)[:-1], axis=1)
        return tuple(Columns(name, part) for name, part in zip(names, parts, strict=True))

    kinds = np.eye(classes, dtype=np.uint8)[random.integers(0, classes, 60)]
    live.train(Rows(columns(table(60, brightest)), (Columns("out", kinds),), time_length), ALWAYS)
    asked = table(30, 255)
    said = answers(rounded(live, host), Rows(columns(asked)[::-1], (), time_length))
    cycles = len(asked) - time_length + 1
    # The values of an input's window lie side by side, row after row.
    windows = [
        np.hstack([part.values[moment : moment + cycles] for moment in range(time_length)]) for part in columns(asked)
    ]
    expected = reference_of(live.state()).answer_bytes(np.hstack(windows))
    np.testing.assert_allclose(said, expected, atol=1e-5)


def trained(host: CpuHost, inputs: np.ndarray, outputs: np.ndarray) -> LiveNetwork:
    live = network(host, {"in": inputs.shape[1]}, {"out": outputs.shape[1]})
    live.train(rows(inputs, outputs), ALWAYS)
    return live


def test_answers_are_near_those_of_all_bits(host: CpuHost) -> None:
    live = trained(host, *blobs(3000))
    small = rounded(live, host)
    asked, kinds = blobs(1000, seed=2)
    exact, near = answers(live, asked), answers(small, asked)
    assert 0 < np.abs(exact - near).max() < 0.1
    assert accuracy(small, asked, kinds) == pytest.approx(accuracy(live, asked, kinds), abs=0.005)


def test_a_request_changes_nothing_on_any_number_of_threads(host: CpuHost) -> None:
    small = rounded(trained(host, *blobs(2000)), host)
    before, asked = small.state().digest(), blobs(999, seed=2)[0]
    said = []
    for threads in (1, 2, 3):
        other = CpuHost("cpu0", 1)
        other.thread_pool = pool_module.ThreadPool(threads)
        said.append(answers(RULES.open(small.state(), other), asked))
    assert all((said[0] == one).all() for one in said)
    assert small.state().digest() == before


def test_what_was_trained_since_is_asked(host: CpuHost) -> None:
    small = rounded(trained(host, *blobs(50)), host)
    asked = blobs(100, seed=2)[0]
    before = answers(small, asked)
    small.train(rows(*blobs(2000, seed=3)), ALWAYS)
    after = answers(small, asked)
    assert np.abs(before - after).max() > 0.2
    assert (after == answers(rounded(small, host), asked)).all()


@pytest.mark.parametrize("factor", [np.float32(1), np.float32(0.37)])
def test_values_that_are_no_bytes_are_answered_with_all_bits(host: CpuHost, factor: np.float32) -> None:
    inputs, outputs = blobs(1000)
    live = trained(host, inputs * factor, outputs)
    small = rounded(live, host)
    fractions, bytes_ = inputs[:100] * factor, inputs[:100]
    assert (answers(live, fractions) == answers(small, fractions)).all()
    # Bytes are asked with 8 bits only if what the network knows is made of whole numbers, too.
    assert (answers(live, bytes_) == answers(small, bytes_)).all() == (factor != 1)


def test_a_network_that_saw_nothing_answers(host: CpuHost) -> None:
    live = network(host, {"in": 7}, {"out": 3})
    asked = np.full((5, 7), 9, np.uint8)
    np.testing.assert_allclose(answers(rounded(live, host), asked), answers(live, asked), atol=1e-6)


def test_templates_that_can_not_have_it_are_refused() -> None:
    assert RULES.refuses(with_int8(chain())) is None
    assert "one hidden hexagon" in (RULES.refuses(with_int8(line(4, 2))) or "")
    assert "precision" in (CpuSynapseRules().refuses(with_int8(chain(), growth="synapse")) or "")
