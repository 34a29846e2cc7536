"""Launches of the kernel that trains a synapse network: what it is given, and what it says when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hanami_core.errors import BadRequest
from hanami_core.network import Array
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.synapse_arrays import SynapseArrays
from hanami_plugins.host_cupy.synapse_batches import TILE, BatchPlan
from hanami_plugins.host_cupy.synapse_room import MOST_BLOCKS, MOST_HEXAGONS, has_room, roomier
from hanami_plugins.host_cupy.synapse_rows import DeviceRows
from hanami_plugins.networks_synapse import MARK_STRIDE, RATE, SLOTS, USED_ROWS, WIDTH

__all__ = ["SynapseTraining"]

PARTS, HALF, PITCH = 8, 32, TILE + 1
ROOM_WORDS, PART_WORDS = 2 * MOST_BLOCKS + 2 * MOST_HEXAGONS + 4, SLOTS // PARTS * (TILE + 7)
"""Of `synapse_train.cu`."""
BROKEN, DIVERGED, OPEN_LINKS, UNALLOCATED, STATUS, REACHED, MEANINGLESS, WANTED = 0, 1, 2, 3, 5, 6, 8, 9
NO_ROOM, EXHAUSTED = 1, 2
NEVER = np.iinfo(np.int32).max
NET = (
    *("heads", "marks", "synapses", "borders", "slot_rows", "slot_sources", "blocks", "hexagons", "inputs", "outputs"),
    *("links", "link_weights", "keys", "counts"),
    *("fresh", "first_slot", "next_slot", "first_link", "next_link", "full"),
)


@dataclass(frozen=True)
class TrainingShape:
    """How many blocks of threads train a network, threads of each, and parts that each has room for."""

    cluster: int
    threads: int
    at_hand: int

    @property
    def shared(self) -> int:
        """Bytes of shared memory of a block of threads."""
        sums, learning = self.threads * PITCH, WIDTH * PITCH + HALF * 4 * TILE
        return 4 * (ROOM_WORDS + self.at_hand * PART_WORDS + max(sums, learning))


SHAPES = ((227 * 1024, TrainingShape(8, 512, 4)), (163 * 1024, TrainingShape(1, 512, 1)), (0, TrainingShape(1, 128, 1)))
"""How a network is trained, by the bytes of shared memory that a block of threads may have. Results are the same."""


class _Task(NamedTuple):
    """What a device trains: rows, their first cycle in the task, batches, the same on the device, and cycles before."""

    rows: DeviceRows
    first: int
    schedule: BatchPlan
    given: Mapping[str, DeviceArray]
    cycles: int


class SynapseTraining:
    """Trains a network on a device; there are arrays for one batch.

    Attributes:
        arrays: the network; another object after it has got more room.
    """

    def __init__(self, arrays: SynapseArrays) -> None:
        """Begin with a network."""
        self.arrays = arrays
        self._scratch: dict[str, DeviceArray] = {}
        self._task: _Task | None = None
        self._record: DeviceArray = None

    @property
    def _device(self) -> Device:
        return self.arrays.device

    def begin(self) -> None:
        """Make sure that there is room; inputs that are not given from now on are 0."""
        if not has_room(self.arrays.memory, self.arrays.unallocated):
            self._make_room()
        arrays, xp = self.arrays, self._device.array_module
        neurons = arrays.blocks * WIDTH
        with self._device.use():
            if not self._scratch:
                self._scratch = {
                    "potentials": xp.zeros((arrays.sources, TILE), np.float32),
                    "slopes": xp.zeros((neurons, TILE), np.float32),
                    "deltas": xp.zeros((neurons, TILE), np.float32),
                    "flows": xp.zeros((arrays.blocks * SLOTS, TILE), np.float32),
                    "partial": xp.zeros((PARTS, neurons, TILE), np.float32),
                    "steps": xp.zeros((max(arrays.lanes, 1), TILE), np.float32),
                }
            self._scratch["potentials"][: arrays.memory.base].fill(0)
            self._scratch["steps"].fill(0)

    def _make_room(self) -> None:
        self.arrays = SynapseArrays(self._device, roomier(self.arrays.fetch(), self.arrays.unallocated))
        self._scratch = {}

    def start(self, rows: DeviceRows, first: int, schedule: BatchPlan) -> None:
        """Ask the device to train all batches of a schedule; `finish` waits for it.

        Args:
            rows: the cycles of the schedule.
            first: the first of them in the task, for errors.
            schedule: their batches.
        """
        with self._device.use():
            given = {
                name: self._device.upload(array) if array.size else None
                for name, array in {
                    "entries": schedule.entries,
                    "shares": schedule.shares,
                    "batches": schedule.starts,
                    "rates": schedule.rates,
                }.items()
            }
        self._task = _Task(rows, first, schedule, given, self.arrays.cycles)
        self._launch(self._task, 0)

    def finish(self) -> None:
        """Wait until the batches are trained that were asked for.

        Raises:
            BadRequest: if the network has as many sections as are allowed.
            FloatingPointError: if values are not finite or the network diverges; the network is not to be used then.
        """
        task, self._task = self._task, None
        assert task is not None
        last = len(task.schedule.rates)
        while True:
            with self._device.use():
                record = self._device.download(self._record)
            batch = int(record[REACHED])
            self._check(record, task, min(batch, last - 1))
            self._settle(record, task, batch)
            if batch == last:
                return
            self._make_room()
            self.begin()
            self._launch(task, batch)

    def _launch(self, task: _Task, batch: int) -> None:
        """Ask for the batches from `batch` on."""
        arrays, device, rows = self.arrays, self._device, task.rows
        record = np.zeros(WANTED + arrays.hexagons, np.int32)
        record[[BROKEN, MEANINGLESS]] = NEVER
        record[OPEN_LINKS], record[UNALLOCATED], record[REACHED] = arrays.open_links, arrays.unallocated, batch
        address = {name: 0 if array is None else int(array.data.ptr) for name, array in task.given.items()}
        scratch = {name: int(array.data.ptr) for name, array in self._scratch.items()}
        shape = self._shape()
        with device.use():
            self._record = device.upload(record)
            job = [
                *(arrays.pointer(name) for name in NET),
                int(self._record.data.ptr),
                *(scratch[name] for name in ("potentials", "slopes", "deltas", "flows", "partial", "steps")),
                int(rows.inputs.data.ptr),
                int(rows.outputs.data.ptr),
                *(address[name] for name in ("entries", "shares", "batches", "rates")),
                rows.input_count,
                rows.output_count,
                len(task.schedule.rates),
                batch,
                task.cycles,
                arrays.hexagons,
                arrays.lanes,
                arrays.memory.base,
                arrays.memory.net.marks.size // MARK_STRIDE,
                arrays.blocks,
                int(np.float32(RATE).view(np.uint32)),
            ]
            defines = {"CLUSTER": shape.cluster, "THREADS": shape.threads, "AT_HAND": shape.at_hand}
            kernel = device.kernel("synapse_train.cu", "train", defines)
            kernel((shape.cluster,), (shape.threads,), (device.upload(np.array(job, np.uint64)),), shape.shared)

    def _shape(self) -> TrainingShape:
        return next(shape for least, shape in SHAPES if self._device.shared_memory >= least)

    def _check(self, record: Array, task: _Task, batch: int) -> None:
        first, schedule = task.first, task.schedule
        broken = min(int(record[BROKEN]), int(record[MEANINGLESS]))
        if broken != NEVER:
            raise FloatingPointError(f"values of cycle {first + broken} are not finite")
        entry = int(schedule.starts[batch])
        cycle = first + int(schedule.entries[entry] if schedule.entries.size else entry)
        if record[DIVERGED]:
            raise FloatingPointError(
                f"the network diverges in the batch of cycle {cycle}: a weight is not finite or beyond 1e6"
            )
        if record[STATUS] == EXHAUSTED:
            raise BadRequest("sections_exhausted", sections=int(self.arrays.counts()[USED_ROWS]), cycle=cycle)

    def _settle(self, record: Array, task: _Task, batch: int) -> None:
        """Take note of what a launch has done."""
        schedule = task.schedule
        if batch == 0:
            return
        begin, end = int(schedule.starts[batch - 1]), int(schedule.starts[batch])
        done = task.rows.cycles
        if batch < len(schedule.rates):
            done = int(schedule.entries[end] if schedule.entries.size else end)
        with self._device.use():
            potentials = self._scratch["potentials"][:, end - begin - 1].copy()
        self.arrays.changed(self.arrays.counts(), task.cycles + done, int(record[UNALLOCATED]), potentials)
