"""Rows as the content of a file of NumPy, written without NumPy and read by it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hanami_sdk._arrays import LEAST_VALUES, to_npy, to_npz


class Frame:
    """A table as pandas and Polars have them."""

    def __init__(self, values: Any) -> None:
        self._values = np.array(values)

    def to_numpy(self) -> Any:
        return self._values


MANY = [[0.5] * LEAST_VALUES, [1] * LEAST_VALUES]
KINDS = st.one_of(npst.boolean_dtypes(), npst.integer_dtypes(), npst.unsigned_integer_dtypes(), npst.floating_dtypes())


def read(content: bytes | None) -> Any:
    assert content is not None
    return np.load(io.BytesIO(content))


@given(npst.arrays(KINDS, npst.array_shapes(min_dims=2, max_dims=2, min_side=0)), st.sampled_from("CF"))
def test_arrays_are_what_they_were(array: Any, order: Any) -> None:
    found = read(to_npy(np.asarray(array, order=order)))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array, equal_nan=True)


@given(st.integers(1, 3), st.integers(LEAST_VALUES, LEAST_VALUES + 70), st.floats() | st.integers(-(1 << 53), 1 << 53))
def test_lists_are_what_they_were_in_single_precision(rows: int, width: int, value: float) -> None:
    with np.errstate(over="ignore"):
        expected = np.full((rows, width), float(value)).astype(np.float32)
    assert np.array_equal(read(to_npy([[value] * width] * rows)), expected, equal_nan=True)


def test_the_values_begin_where_arrays_like_to() -> None:
    content = to_npy(np.zeros((2, 3)))
    assert content is not None
    assert (len(content) - 2 * 3 * 8) % 64 == 0


def test_tables_are_sent_as_their_values() -> None:
    assert np.array_equal(read(to_npy(Frame([[1.0, 3.0], [2.0, 4.0]]))), [[1.0, 3.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    "rows",
    [
        [[0.5, 1.0]],
        [],
        [MANY[0], MANY[1][:-1]],
        [[str(one) for one in row] for row in MANY],
        [[1 << 2000] * LEAST_VALUES],
        (row for row in MANY),
        MANY[0],
        np.zeros(LEAST_VALUES),
        np.zeros((2, 2), object),
        np.ma.masked_array(np.zeros((1, LEAST_VALUES)), mask=True),
        Frame([["x"], ["y"]]),
    ],
)
def test_what_else_there_is_is_sent_as_a_text(rows: Any) -> None:
    assert to_npy(rows) is None


def test_several_arrays_have_their_names() -> None:
    first, second = np.eye(2), np.zeros((2, 3), np.uint8)
    parts = {name: to_npy(rows) for name, rows in (("first", first), ("zwei ü", second))}
    found = np.load(io.BytesIO(to_npz({name: part for name, part in parts.items() if part is not None})))
    assert sorted(found) == ["first", "zwei ü"]
    assert np.array_equal(found["first"], first)
    assert np.array_equal(found["zwei ü"], second)
