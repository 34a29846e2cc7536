"""The order of the rows of an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from hanami_plugins.tasks.order import RowOrder


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 64, 150, 4097])
def test_each_epoch_has_all_rows_in_an_order_of_its_own(rows: int) -> None:
    order = RowOrder(rows, 5, shuffle=True)
    epochs = [order.epoch(number, 0, rows) for number in range(4)]
    assert all(sorted(epoch) == list(range(rows)) for epoch in epochs)
    if rows > 60:
        assert len({tuple(epoch) for epoch in epochs}) == 4
        assert abs(np.corrcoef(epochs[0], np.arange(rows))[0, 1]) < 0.3


def test_an_order_is_a_function_of_seed_and_epoch_however_it_is_asked_for() -> None:
    whole = RowOrder(1000, 5, shuffle=True).epoch(3, 0, 1000)
    pieces = [RowOrder(1000, 5, shuffle=True).epoch(3, first, first + 100) for first in range(0, 1000, 100)]
    assert (np.concatenate(pieces) == whole).all()
    assert (RowOrder(1000, 6, shuffle=True).epoch(3, 0, 1000) != whole).any()
    # Written down once, so that a training that was begun by one release goes on with the next.
    assert RowOrder(1000, 5, shuffle=True).epoch(3, 0, 5).tolist() == [808, 939, 897, 79, 437]


def test_every_row_comes_everywhere() -> None:
    """Over many epochs, no position prefers rows."""
    firsts = [int(RowOrder(10, seed, shuffle=True).epoch(0, 0, 1)[0]) for seed in range(2000)]
    counts = np.bincount(firsts, minlength=10)
    assert counts.min() > 140
    assert counts.max() < 260
