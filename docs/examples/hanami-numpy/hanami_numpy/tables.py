"""Values of some cycles of a task as tables: one with all inputs side by side, one with all outputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanami_core.compute import Rows, Values
from hanami_plugins.networks_section import starts


def inputs_of(rows: Rows, sizes: Mapping[str, int], first: int, last: int) -> Values:
    """Return the inputs of the cycles ``first .. last - 1``; what is not given is 0.

    Raises:
        FloatingPointError: if a value is not finite.
    """
    table = np.zeros((last - first, sum(sizes.values())), np.float32)
    begins = starts(sizes)
    for columns in rows.inputs:
        width = columns.values.shape[1]
        for moment in range(rows.time_length):
            place = begins[columns.name] + moment * width
            table[:, place : place + width] = columns.values[first + moment : last + moment]
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        raise FloatingPointError(f"values of cycle {first + int(finite.argmin())} are not finite")
    return table


def outputs_of(rows: Rows, sizes: Mapping[str, int], first: int, last: int) -> Values:
    """Return what is expected in the cycles ``first .. last - 1``; NaN for outputs that are not trained."""
    table = np.full((last - first, sum(sizes.values())), np.nan, np.float32)
    begins = starts(sizes)
    for columns in rows.outputs:
        place = begins[columns.name]
        table[:, place : place + sizes[columns.name]] = columns.values[first:last]
    return table
