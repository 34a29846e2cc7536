"""A network on a device while a task trains it: where its rows and results lie, and what the kernels are told."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hanami_plugins.host_cupy.batches import SLICE, entries_of
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.section_arrays import SectionArrays
from hanami_plugins.host_cupy.section_jobs import COUNTED, LOSS, RIGHT, RowsJob, TrainJob
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
        self._entries: list[DeviceArray] = []
        self._allocated = done
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

    def use_board(self, records: DeviceArray, broken: DeviceArray) -> None:
        """Keep record and broken cycle in arrays that many networks share, so that they are read at once."""
        records[:] = self.arrays.record
        broken.fill(NO_CYCLE)
        self.arrays.record, self.broken = records, broken
        self.rows_job[RowsJob.BROKEN], self.train_job[TrainJob.RECORD] = broken.data.ptr, records.data.ptr

    def leave_board(self) -> None:
        """Take the record home."""
        self.arrays.record = self.arrays.record.copy()

    def _room_to_stream(self) -> tuple[DeviceArray, DeviceArray]:
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
        job = np.zeros(len(RowsJob), np.uint64)
        job[RowsJob.SOURCES], job[RowsJob.PADDED] = arrays.size, arrays.padded
        job[RowsJob.FLOORS], job[RowsJob.LIMITS] = pointer("floors"), pointer("limits")
        job[RowsJob.BORDERS], job[RowsJob.RISEN] = pointer("borders"), pointer("risen")
        job[RowsJob.ALLOCATED_AT] = pointer("allocated_at")
        job[RowsJob.MAXIMA], job[RowsJob.TABLE] = self.maxima.data.ptr, self.table.data.ptr
        job[RowsJob.FACTORS], job[RowsJob.BROKEN] = self.factors.data.ptr, self.broken.data.ptr
        job[RowsJob.WIDE] = int(self.general)
        return job

    def _train_job(self, rates: tuple[np.float32, np.float32]) -> Words:
        arrays, pointer = self.arrays, self.arrays.pointer
        job = np.zeros(len(TrainJob), np.uint64)
        job[TrainJob.WEIGHTS], job[TrainJob.BIAS] = pointer("weights"), pointer("bias")
        job[TrainJob.READOUT], job[TrainJob.READOUT_BIAS] = pointer("readout"), pointer("readout_bias")
        job[TrainJob.RECORD] = pointer("record")
        job[TrainJob.TABLE], job[TrainJob.FACTORS] = self.table.data.ptr, self.factors.data.ptr
        job[TrainJob.GROUPS], job[TrainJob.GROUP_COUNT] = pointer("groups"), len(arrays.outputs)
        job[TrainJob.OUTPUTS], job[TrainJob.SOURCES] = arrays.width, arrays.padded
        job[TrainJob.NEURONS] = arrays.neurons
        job[TrainJob.TOTAL], job[TrainJob.MOST] = self.total, self.most
        job[[TrainJob.FIRST_RATE, TrainJob.LAST_RATE]] = np.array(rates, np.float32).view(np.uint32)
        return job

    def begin_chunk(self) -> int:
        """Let the jobs be about the next chunk, and return how many cycles it has. Call it in `Device.use`."""
        part = self._part = self._table.part(self.done)
        cycles = min(self.chunk, part.last - self.done, self.total - self.done)
        offset, rows, train = self.done - part.first, self.rows_job, self.train_job
        rows[RowsJob.ROWS] = part.inputs.data.ptr + offset * part.inputs.strides[0]
        rows[RowsJob.FLOATS] = int(part.inputs.dtype == np.float32)
        rows[RowsJob.STRIDE] = part.inputs.strides[0]
        rows[RowsJob.CYCLES], rows[RowsJob.BEGIN] = cycles, self.done - self._allocated
        rows[RowsJob.BORDERS] = self.arrays.pointer("borders")
        rows[RowsJob.RISEN] = self.arrays.pointer("risen")
        train[TrainJob.EXPECTED] = part.expected.data.ptr + offset * part.expected.strides[0]
        train[TrainJob.LAST], train[TrainJob.BEGIN] = cycles, self.done
        if self._weights.size:
            entries, shares = entries_of(self._weights, self.done, self.done + cycles)
            self._entries = [self.device.upload(entries), self.device.upload(shares)]
            train[TrainJob.ENTRIES], train[TrainJob.SHARES] = (array.data.ptr for array in self._entries)
            train[TrainJob.LAST] = len(entries)
        return cycles

    def end_chunk(self, cycles: int) -> None:
        """Take over what the rows of a chunk have raised."""
        arrays = self.arrays
        arrays.raise_borders()
        self.done += cycles

    @property
    def entries(self) -> DeviceArray | None:
        """The cycles of the chunk's entries, or None if they are the cycles one after the other."""
        return self._entries[0] if self._entries else None

    def score(self) -> tuple[float, float] | None:
        """Return mean loss and share of right answers since the last call, None if nothing was answered."""
        with self.device.use():
            record = self.device.download(self.arrays.record)
            self.arrays.record[COUNTED:] = 0
        self.device.synchronize()  # trainings have a stream of their own
        counted = float(record[COUNTED])
        return (float(record[LOSS]) / counted, float(record[RIGHT]) / counted) if counted else None

    def allocate_rows(self) -> None:
        """Allocate the rows of sources that are new since the last time."""
        self.arrays.allocate_rows()
        self._allocated = self.done
