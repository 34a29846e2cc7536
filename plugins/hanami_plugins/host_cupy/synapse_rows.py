"""Rows of a task on a device: the columns of some cycles, and tables that tell kernels where each value lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanami_core.compute import Columns, Rows
from hanami_core.network import Array
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.networks_synapse import INTERFACE_FIRST, INTERFACE_STRIDE, SynapseMemory, encode

__all__ = ["SEGMENT", "DeviceRows"]

SEGMENT = 6
"""Numbers of a segment: address of the first cycle, bytes to the next cycle, values, bytes of a value, the place of the
first value, and the hexagon of an input or the number of an output."""


class DeviceRows:
    """The values of the cycles ``first .. last - 1`` of a task on a device. Make one in `Device.use`.

    Attributes:
        cycles: how many there are.
        inputs: segments of the inputs, counted in sources.
        outputs: segments of what is expected of the outputs, counted in lanes.
    """

    def __init__(
        self,
        device: Device,
        rows: Rows,
        span: tuple[int, int],
        memory: SynapseMemory,
    ) -> None:
        """Bring rows that fit a network to a device.

        Args:
            device: where to.
            rows: all rows of the task.
            span: first cycle, and the one behind the last.
            memory: the network.
        """
        self._device = device
        self._kept: list[DeviceArray] = []
        first, last = span
        self.cycles = last - first
        inputs, hexagons = [], {item.name: item.hexagon for item in memory.template.inputs}
        for columns in rows.inputs:
            address, stride = self._bring(columns.values[first : last + rows.time_length - 1])
            width, size = columns.values.shape[1], columns.values.itemsize
            for moment in range(rows.time_length):
                place = memory.places[columns.name] + moment * width
                inputs.append((address + moment * stride, stride, width, size, place, hexagons[columns.name]))
        self.inputs, self.input_count = self._table(inputs), len(inputs)
        outputs = [self._expected(columns, first, last, memory) for columns in rows.outputs]
        self.outputs, self.output_count = self._table(outputs), len(outputs)

    def _expected(self, columns: Columns, first: int, last: int, memory: SynapseMemory) -> tuple[int, ...]:
        kind = next(item.type for item in memory.template.outputs if item.name == columns.name)
        inner = encode(columns.values[first:last], kind)
        address, stride = self._bring(inner)
        number = list(memory.outputs).index(columns.name)
        lane = int(memory.net.outputs.reshape(-1, INTERFACE_STRIDE)[number, INTERFACE_FIRST])
        return address, stride, inner.shape[1], inner.itemsize, lane, number

    def _bring(self, values: Array) -> tuple[int, int]:
        there = self._device.upload(values)
        self._kept.append(there)
        return int(there.data.ptr), values.shape[1] * values.itemsize

    def _table(self, segments: Sequence[tuple[int, ...]]) -> DeviceArray:
        return self._device.upload(np.array(segments, np.int64).reshape(-1, SEGMENT))
