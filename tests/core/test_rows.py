"""Rows of tasks."""

from __future__ import annotations

import numpy as np

from hanami_core.compute import Rows


def test_a_single_cycle_is_rows_of_one() -> None:
    rows = Rows.single({"in": [1, 2, 3]}, {"out": np.array([0, 1], np.uint8)})
    assert rows.cycles == 1
    assert rows.sizes() == ({"in": 3}, {"out": 2})
    assert [columns.values.tolist() for columns in (*rows.inputs, *rows.outputs)] == [[[1, 2, 3]], [[0, 1]]]
    assert {columns.values.dtype for columns in (*rows.inputs, *rows.outputs)} == {np.dtype(np.float32)}


def test_a_single_cycle_needs_no_outputs() -> None:
    assert Rows.single({"in": np.ones(2, np.float32)}).outputs == ()
