"""How cycles that do not all count the same become the entries of batches."""

from __future__ import annotations

import numpy as np
import pytest

from hanami_plugins.host_cupy.batches import entries_of
from hanami_plugins.networks_section import share_of, steps_of

WEIGHTS = {
    "none": np.zeros(0, np.float32),
    "zero": np.zeros(3, np.float32),
    "light": np.array([0.1, 1, 2], np.float32),
    "heavy": np.array([2.0000002, 3, 4, 127.9, 128, 1e6], np.float32),
    "random": np.random.default_rng(1).exponential(3, 2000).astype(np.float32),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_entries_are_the_steps_of_each_cycle(name: str) -> None:
    weights = WEIGHTS[name]
    cycles, shares = [], []
    for cycle, weight in enumerate(weights):
        steps = int(steps_of(weight))
        share = share_of(weight, steps)
        cycles += [cycle] * steps
        shares += [share] + [-share] * (steps - 1)
    found = entries_of(weights, 0, len(weights))
    assert np.array_equal(found[0], np.array(cycles, np.int32))
    assert found[1].tobytes() == np.array(shares, np.float32).tobytes()
    assert [array.dtype for array in found] == [np.int32, np.float32]


def test_entries_count_from_the_first_cycle() -> None:
    weights = np.array([5, 1, 3], np.float32)
    cycles, shares = entries_of(weights, 1, 3)
    assert cycles.tolist() == [0, 1, 1]
    assert shares.tolist() == [1, 1.5, -1.5]
