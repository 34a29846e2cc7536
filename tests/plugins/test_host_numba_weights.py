"""Rows that count more than others, in kernels with any number of threads, and classes that are rare."""

from __future__ import annotations

import numpy as np
import pytest

from hanami_core.compute import LiveNetwork
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, answers, network, one_hot, rows

WIDTH = 8
EPOCHS = 10


@pytest.fixture(scope="module", params=[1, 2])
def host(request: pytest.FixtureRequest) -> CpuHost:
    host = CpuHost("cpu0", request.param)
    host.start(host_context(KERNELS))
    return host


def table(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values of two classes that overlap, and the class of each row; `share` of them are of the second."""
    random = np.random.default_rng(seed)
    kinds = (random.random(count) < share).astype(np.int64)
    values = random.normal(size=(count, WIDTH)) + 1.2 * kinds[:, None] * (np.arange(WIDTH) < 4)
    return values.astype(np.float32), kinds


def trained(host: CpuHost, share: float, weights: np.ndarray | None = None, blocks: int = 2) -> LiveNetwork:
    """Return a network that has learned a table whose classes count as much as `weights` says."""
    values, kinds = table(5000, share, 1)
    live = network(host, {"in": WIDTH}, {"out": 2}, blocks=blocks)
    random = np.random.default_rng(2)
    for _ in range(EPOCHS):
        order = random.permutation(len(kinds))
        how = {} if weights is None else {"weights": weights.astype(np.float32)[kinds[order]]}
        live.train(rows(values[order], one_hot(kinds[order], 2).astype(np.float32), **how), ALWAYS)
    return live


def recall(live: LiveNetwork) -> list[float]:
    """Return which part of each class is recognised."""
    values, kinds = table(4000, 0.5, 3)
    said = answers(live, values).argmax(1)
    return [float((said == kinds)[kinds == kind].mean()) for kind in (0, 1)]


def test_a_rare_class_does_not_ruin_a_network(host: CpuHost) -> None:
    often, seldom = recall(trained(host, 0.01))
    assert often > 0.98
    assert seldom < 0.5


def test_a_rare_class_is_learned_if_it_counts_more(host: CpuHost) -> None:
    often, seldom = recall(trained(host, 0.01, np.array([0.505, 50.0])))
    assert often > 0.75
    assert seldom > 0.75


def test_weights_far_apart_ruin_nothing(host: CpuHost) -> None:
    assert recall(trained(host, 0.5, np.array([1e-6, 2.0])))[1] > 0.99
    assert recall(trained(host, 0.5, np.array([1e9, 1e-9])))[0] > 0.99


def test_threads_change_nothing(host: CpuHost) -> None:
    """Steps of a heavy row are taken by all threads, or by none."""
    alone = CpuHost("cpu1", 1)
    alone.start(host_context(KERNELS))
    weights = np.array([0.5, 9.0])
    digests = [trained(one, 0.1, weights, blocks=64).state().digest() for one in (alone, host)]
    assert digests[0] == digests[1]
