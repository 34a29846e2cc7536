"""Whether the rows of a task fit to a network, and what kind of outputs they expect. Imports no compute library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hanami_core.compute import Columns, Rows
from hanami_core.errors import BadRequest
from hanami_core.network import Array

__all__ = ["check_rows", "is_one_hot", "one_hot_outputs"]

SURVEYED_VALUES = 1 << 20
"""Expected values that are checked at once."""


def check_rows(rows: Rows, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
    """Check that rows fit to a network with these numbers of values; an input may be shorter than the network's.

    Raises:
        BadRequest: if a name is unknown or used twice, or the numbers of values do not fit.
    """
    sizes = rows.sizes()
    _check_sizes("input", rows.inputs, sizes[0], inputs)
    _check_sizes("output", rows.outputs, sizes[1], outputs)


def _check_sizes(what: str, columns: tuple[Columns, ...], sizes: Mapping[str, int], known: Mapping[str, int]) -> None:
    if len(sizes) != len(columns):
        raise BadRequest("interface_used_twice", kind=what)
    for name, size in sizes.items():
        if name not in known:
            raise BadRequest("interface_not_in_network", kind=what, interface=name)
        if size > known[name] or (what == "output" and size != known[name]):
            raise BadRequest("interface_width", kind=what, interface=name, expected=known[name], size=size)


def one_hot_outputs(rows: Rows, tick: Callable[[], bool]) -> dict[str, bool] | None:
    """Return for each output whether all rows that are trained are one-hot: a single 1, all others 0.

    Args:
        rows: what is to be trained.
        tick: called now and then if there is much to look at; False ends the survey, None is returned then.

    Raises:
        BadRequest: if an expected value is not between 0 and 1.
    """
    result = {}
    for columns in rows.outputs:
        values, one_hot = columns.values[: rows.cycles], True
        step = max(1, SURVEYED_VALUES // max(1, values.shape[1]))
        for first in range(0, len(values), step):
            if first and not tick():
                return None
            one_hot &= is_one_hot(values[first : first + step], columns.name, first)
        result[columns.name] = one_hot
    return result


def is_one_hot(values: Array, name: str, first: int) -> bool:
    """Tell whether all rows have a single 1 and else 0; refuse values that are not between 0 and 1.

    Args:
        values: shape (rows, columns), uint8 or float32.
        name: name of the output, for the error.
        first: cycle of the first row, for the error.

    Raises:
        BadRequest: if a value is not between 0 and 1.
    """
    # NumPy is several times faster along rows of memory than across them.
    columns = np.ascontiguousarray(values.T)
    # A comparison with NaN is false, so it has to hold for what is allowed.
    if not bool(columns.min() >= 0 and columns.max() <= 1):
        cycle = first + int(np.argmin(((values >= 0) & (values <= 1)).all(axis=1)))
        raise BadRequest("expected_value_out_of_range", interface=name, cycle=cycle)
    # As many ones as rows, nothing else but zeros, and a one in every row.
    ones = np.count_nonzero(columns == 1)
    return bool(
        len(columns) > 1 and ones == len(values) == np.count_nonzero(columns) and columns.max(axis=0).min() == 1
    )
