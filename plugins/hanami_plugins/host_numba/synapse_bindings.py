"""Tell the kernels where the values of a task or of a single cycle lie in memory. Imports no compute library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hanami_core.compute import Rows, Values
from hanami_core.errors import BadRequest
from hanami_core.network import Array, Template
from hanami_plugins.host_numba import segments
from hanami_plugins.networks_section import FLOATS, SEGMENT, Records, lane_starts, starts
from hanami_plugins.networks_synapse import INNER_OUTPUTS, LANES, Ints, IOBinding, encode, zeros


def output_kinds(template: Template) -> dict[str, str]:
    """Return the type of the values of each output."""
    return {item.name: item.type for item in template.outputs}


@dataclass(frozen=True)
class Source:
    """Data of a task. The bindings that come from it hold raw addresses: `plan` keeps the arrays behind them alive."""

    rows: Rows
    plan: segments.Plan[Records]
    inputs: Mapping[str, int]
    kinds: Mapping[str, str]

    def binding(self, first: int, last: int) -> tuple[IOBinding, list[Array]]:
        """Return the binding for some cycles, and arrays that it needs as long as it is used."""
        expected, kept = self.plan.outputs.copy(), []
        values = {columns.name: columns.values for columns in self.rows.outputs}
        for number, (name, kind) in enumerate(self.kinds.items()):
            if name in values and kind != "plain":
                inner = encode(values[name][first:last], kind)
                # A kernel adds the cycle's number in the task times the stride to the address.
                address = inner.ctypes.data - first * inner.strides[0]
                expected[number] = address, inner.strides[0], inner.shape[1], inner.itemsize, 0
                kept.append(inner)
        table, bounds = by_input(self.plan.inputs, self.inputs)
        return IOBinding(table, bounds, expected, self.plan.weights), kept


def source(rows: Rows, inputs: Mapping[str, int], outputs: Mapping[str, int], template: Template) -> Source:
    """Return the data of a task for a network with these numbers of values.

    Raises:
        BadRequest: if a name is unknown or used twice, or the values do not fit.
    """
    kinds = output_kinds(template)
    return Source(rows, segments.plan(rows, inputs, outputs), inputs, {name: kinds[name] for name in outputs})


def by_input(segments_: Records, inputs: Mapping[str, int]) -> tuple[Records, Ints]:
    """Return segments in the order of the inputs and with the kernels' sources, and the `IOBinding.bounds` of them."""
    begins, places = (np.array(list(found(inputs).values()), np.int64) for found in (starts, lane_starts))
    numbers = np.searchsorted(begins, segments_["source"], side="right") - 1
    order = np.argsort(numbers, kind="stable")
    found, numbers = segments_[order], numbers[order]
    found["source"] += (places - begins)[numbers]
    return found, np.searchsorted(numbers, np.arange(len(inputs) + 1)).astype(np.int64)


class OneCycle:
    """Buffers for a single cycle, and the binding that points to them."""

    def __init__(self, inputs: Mapping[str, int], outputs: Mapping[str, int], template: Template) -> None:
        """Make buffers for a network with these numbers of values."""
        self._inputs, self._outputs = dict(inputs), dict(outputs)
        self._kinds, self._starts = output_kinds(template), starts(inputs)
        self._values = zeros(sum(inputs.values()) + LANES)
        self._expected = {
            name: zeros(size * INNER_OUTPUTS[self._kinds[name]] + LANES) for name, size in outputs.items()
        }
        table = [
            (self._values.ctypes.data + start * FLOATS, 0, inputs[name], FLOATS, start)
            for name, start in self._starts.items()
        ]
        found, bounds = by_input(np.array(table, SEGMENT), inputs)
        expected = [(array.ctypes.data, 0, 0, FLOATS, 0) for array in self._expected.values()]
        self.binding = IOBinding(found, bounds, np.array(expected, SEGMENT), segments.NO_WEIGHTS)
        self._trained = self.binding.expected["count"]

    def set_inputs(self, inputs: Mapping[str, Values]) -> None:
        """Take over the inputs of a cycle; what is missing counts as zero.

        Raises:
            BadRequest: if a name is unknown, or there are more values than the input has.
            FloatingPointError: if a value is not finite.
        """
        for name in inputs:
            if name not in self._inputs:
                raise BadRequest("interface_not_in_network", kind="input", interface=name)
        for name, size in self._inputs.items():
            values, start = np.asarray(inputs.get(name, ()), np.float32), self._starts[name]
            if len(values) > size:
                raise BadRequest("interface_width", kind="input", interface=name, expected=size, size=len(values))
            if not np.isfinite(values).all():
                raise FloatingPointError(f"values of input '{name}' are not finite")
            self._values[start : start + len(values)] = values
            if len(values) < size:
                self._values[start + len(values) : start + size] = 0

    def set_outputs(self, outputs: Mapping[str, Values]) -> None:
        """Take over what is expected of a cycle; an output without values is not trained.

        Raises:
            BadRequest: if a name is unknown, or an output has another number of values.
            FloatingPointError: if a value is not finite.
        """
        arrays = {name: np.asarray(values, np.float32) for name, values in outputs.items()}
        for name, values in arrays.items():
            if self._outputs.get(name) != len(values):
                known = self._outputs.get(name, 0)
                raise BadRequest("interface_width", kind="output", interface=name, expected=known, size=len(values))
            if not np.isfinite(values).all():
                raise FloatingPointError(f"values of output '{name}' are not finite")
        for number, name in enumerate(self._outputs):
            self._trained[number] = 0
            if name in arrays:
                inner = encode(arrays[name][None], self._kinds[name])[0]
                self._expected[name][: len(inner)] = inner
                self._trained[number] = len(inner)
