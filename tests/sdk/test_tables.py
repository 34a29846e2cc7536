"""Tables from arrays."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from hanami_sdk import Scale, csv_table


def test_values_labels_and_targets_become_columns() -> None:
    text = csv_table([[1, 2.5], [3, -4e10]], ["cat", "dog"], targets=[[0], [0.25]])
    assert text.decode().splitlines() == [
        "input[0],input[1],label[0],label[1],target[0]",
        "1,2.5,1,0,0",
        "3,-4e+10,0,1,0.25",
    ]


@pytest.mark.parametrize(
    "values",
    [
        [[1.0, 2.0], [3.0, 4.0]],
        ((1, 2), (3, 4)),
        [array("f", (1, 2)), array("f", (3, 4))],
        np.array([[1, 2], [3, 4]], np.uint8),
        np.array([[1, 2], [3, 4]], np.float64),
        (row for row in ([1, 2], [3, 4])),
    ],
)
def test_any_kind_of_rows(values: object) -> None:
    assert csv_table(values) == b"input[0],input[1]\n1,2\n3,4\n"  # type: ignore[arg-type]


def test_labels_may_be_numbers_of_numpy_and_classes_be_given() -> None:
    text = csv_table([[1], [1]], np.array([7, 5]), classes=[5, 6, 7])
    assert text == b"input[0],label[0],label[1],label[2]\n1,0,0,1\n1,1,0,0\n"


def test_float32_comes_back_exactly() -> None:
    values = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    lines = csv_table(values).decode().splitlines()[1:]
    assert np.array_equal(np.array([line.split(",") for line in lines], np.float32), values)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"values": []}, "there are 0 rows"),
        ({"values": [[]]}, "row 0 has 0 values"),
        ({"values": [[1], [1, 2]]}, "row 1 has 2 values, row 0 has 1"),
        ({"values": [[1], [float("nan")]]}, "row 1 has a value that is not finite"),
        ({"values": [[float("-inf")]]}, "row 0 has a value that is not finite"),
        ({"values": [[1]], "labels": [1, 2]}, "1 rows of values, but 2 of column 'label'"),
        ({"values": [[1]], "labels": ["x"], "classes": ["y"]}, "label 'x' of row 0 is none of the classes"),
        ({"values": [[1]], "targets": [[1.5]]}, "row 0 has a target that is not between 0 and 1"),
        ({"values": [[1]], "targets": [[-0.5]]}, "not between 0 and 1"),
    ],
)
def test_what_is_wrong_is_refused(arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        csv_table(**arguments)  # type: ignore[arg-type]


def test_a_scale_there_and_back() -> None:
    rows = [[-5.0, 100.0, 7.0], [5.0, 300.0, 7.0], [0.0, 150.0, 7.0]]
    scale = Scale.of(rows)
    assert scale.apply(rows) == [[0, 0, 0], [1, 1, 0], [0.5, 0.25, 0]]
    assert scale.restore(scale.apply(rows)) == rows
    assert scale.apply([[9, 0, 1]]) == [[1, 0, 0]]
    with pytest.raises(ValueError, match="at least one row"):
        Scale.of([])
    with pytest.raises(ValueError, match="argument"):
        scale.apply([[1]])
