"""Tell kernels where the values of a task lie in memory, without copying them, and refuse what they must not see.

Imports no compute library. The tables hold raw addresses: a `Plan` keeps the arrays behind them alive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from hanami_core.compute import Columns, Rows, Values
from hanami_core.errors import BadRequest
from hanami_core.network import Array
from hanami_plugins.networks_section import (
    FLOATS,
    LANES,
    SEGMENT,
    Floats,
    Records,
    aligned,
    check_rows,
    is_one_hot,
    starts,
)

TYPES = (np.dtype(np.uint8), np.dtype(np.float32))
NO_WEIGHTS: Floats = np.zeros(0, np.float32)
"""Weights of cycles that all count 1."""
NOTHING = (0, 0, 0, 0, 0)
"""Segment of an output that is not trained."""


Inputs = TypeVar("Inputs")


@dataclass(frozen=True)
class Plan(Generic[Inputs]):
    """Where the inputs and outputs of a task lie, and the arrays that they point to; weights of its cycles."""

    inputs: Inputs
    outputs: Records
    arrays: tuple[Array, ...]
    weights: Floats


def plan(rows: Rows, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Plan[Records]:
    """Return the segments of a task for a network with these numbers of values.

    An input may be shorter than the network's, its missing values count as zero. An output without columns is not
    trained. A window of ``time_length`` rows becomes one segment for each of its rows.

    Raises:
        BadRequest: if a name is unknown or used twice, or the values do not fit.
    """
    check_rows(rows, inputs, outputs)
    begins = starts(inputs)
    arrays = {columns.name: _readable(columns) for columns in (*rows.inputs, *rows.outputs)}
    table = [
        (*_segment(array, moment), begins[columns.name] + moment * array.shape[1])
        for columns in rows.inputs
        for moment in range(rows.time_length)
        for array in (arrays[columns.name],)
    ]
    trained = {columns.name for columns in rows.outputs}
    expected = [(*_segment(arrays[name]), 0) if name in trained else NOTHING for name in outputs]
    return Plan(np.array(table, SEGMENT), np.array(expected, SEGMENT), tuple(arrays.values()), _weights(rows))


def _weights(rows: Rows) -> Floats:
    """Return the weights of a task's cycles as kernels take them, which are compiled for one kind of arrays."""
    if rows.weights is None:
        return NO_WEIGHTS
    if rows.weights.shape != (rows.cycles,):
        raise ValueError(f"there are {rows.weights.shape} weights of {rows.cycles} cycles")
    return np.require(rows.weights, np.float32, ["C", "A", "W", "E"])


def _segment(array: Array, first_row: int = 0) -> tuple[int, int, int, int]:
    stride = array.strides[0]
    return array.ctypes.data + first_row * stride, stride, array.shape[1], array.itemsize


def _readable(columns: Columns) -> Array:
    values = columns.values
    if values.ndim != 2 or values.dtype not in TYPES:
        raise BadRequest("values_no_table", interface=columns.name)
    if values.shape[1] > 1 and values.strides[1] != values.itemsize:
        # Kernels read the values of a row as a block, so columns picked one by one need a copy.
        return np.ascontiguousarray(values)
    return values


class OneRow:
    """Buffers for a single cycle, and the segments that point to them."""

    def __init__(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Make buffers for a network with these numbers of values."""
        self._inputs, self._outputs = dict(inputs), dict(outputs)
        self._input_starts, self._output_starts = starts(inputs), starts(outputs)
        self._values: Floats = aligned(sum(inputs.values()) + LANES)
        self._expected: Floats = aligned(sum(outputs.values()) + LANES)
        size = sum(inputs.values())
        self.values = self._values[:size]
        self.inputs = np.array([(self._values.ctypes.data, 0, size, FLOATS, 0)], SEGMENT)
        address = self._expected.ctypes.data
        found = [(address + start * FLOATS, 0, 0, FLOATS, 0) for start in self._output_starts.values()]
        self.outputs = np.array(found, SEGMENT)
        self._trained = self.outputs["count"]

    def segments(self, names: Sequence[str]) -> Records:
        """Return segments of some inputs, whose values are counted from the first of them on."""
        sizes = {name: self._inputs[name] for name in names}
        address = self._values.ctypes.data
        found = [
            (address + self._input_starts[name] * FLOATS, 0, sizes[name], FLOATS, start)
            for name, start in starts(sizes).items()
        ]
        return np.array(found, SEGMENT)

    def set_inputs(self, inputs: Mapping[str, Values]) -> None:
        """Take over the inputs of a cycle; what is missing counts as zero."""
        for name in inputs:
            if name not in self._inputs:
                raise BadRequest("interface_not_in_network", kind="input", interface=name)
        for name, size in self._inputs.items():
            start = self._input_starts[name]
            values = inputs.get(name, ())
            count = len(values)
            if count > size:
                raise BadRequest("interface_width", kind="input", interface=name, expected=size, size=count)
            self._values[start : start + count] = values
            if count < size:
                self._values[start + count : start + size] = 0

    def set_outputs(self, outputs: Mapping[str, Values]) -> dict[str, bool]:
        """Take over what is expected of a cycle; return for each output whether its values are one-hot."""
        sizes = self._outputs
        for name, values in outputs.items():
            if sizes.get(name) != len(values):
                named = {"kind": "output", "interface": name}
                raise BadRequest("interface_width", **named, expected=sizes.get(name, 0), size=len(values))
        result = {}
        for number, (name, size) in enumerate(sizes.items()):
            self._trained[number] = 0
            if name in outputs:
                start = self._output_starts[name]
                self._expected[start : start + size] = outputs[name]
                self._trained[number] = size
                result[name] = is_one_hot(self._expected[None, start : start + size], name, 0)
        return result
