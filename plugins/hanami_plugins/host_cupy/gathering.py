"""Trains networks of several tasks side by side on one device.

A task hands its training over and waits. A thread of the device takes all that are waiting through one chunk of cycles
after the other, all in the same launches, and hands a training back when its task should tell how far it is, is done or
has failed. So each task keeps its own progress, end and resume point, and all get the same number of cycles.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence

import numpy as np

from hanami_core.compute.placement import unhealthy
from hanami_core.errors import ServiceError
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_training import NO_CYCLE, DeviceTraining
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.section_jobs import BROKEN, RECORD
from hanami_plugins.host_cupy.section_ways import prepare_rows, train_general, train_resident, train_streamed
from hanami_plugins.host_cupy.task_tables import TaskTables

__all__ = ["Gatherer", "gatherer_of"]

TURN = 0.15
"""Seconds after which a task is told how far it is."""
IDLE = 5.0
"""Seconds without work after which the thread ends."""
MOST = 4096
"""Trainings at the same time."""


class _Turn:
    """A training that was handed over, until it is handed back."""

    def __init__(self, training: DeviceTraining) -> None:
        self.training = training
        self.until = time.monotonic() + TURN
        self.over = threading.Event()
        self.error: BaseException | None = None

    def hand_back(self, error: BaseException | None = None) -> None:
        self.error = error
        self.over.set()


class Gatherer:
    """Everything that is trained on a device."""

    def __init__(self, device: Device) -> None:
        """Begin without a thread; there is one while there is work."""
        self.device = device
        self.tables = TaskTables(device)
        self._lock = threading.Condition()
        self._waiting: list[_Turn] = []
        self._thread: threading.Thread | None = None
        self._free = list(range(MOST))
        self._room = threading.Semaphore(MOST)
        self._records: DeviceArray = None
        self._broken: DeviceArray = None
        self._slots: dict[DeviceTraining, int] = {}

    def join(self, training: DeviceTraining) -> None:
        """Let a training take part, when there is room for it. Call it in `Device.use`, and `leave` at its end."""
        self._room.acquire()
        with self._lock:
            if not self._slots:
                xp = self.device.array_module
                self._records = xp.zeros((MOST, RECORD), np.float32)
                self._broken = xp.full((MOST, 1), NO_CYCLE, np.int32)
            slot = self._slots[training] = self._free.pop()
        training.use_board(self._records[slot], self._broken[slot])
        self.device.synchronize()

    def leave(self, training: DeviceTraining) -> None:
        """End a training, also one whose device is lost."""
        with contextlib.suppress(ServiceError), self.device.use():
            training.leave_board()
        with self._lock:
            self._free.append(self._slots.pop(training))
            if not self._slots:
                self._records = self._broken = None
        self._room.release()

    def advance(self, *trainings: DeviceTraining) -> None:
        """Train for a short time, or to the end of the task; `DeviceTraining.done` tells how far.

        Raises:
            FloatingPointError: if values are not finite; the network is in between then.
            ServiceError: if the device fails.
        """
        turns = [_Turn(training) for training in trainings]
        with self._lock:
            self._waiting += turns
            self._lock.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="train-networks", daemon=True)
                self._thread.start()
        for turn in turns:
            turn.over.wait()
        for turn in turns:
            if turn.error is not None:
                raise turn.error

    def _run(self) -> None:
        active: list[_Turn] = []
        while True:
            with self._lock:
                if not active and not self._waiting and not self._lock.wait(IDLE) and not self._waiting:
                    self._thread = None
                    return
                active += self._waiting
                self._waiting.clear()
            if active:
                active = self._round(active)

    def _round(self, active: list[_Turn]) -> list[_Turn]:
        """Take each training through a chunk; return the turns that go on."""
        try:
            with self.device.use(training=True):
                failed = self._train([turn.training for turn in active])
        except BaseException as error:
            return self._recover(active, error)
        now = time.monotonic()
        left = []
        for turn, failure in zip(active, failed, strict=True):
            if failure is not None or turn.training.done >= turn.training.total or now >= turn.until:
                turn.hand_back(failure)
            else:
                left.append(turn)
        return left

    def _recover(self, active: list[_Turn], error: BaseException) -> list[_Turn]:
        """Hand all back. If the device is lost, one task fails with it, and the others wait until it is there again.

        Nobody knows whose launch it was. If the others have met it, they will once more.
        """
        lost = self.device.lost
        for number, turn in enumerate(active):
            turn.hand_back(unhealthy(self.device.name, lost.reason) if number and lost else error)
        return []

    def _train(self, trainings: Sequence[DeviceTraining]) -> list[BaseException | None]:
        cycles = prepare_rows(self.device, trainings)
        resident = [training for training in trainings if training.resident]
        if resident:
            train_resident(self.device, resident)
        for training in trainings:
            if training.streamed is not None:
                train_streamed(self.device, training)
            elif training.general:
                train_general(self.device, training)
        broken, records = self.device.download(self._broken), self.device.download(self._records)
        return [
            self._ended(training, count, broken, records) for training, count in zip(trainings, cycles, strict=True)
        ]

    def _ended(
        self, training: DeviceTraining, cycles: int, broken: np.ndarray, records: np.ndarray
    ) -> BaseException | None:
        slot = self._slots[training]
        row, said = int(broken[slot, 0]), int(records[slot, BROKEN])
        if row < NO_CYCLE or said:
            cycle = training.done + min(row, said - 1 if said else row)
            return FloatingPointError(f"values of cycle {cycle} are not finite")
        training.end_chunk(cycles)
        return None


_guard = threading.Lock()


def gatherer_of(device: Device) -> Gatherer:
    """Return what trains networks on a device."""
    with _guard:
        if Gatherer not in device.companions:
            device.companions[Gatherer] = Gatherer(device)
        found = device.companions[Gatherer]
        assert isinstance(found, Gatherer)
        return found
