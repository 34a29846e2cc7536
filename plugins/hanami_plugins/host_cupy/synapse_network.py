"""A synapse network on a GPU: `LiveNetwork` by kernels that keep the whole network there.

Tasks are trained in batches, see `synapse_batches`. A single cycle of a stream is a batch of one, which does what a
processor does.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

import numpy as np

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.synapse_answers import NEVER, answer, potentials
from hanami_plugins.host_cupy.synapse_arrays import SynapseArrays
from hanami_plugins.host_cupy.synapse_batches import SLICE, BatchPlan, grown_size
from hanami_plugins.host_cupy.synapse_rows import DeviceRows
from hanami_plugins.host_cupy.synapse_training import SynapseTraining
from hanami_plugins.networks_section import Floats, check_rows, lane_starts
from hanami_plugins.networks_synapse import SynapseMemory, decode

__all__ = ["CudaSynapseNetwork"]

f32 = np.float32
NO_WEIGHTS: Floats = np.zeros(0, f32)
SAVE_PERIOD = 1024
"""Single training cycles between two copies of a network, of which one is needed should the next cycles ruin it."""
MOST_SLICES = 64
"""Slices that a launch trains at most."""
LONG = 0.1
"""Seconds that a launch should take at most."""
MOST_BYTES = 1 << 24
"""Bytes of rows that come to the device at a time for a request: while it answers some, the next ones come."""


class _Asked(NamedTuple):
    """Cycles that a device is answering, the rows that it reads, and where the answers will be, see `answer`."""

    first: int
    last: int
    rows: DeviceRows
    results: DeviceArray
    broken: DeviceArray


class CudaSynapseNetwork:
    """A network that grows by synapses, trained in batches."""

    def __init__(self, state: NetworkState, device: Device, most: int) -> None:
        """Bring a checked state to the device; batches have up to `most` cycles."""
        self._device, self._most = device, most
        self._closed: StateHead | None = None
        self._use(SynapseArrays(device, SynapseMemory(state)))

    def _use(self, arrays: SynapseArrays) -> None:
        self._training: SynapseTraining | None = SynapseTraining(arrays)
        self._saved: SynapseArrays | None = None
        self._unsaved = 0

    @property
    def _arrays(self) -> SynapseArrays:
        assert self._training is not None, "the network was closed"
        return self._training.arrays

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        return self._closed or self._arrays.memory.head()

    def state(self) -> NetworkState:
        """Return a consistent copy of everything that the network is, as any host of the rule set stores it."""
        return self._arrays.fetch().state()

    def metrics(self) -> dict[str, float]:
        """Return sizes; ``memory`` is in bytes."""
        return self._arrays.metrics()

    def close(self) -> None:
        """Let go of everything but the head."""
        if self._closed is None:
            self._closed = self.head
            self._training = self._saved = None

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the interfaces to numbers of values; an input grows and never shrinks, an output keeps its first size.

        Raises:
            BadRequest: if a name is unknown or a size is impossible; nothing has changed then.
        """
        memory = self._arrays.fetch()
        resized = memory.resized(inputs, outputs)
        if resized is not memory:
            self._use(SynapseArrays(self._device, resized))

    # Training

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles from `run.start` on, in batches.

        Raises:
            BadRequest: if the rows do not fit, or the network grows beyond what is allowed.
            FloatingPointError: if values of a cycle are not finite, or the network diverges. Whatever is raised, the
                network is then what it was before the call.
            ServiceError: if the device fails.
        """
        memory = self._arrays.memory
        check_rows(rows, memory.inputs, memory.outputs)
        if not rows.outputs:
            raise BadRequest("training_without_outputs")
        if run.start >= rows.cycles:
            return
        before = self._arrays.copied()
        try:
            self._train(rows, run)
        except (FloatingPointError, BadRequest):
            self._use(before)
            raise

    def _train(self, rows: Rows, run: Run) -> None:
        training = self._begun()
        trained = self._arrays.cycles - run.start
        weights = NO_WEIGHTS if rows.weights is None or bool((rows.weights == 1).all()) else rows.weights
        most = min(self._most, grown_size(sum(self._arrays.memory.inputs.values())))
        done, slices, total = run.start, 1, rows.cycles
        here = self._bring(rows, done, min(total, done + SLICE))
        while here is not None:
            begun, last = monotonic(), done + here.cycles
            training.start(here, done, BatchPlan.of((done, last), trained, weights, most))
            # While the device trains, the next rows come.
            here = self._bring(rows, last, min(total, last + slices * SLICE))
            training.finish()
            slices = min(MOST_SLICES, 2 * slices) if monotonic() - begun < LONG / 4 else max(1, slices // 2)
            done = last
            if not run.step(done):
                return

    def _bring(self, rows: Rows, first: int, last: int) -> DeviceRows | None:
        if first == last:
            return None
        with self._device.use():
            return DeviceRows(self._device, rows, (first, last), self._arrays.memory)

    def _begun(self) -> SynapseTraining:
        assert self._training is not None
        self._training.begin()
        return self._training

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of an open-ended stream.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if a value is not finite, nothing has changed then; or if the network diverges, it is
                then what it was up to `SAVE_PERIOD` cycles before.
            ServiceError: if the device fails.
        """
        rows, memory = Rows.single(inputs, outputs), self._arrays.memory
        check_rows(rows, memory.inputs, memory.outputs)
        if not outputs:
            raise BadRequest("training_without_outputs")
        for columns in (*rows.inputs, *rows.outputs):
            if not np.isfinite(columns.values).all():
                raise FloatingPointError(f"values of '{columns.name}' are not finite")
        if self._saved is None or self._unsaved >= SAVE_PERIOD:
            self._saved, self._unsaved = self._arrays.copied(), 0
        self._unsaved += 1
        try:
            training = self._begun()
            with self._device.use():
                there = DeviceRows(self._device, rows, (0, 1), self._arrays.memory)
            training.start(there, 0, BatchPlan.single())
            training.finish()
        except (FloatingPointError, BadRequest):
            self._use(self._saved)
            raise

    # Asking

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles from `run.start` on into `results` and change nothing in the network.

        Raises:
            BadRequest: if rows or results do not fit.
            FloatingPointError: if inputs of a cycle are not finite; later results may be missing then.
            ServiceError: if the device fails.
        """
        memory, total = self._arrays.memory, rows.cycles
        asked = Rows(rows.inputs, (), rows.time_length)
        check_rows(asked, memory.inputs, {})
        for name, result in results.items():
            if result.shape != (total, memory.outputs.get(name)) or result.dtype != f32:
                raise BadRequest("results_shape", interface=name, rows=total)
        width = sum(columns.values.shape[1] * columns.values.itemsize for columns in rows.inputs)
        most, done = max(1, MOST_BYTES // max(1, width + 4 * memory.lanes)), run.start
        with self._device.use():
            room = potentials(self._arrays, min(most, total - done))
        coming = self._ask(asked, done, min(total, done + most), room) if done < total else None
        while coming is not None:
            now, done = coming, coming.last
            coming = self._ask(asked, done, min(total, done + most), room) if done < total else None
            answers = self._answers(now)
            for name, result in results.items():
                result[now.first : now.last] = answers[name]
            if not run.step(now.last):
                return

    def _ask(self, rows: Rows, first: int, last: int, room: DeviceArray) -> _Asked:
        with self._device.use():
            there = DeviceRows(self._device, rows, (first, last), self._arrays.memory)
            return _Asked(first, last, there, *answer(self._arrays, there, room))

    def _answers(self, asked: _Asked) -> dict[str, Values]:
        """Wait for the answers to some cycles."""
        memory = self._arrays.memory
        with self._device.use():
            raw, cycle = self._device.download(asked.results), int(self._device.download(asked.broken)[0])
        if cycle != NEVER:
            raise FloatingPointError(f"values of cycle {asked.first + cycle} are not finite")
        lanes, kinds = lane_starts(memory.inner), {item.name: item.type for item in memory.template.outputs}
        return {
            name: decode(raw[:, lanes[name] : lanes[name] + size], kinds[name]) for name, size in memory.inner.items()
        }

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing; an output that was never trained has no values.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
            ServiceError: if the device fails.
        """
        rows = Rows.single(inputs)
        check_rows(rows, self._arrays.memory.inputs, {})
        with self._device.use():
            room = potentials(self._arrays, 1)
        return {name: values[0] for name, values in self._answers(self._ask(rows, 0, 1, room)).items()}
