"""Arrays that are read from lists of numbers by way of msgpack are those that NumPy makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hanami_plugins.predictions.matrices import matrix

LENGTHS = (1, 2, 15, 16, 17, 255, 256)
LONG = (65_535, 65_536, 70_000)


def same(rows: list[list[float]], width: int) -> bool:
    with np.errstate(over="ignore"):
        expected = np.array(rows, np.float32).reshape(len(rows), width)
    found = matrix(rows, width)
    assert found.dtype == np.float32
    return found.shape == expected.shape and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("width", LENGTHS)
@pytest.mark.parametrize("rows", LENGTHS)
def test_shapes(rows: int, width: int) -> None:
    assert same(np.random.default_rng(rows).normal(size=(rows, width)).tolist(), width)


@pytest.mark.parametrize("length", LONG)
def test_long_ones(length: int) -> None:
    values = np.random.default_rng(1).normal(size=length)
    assert same(values.reshape(1, -1).tolist(), length)
    assert same(values.reshape(-1, 1).tolist(), 1)


@pytest.mark.parametrize(("rows", "width"), [(0, 0), (3, 0), (70_000, 0)])
def test_nothing(rows: int, width: int) -> None:
    assert matrix([[]] * rows, width).shape == (rows, width)


@given(arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.floats()))
def test_values(values: np.ndarray) -> None:
    assert same(values.tolist(), values.shape[1])
