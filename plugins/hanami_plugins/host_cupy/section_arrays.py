"""A section network on a device: all its arrays, dense over the sources, from and to a `NetworkState`.

A state has rows of weights for the sources that were ever active. On the device each source has its row from the start,
with the weights that its row will have: values of sources without a row are 0, so nothing of them is read or changed,
and an allocation is a number and nothing else.
"""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt

from hanami_core.network import NetworkState, StateHead
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.section_jobs import FAILURE, RECORD
from hanami_plugins.networks_section import (
    WIDTH,
    Floats,
    Ranges,
    SectionExtra,
    blocks_of,
    initial,
    starts,
    with_limits,
)

__all__ = ["NEVER", "SectionArrays", "padded"]

NO_ROW = -1
NEVER = np.iinfo(np.int32).max
"""Cycle in which a source got its row that got none in this task."""
CHANGING = (
    "weights",
    "bias",
    "readout",
    "readout_bias",
    "floors",
    "limits",
    "borders",
    "risen",
    "allocated_at",
    "record",
)


def padded(sources: int) -> int:
    """Return the number of sources with those that make it a multiple of 16."""
    return sources + -sources % 16


class SectionArrays:
    """The arrays of one network, hidden neuron by hidden neuron.

    Attributes:
        weights: (padded sources, neurons).
        bias: (neurons).
        readout: (outputs, neurons).
        readout_bias: (outputs).
        floors, limits, borders: (sources) on the device.
        risen: (sources) borders as they are after the rows that are being trained.
        allocated_at: (sources) int32, cycle in which the row was allocated in this task, `NEVER` if it was not.
        record: (RECORD).
        groups: (interfaces, 3) int32, see `section_batch.cuh`.
        row_of_source: (sources) on the processor, without those whose rows were allocated in this task.
    """

    def __init__(self, device: Device, state: NetworkState) -> None:
        """Bring a checked state without a stream to the device."""
        self.device = device
        self.inputs, self.outputs = dict(state.head.inputs), dict(state.head.outputs)
        self.blocks = blocks_of(state.head.template)
        self.neurons = self.blocks * WIDTH
        self.size, self.width = sum(self.inputs.values()), sum(self.outputs.values())
        self.padded = padded(self.size)
        arrays, xp = with_limits(state), device.array_module
        self.row_of_source = arrays["row_of_source"].copy()
        extra = SectionExtra.of(state.head)
        self._ranges: Ranges | None = Ranges(*(arrays[name] for name in ("floors", "borders", "limits")))
        with device.use():
            self.weights = xp.zeros((self.padded, self.neurons), np.float32)
            self._begin_weights(state)
            rows = arrays["weights"].transpose(1, 0, 2).reshape(-1, self.neurons)
            allocated = np.flatnonzero(self.row_of_source != NO_ROW)
            if allocated.size:
                self.weights[device.upload(allocated)] = device.upload(rows[self.row_of_source[allocated]])
            self.bias = device.upload(arrays["bias"].reshape(-1))
            self.readout = device.upload(arrays["readout"].transpose(1, 0, 2).reshape(self.width, self.neurons))
            self.readout_bias = device.upload(arrays["readout_bias"])
            self.floors, self.limits, self.borders = (
                device.upload(arrays[name]) for name in ("floors", "limits", "borders")
            )
            self.risen = self.borders.copy()
            self.allocated_at = xp.full(self.size, NEVER, np.int32)
            record = np.zeros(RECORD, np.float32)
            record[FAILURE] = extra.failure
            self.record = device.upload(record)
            self.groups = device.upload(self._groups(extra))

    def _begin_weights(self, state: NetworkState) -> None:
        if not self.size:
            return
        places = {item.name: number for number, item in enumerate(state.head.template.inputs)}
        keys = np.concatenate(
            [initial.keys(state.head.seed, initial.INPUT, places[name], size) for name, size in self.inputs.items()]
        )
        count = self.size * self.neurons
        self.device.kernel("section_rows.cu", "begin_weights")(
            (-(-count // 256),),
            (256,),
            (
                self.weights,
                self.device.upload(keys),
                np.int32(self.size),
                np.int32(self.neurons),
                np.float32(initial.row_scale(self.size)),
            ),
        )

    def _groups(self, extra: SectionExtra) -> npt.NDArray[np.int32]:
        found = [
            (start, self.outputs[name], int(extra.squashing.get(name) == "softmax"))
            for name, start in starts(self.outputs).items()
        ]
        return np.array(found, np.int32).reshape(-1, 3)

    @property
    def bytes(self) -> int:
        """Bytes that the arrays take on the device."""
        return sum(array.nbytes for array in vars(self).values() if hasattr(array, "nbytes"))

    # Changing

    def set_squashing(self, extra: SectionExtra) -> None:
        """Let outputs be squashed as noted."""
        with self.device.use():
            self.groups = self.device.upload(self._groups(extra))

    def ranges(self) -> Ranges:
        """Return the ranges of the sources."""
        if self._ranges is None:
            with self.device.use():
                found = (self.device.download(array) for array in (self.floors, self.borders, self.limits))
                self._ranges = Ranges(*found)
        return self._ranges

    def raise_borders(self) -> None:
        """Let borders be what the rows of a chunk have raised them to."""
        self.borders, self.risen = self.risen, self.borders
        self._ranges = None

    def set_ranges(self, ranges: Ranges) -> None:
        """Give the sources new ranges."""
        self._ranges = ranges
        with self.device.use():
            self.floors, self.borders, self.limits = (
                self.device.upload(np.asarray(array, np.float32)) for array in ranges
            )
            self.risen = self.borders.copy()

    def allocate_rows(self) -> None:
        """Allocate the rows of new sources, in the order of their cycles and, in a cycle, of the sources."""
        with self.device.use():
            allocated_at = self.device.download(self.allocated_at)
        if (allocated_at == NEVER).all():
            return
        with self.device.use():
            self.allocated_at.fill(NEVER)
        allocated = np.flatnonzero((allocated_at != NEVER) & (self.row_of_source == NO_ROW))
        order = allocated[np.argsort(allocated_at[allocated], kind="stable")]
        first = int(self.row_of_source.max(initial=NO_ROW)) + 1
        self.row_of_source[order] = first + np.arange(len(order), dtype=np.int32)

    def copied(self) -> SectionArrays:
        """Return a copy that shares nothing that changes."""
        found = copy.copy(self)
        found.row_of_source = self.row_of_source.copy()
        with self.device.use():
            for name in CHANGING:
                setattr(found, name, getattr(self, name).copy())
        return found

    # Reading

    @property
    def rows(self) -> int:
        """Number of sources with a row."""
        self.allocate_rows()
        return int((self.row_of_source != NO_ROW).sum())

    @property
    def failure(self) -> float:
        """Moving average of cycles that were not answered with confidence."""
        with self.device.use():
            return float(self.device.download(self.record)[FAILURE])

    def state(self, head: StateHead) -> NetworkState:
        """Return a copy of everything, with a head."""
        self.allocate_rows()
        allocated = np.flatnonzero(self.row_of_source != NO_ROW)
        order = allocated[np.argsort(self.row_of_source[allocated])]
        with self.device.use():
            download = self.device.download
            rows: Floats = np.zeros((0, self.neurons), np.float32)
            if order.size:
                rows = download(self.weights[self.device.upload(order)])
            readout = download(self.readout)
            arrays = {
                "weights": rows.reshape(-1, self.blocks, WIDTH).transpose(1, 0, 2),
                "bias": download(self.bias).reshape(self.blocks, WIDTH),
                "readout": readout.reshape(self.width, self.blocks, WIDTH).transpose(1, 0, 2),
                "readout_bias": download(self.readout_bias),
                "floors": download(self.floors),
                "borders": download(self.borders),
                "limits": download(self.limits),
                "row_of_source": self.row_of_source.copy(),
            }
        return NetworkState(head, {name: np.ascontiguousarray(array) for name, array in arrays.items()})

    def pointer(self, name: str) -> int:
        """Return the address of an array on the device."""
        array: DeviceArray = getattr(self, name)
        return int(array.data.ptr)
