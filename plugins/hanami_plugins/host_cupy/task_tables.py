"""The values of a task on a device. Tasks that are given the same values at the same time share them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from hanami_core.compute import Columns, Rows
from hanami_core.network import Array
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.networks_section import one_hot_outputs, ranges, starts

__all__ = ["Part", "Seen", "TaskTable", "TaskTables"]

SHARE = 4
"""A table may take one part in so many of the memory that is free; of a bigger one, parts come one after the other."""
LEAST = 1 << 14
"""Cycles of a part, at least."""


class Part(NamedTuple):
    """Some cycles of a task on a device.

    Attributes:
        first: number of the first cycle.
        inputs: (cycles, sources) uint8 or float32.
        expected: (cycles, outputs) float32, NaN for outputs that are not trained.
    """

    first: int
    inputs: DeviceArray
    expected: DeviceArray

    @property
    def last(self) -> int:
        """Number of the cycle behind the last one."""
        return self.first + int(self.inputs.shape[0])


class Seen(NamedTuple):
    """What is known of the values of a task: which outputs have one-hot rows only, and how inputs lie."""

    one_hot: dict[str, bool]
    ranges: ranges.Surveyed


class TaskTable:
    """Inputs and expected outputs of a task, side by side as a network has them; what is not given is 0."""

    def __init__(self, device: Device, rows: Rows, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Bring nothing to the device yet."""
        self._device = device
        self._rows = rows
        self._inputs, self._outputs = dict(inputs), dict(outputs)
        floats = any(columns.values.dtype != np.uint8 for columns in rows.inputs)
        self._type = np.dtype(np.float32 if floats else np.uint8)
        width = sum(inputs.values()) * self._type.itemsize + sum(outputs.values()) * 4
        self._length = max(LEAST, device.roughly_free() // SHARE // max(width, 1) // LEAST * LEAST)
        self._part: Part | None = None
        self._seen: Seen | None = None
        self._looking = Lock()

    def seen(self, tick: Callable[[], bool]) -> Seen | None:
        """Look at all values once, for all tasks that are given them.

        Args:
            tick: called now and then if there is much to look at; False ends the survey, None is returned then.

        Raises:
            BadRequest: if an expected value is not between 0 and 1, or values of a source are too far apart.
        """
        with self._looking:
            if self._seen is None:
                one_hot = one_hot_outputs(self._rows, tick)
                found = None if one_hot is None else ranges.survey(self._rows, self._inputs, tick)
                if one_hot is None or found is None:
                    return None
                self._seen = Seen(one_hot, found)
            return self._seen

    def part(self, cycle: int) -> Part:
        """Return the part that a cycle is in; those before it may be gone. Call it in `Device.use`."""
        found = self._part
        if found is None or not found.first <= cycle < found.last:
            self._part = None  # its memory is for the next one
            first = cycle // self._length * self._length
            last = min(first + self._length, self._rows.cycles)
            found = self._part = Part(first, self._inputs_of(first, last), self._expected_of(first, last))
        return found

    def _inputs_of(self, first: int, last: int) -> DeviceArray:
        xp, rows, size = self._device.array_module, self._rows, sum(self._inputs.values())
        if rows.time_length == 1 and len(rows.inputs) == 1 and rows.inputs[0].values.shape[1] == size:
            return self._device.upload_rows(rows.inputs[0].values[first:last])
        table = xp.zeros((last - first, size), self._type)
        begins = starts(self._inputs)
        for columns in rows.inputs:
            width = columns.values.shape[1]
            values = self._device.upload_rows(columns.values[first : last + rows.time_length - 1])
            for moment in range(rows.time_length):
                place = begins[columns.name] + moment * width
                table[:, place : place + width] = values[moment : moment + last - first]
        return table

    def _expected_of(self, first: int, last: int) -> DeviceArray:
        table = np.full((last - first, sum(self._outputs.values())), np.nan, np.float32)
        begins = starts(self._outputs)
        for columns in self._rows.outputs:
            place = begins[columns.name]
            table[:, place : place + self._outputs[columns.name]] = columns.values[first:last]
        return self._device.upload(table)


class TaskTables:
    """All tables that are in use on a device."""

    def __init__(self, device: Device) -> None:
        """Begin without any."""
        self._device = device
        self._known: weakref.WeakValueDictionary[object, TaskTable] = weakref.WeakValueDictionary()

    def of(self, rows: Rows, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> TaskTable:
        """Return the table of a task for a network with these sizes; whoever uses it keeps it alive."""
        key = (
            tuple(_identity(columns) for columns in (*rows.inputs, *rows.outputs)),
            (len(rows.inputs), rows.time_length, rows.cycles),
            (tuple(inputs.items()), tuple(outputs.items())),
        )
        table = self._known.get(key)
        if table is None:
            table = self._known[key] = TaskTable(self._device, rows, inputs, outputs)
        return table


def _identity(columns: Columns) -> tuple[object, ...]:
    """Tell values apart by where they lie: in which file, or where in memory; a table keeps the latter alive."""
    values = columns.values
    place: tuple[object, ...] = ("memory",)
    address = values.ctypes.data
    root: Any = values
    while isinstance(root.base, np.ndarray):
        root = root.base
    if isinstance(root, np.memmap) and root.filename is not None:
        try:
            found = os.stat(root.filename)
        except OSError:
            pass
        else:
            place = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
            address += root.offset - _address(root)
    return columns.name, place, address, values.shape, values.strides, values.dtype.str


def _address(array: Array) -> int:
    return int(array.ctypes.data)
