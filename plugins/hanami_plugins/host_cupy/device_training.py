"""A network on a device while a task trains it: where its rows and results lie, and what the kernels are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_plugins.host_cupy.batches import SLICE, entries_of
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.section_arrays import SectionArrays
from hanami_plugins.host_cupy.section_shapes import ROW, STREAMED_WIDTH, TILE, resident_shapes, streamed_shape
from hanami_plugins.host_cupy.task_tables import Part, TaskTable
from hanami_plugins.networks_section import Floats

__all__ = ["NO_CYCLE", "DeviceTraining", "Words"]

Words = npt.NDArray[np.uint64]

STATES_AND_VERDICTS = 32 + 8 * TILE
SEGMENT = 64
"""Cycles of a segment, see `section_rows.cu`."""
CHUNK = 8192
"""Cycles that are prepared together, at most."""
SHARE = 8
"""Prepared rows may take one part in so many of the memory that is free."""
NO_CYCLE = np.iinfo(np.int32).max

# Fields of the jobs of `section_rows.cu` and `section_batch.cuh` that change from chunk to chunk.
ROWS, CYCLES, BORDERS, ROWS_BEGIN, RISEN = 0, 3, 8, 14, 16
EXPECTED, ENTRIES, SHARES, LAST, TRAIN_BEGIN = 7, 8, 9, 15, 16


class DeviceTraining:
    """The training of one network.

    Attributes:
        arrays: the network.
        done: cycles that are done.
        total: cycles of the task.
        rows_job, train_job: what the kernels are told of the next chunk.
        resident: shapes in which the network stays on the chip.
        streamed: the shape in which it goes through it, for one that does not.
    """

    def __init__(
        self,
        device: Device,
        arrays: SectionArrays,
        table: TaskTable,
        done: int,
        total: int,
        rates: tuple[np.float32, np.float32],
        weights: Floats,
        most: int,
    ) -> None:
        """Make room for prepared rows. Call it in `Device.use`."""
        self.device, self.arrays, self.done, self.total = device, arrays, done, total
        self.most = most
        self._table, self._weights = table, weights
        self._entries: list[Any] = []
        self._settled = done
        self._part: Part | None = None
        """Keeps the rows of the present chunk, which the table drops when another task is further on."""
        interfaces = len(arrays.outputs)
        self.resident = resident_shapes(device, arrays.padded, arrays.neurons, arrays.width, interfaces)
        self.streamed = None if self.resident else streamed_shape(device, arrays.padded, arrays.width)
        self.general = not self.resident and self.streamed is None
        xp, item = device.array_module, 4 if self.general else 2
        fitting = device.roughly_free() // SHARE // max(1, arrays.padded * item) // SLICE * SLICE
        chunk = SLICE if weights.size else int(min(CHUNK, max(SLICE, fitting)))
        self.chunk = min(chunk, -(-(total - done) // SLICE) * SLICE)
        self.table = xp.empty((self.chunk, arrays.padded), np.float32 if self.general else np.uint16)
        self.maxima = xp.empty((-(-self.chunk // SEGMENT), arrays.size), np.float32)
        self.factors = xp.empty(self.chunk, np.float32)
        self.broken = xp.full(1, NO_CYCLE, np.int32)
        self.scratch, self.sliced = self._room_to_stream()
        self.rows_job, self.train_job = self._rows_job(), self._train_job(rates)

    def use_board(self, records: Any, broken: Any) -> None:
        """Keep record and broken cycle in arrays that many networks share, so that they are read at once."""
        records[:] = self.arrays.record
        broken.fill(NO_CYCLE)
        self.arrays.record, self.broken = records, broken
        self.rows_job[13], self.train_job[4] = broken.data.ptr, records.data.ptr

    def leave_board(self) -> None:
        """Take the record home."""
        self.arrays.record = self.arrays.record.copy()

    def _room_to_stream(self) -> tuple[Any, Any]:
        """Return scratch memory of `stream_weights`, and room for the weights slice by slice."""
        xp, shape, arrays = self.device.array_module, self.streamed, self.arrays
        if shape is None:
            return None, None
        slices, outputs = arrays.neurons // STREAMED_WIDTH, arrays.width
        blocks = min(slices, self.device.multiprocessors)
        hidden = arrays.neurons * TILE
        scratch = xp.zeros(STATES_AND_VERDICTS + (1 + blocks) * outputs * ROW + hidden, np.float32)
        return scratch, xp.empty((slices, arrays.padded // 16, 2, 8, 4, 2, 2), np.float32)

    def _rows_job(self) -> Words:
        arrays, pointer = self.arrays, self.arrays.pointer
        return np.array(
            [
                *(0, 0, 0, 0, arrays.size, arrays.padded),
                *(pointer("floors"), pointer("limits"), pointer("borders"), pointer("births")),
                *(self.maxima.data.ptr, self.table.data.ptr, self.factors.data.ptr, self.broken.data.ptr),
                *(0, int(self.general), pointer("risen")),
            ],
            np.uint64,
        )

    def _train_job(self, rates: tuple[np.float32, np.float32]) -> Words:
        arrays, pointer = self.arrays, self.arrays.pointer
        first_rate, last_rate = (int(np.float32(rate).view(np.uint32)) for rate in rates)
        return np.array(
            [
                *(pointer(name) for name in ("weights", "bias", "readout", "readout_bias", "record")),
                *(self.table.data.ptr, self.factors.data.ptr, 0, 0, 0, pointer("groups")),
                *(len(arrays.outputs), arrays.width, arrays.padded, 0, 0, 0),
                *(self.total, first_rate, last_rate, self.most, arrays.neurons, 0),
            ],
            np.uint64,
        )

    def begin_chunk(self) -> int:
        """Let the jobs be about the next chunk, and return how many cycles it has. Call it in `Device.use`."""
        part = self._part = self._table.part(self.done)
        cycles = min(self.chunk, part.last - self.done, self.total - self.done)
        offset, rows, train = self.done - part.first, self.rows_job, self.train_job
        rows[ROWS] = part.inputs.data.ptr + offset * part.inputs.strides[0]
        rows[1], rows[2] = int(part.inputs.dtype == np.float32), part.inputs.strides[0]
        rows[CYCLES], rows[ROWS_BEGIN] = cycles, self.done - self._settled
        rows[BORDERS], rows[RISEN] = self.arrays.pointer("borders"), self.arrays.pointer("risen")
        train[EXPECTED] = part.expected.data.ptr + offset * part.expected.strides[0]
        train[LAST], train[TRAIN_BEGIN] = cycles, self.done
        if self._weights.size:
            entries, shares = entries_of(self._weights, self.done, self.done + cycles)
            self._entries = [self.device.upload(entries), self.device.upload(shares)]
            train[ENTRIES], train[SHARES] = (array.data.ptr for array in self._entries)
            train[LAST] = len(entries)
        return cycles

    def end_chunk(self, cycles: int) -> None:
        """Take over what the rows of a chunk have raised."""
        arrays = self.arrays
        arrays.raise_borders()
        self.done += cycles

    @property
    def entries(self) -> Any | None:
        """The cycles of the chunk's entries, or None if they are the cycles one after the other."""
        return self._entries[0] if self._entries else None

    def score(self) -> tuple[float, float] | None:
        """Return mean loss and share of right answers since the last call, None if nothing was answered."""
        with self.device.use():
            record = self.device.download(self.arrays.record)
            self.arrays.record[2:] = 0
        self.device.synchronize()  # trainings have a stream of their own
        counted = float(record[2])
        return (float(record[3]) / counted, float(record[4]) / counted) if counted else None

    def settle(self) -> None:
        """Give rows to the sources that were born since the last time."""
        self.arrays.settle()
        self._settled = self.done
