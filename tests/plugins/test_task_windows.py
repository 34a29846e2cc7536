"""Windows of rows: what a network gets of a table, and what becomes of overlapping answers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hanami_plugins.tasks.plans import TableBinding
from hanami_plugins.tasks.windows import Means, rows_of


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 5), st.integers(1, 6))
def test_a_row_of_a_binding_is_a_window_of_the_column(rows: int, width: int, first: int, count: int) -> None:
    values = np.arange(rows * (width + 2), dtype=np.float32).reshape(rows, -1)[:, 1 : width + 1]
    if first + count > rows:
        return
    found = rows_of(values, TableBinding("in", "blob", "column", first, count))
    assert found.shape == (rows - first - count + 1, width * count)
    for cycle, row in enumerate(found):
        assert row.tolist() == values[cycle + first : cycle + first + count].reshape(-1).tolist()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_overlapping_windows_are_averaged_whatever_the_pieces_are(widths: list[int], pieces: list[int]) -> None:
    cycles, random = sum(pieces), np.random.default_rng(0)
    windows = [random.random((cycles, width), np.float32) for width in widths]
    means, found, start = Means(widths), [], 0
    for piece in pieces:
        found.append(means.add([some[start : start + piece] for some in windows]))
        start += piece
    found.append(means.rest())
    together = np.concatenate(found)
    assert together.shape == (cycles, len(widths))
    for column, some in enumerate(windows):
        width = some.shape[1]
        for row in range(cycles):
            said = [some[row + k, width - 1 - k] for k in range(width) if row + k < cycles]
            np.testing.assert_allclose(together[row, column], np.mean(said), rtol=1e-6)
