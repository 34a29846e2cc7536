"""A section network on a GPU.

Tasks run on the device. Single cycles of a stream are computed by the processor, by the reference of the rule set: a
cycle is far too small for a GPU, and whoever streams wants an answer at once. So a network is in one of two places, and
moves when the other one is asked.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
from msgspec.structs import replace

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.host_cupy.device_training import DeviceTraining
from hanami_plugins.host_cupy.gathering import Gatherer
from hanami_plugins.host_cupy.section_answers import answer_rows
from hanami_plugins.host_cupy.section_arrays import SectionArrays
from hanami_plugins.host_cupy.task_tables import TaskTable
from hanami_plugins.networks_section import (
    LAST_RATE,
    WIDTH,
    Floats,
    StreamNetwork,
    check_rows,
    first_rate,
    ranges,
    resized,
)

__all__ = ["CudaSectionNetwork"]

NO_WEIGHTS: Floats = np.zeros(0, np.float32)
f32 = np.float32


class CudaSectionNetwork:
    """A network that grows by sections, trained in batches."""

    def __init__(self, state: NetworkState, gatherer: Gatherer, most: int) -> None:
        """Begin as a checked state tells, which stays as it is; batches have up to `most` cycles."""
        self._device, self._gatherer, self._most = gatherer.device, gatherer, most
        self._closed: StateHead | None = None
        self._outliers = 0
        self._score: tuple[float, float] | None = None
        self._arrays: SectionArrays | None = None
        self._use(state)

    def _use(self, state: NetworkState) -> None:
        self._stream: StreamNetwork | None = StreamNetwork(state)
        self._head, self._extra = self._stream.head, self._stream.extra
        self._arrays = None

    # Where the network is

    def _here(self) -> StreamNetwork:
        """Return the network in the memory of the processor; it stays on the device until it changes here."""
        if self._stream is None:
            arrays = self._arrays
            self._use(self.state())
            self._arrays = arrays
        assert self._stream is not None
        return self._stream

    def _there(self) -> SectionArrays:
        """Return the network on the device."""
        if self._arrays is None:
            answering, head = self._here().answering(), self.head
            arrays = {name: array.copy() for name, array in answering.arrays().items()}
            head.extra["failure"] = float(answering.failure)
            self._arrays = SectionArrays(self._device, NetworkState(head, arrays))
        return self._arrays

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        if self._closed is not None:
            return self._closed
        if self._stream is not None:
            return self._stream.described()
        return replace(self._head, extra=msgspec.to_builtins(self._extra))

    def state(self) -> NetworkState:
        """Return a copy of everything, as any host of the rule set stores it."""
        if self._stream is not None:
            return self._stream.state()
        assert self._arrays is not None
        self._extra.failure = self._arrays.failure
        return self._arrays.state(self.head)

    def metrics(self) -> dict[str, float]:
        """Return sizes, and how well the cycles of the last task or of the last few hundred were answered.

        ``memory`` is in bytes. ``failure_rate`` is the share of cycles that were not answered with confidence. Of
        tasks: ``running_accuracy`` is the share of cycles answered right and ``running_loss`` the cross-entropy in
        nats, since the task told last how far it is; ``outlier_rows`` are rows with a value far from all others.
        """
        if self._stream is not None:
            arrays = self._stream.present.arrays()
            rows, blocks = arrays["weights"].shape[1], arrays["weights"].shape[0]
            memory, readout = sum(array.nbytes for array in arrays.values()), arrays["readout"].size
            failure = float(self._stream.present.failure)
        else:
            assert self._arrays is not None
            rows, blocks, memory = self._arrays.rows, self._arrays.blocks, self._arrays.bytes
            readout, failure = self._arrays.width * self._arrays.neurons, self._arrays.failure
        found: dict[str, float] = {
            "blocks": blocks,
            "sections": rows * blocks,
            "synapses": rows * blocks * WIDTH + readout,
            "cycles": self._head.cycles,
            "memory": memory,
            "failure_rate": failure,
        }
        if self._score is not None:
            found |= {"running_loss": self._score[0], "running_accuracy": self._score[1]}
        return found | ({"outlier_rows": self._outliers} if self._outliers else {})

    def close(self) -> None:
        """Let go of everything but the head."""
        self._closed = self.head
        self._arrays = self._stream = None

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the interfaces to numbers of values.

        Raises:
            BadRequest: if a name is unknown or a size is impossible; nothing has changed then.
        """
        head = self._head
        if all(head.inputs.get(name, 0) >= size > 0 for name, size in inputs.items()) and all(
            head.outputs.get(name) == size for name, size in outputs.items()
        ):
            return
        self._use(resized(self.state(), inputs, outputs))

    # Tasks

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles from `run.start` on, in batches.

        Raises:
            BadRequest: if the rows do not fit; nothing has changed then.
            FloatingPointError: if values are not finite; the network is then what it was before the call.
            ServiceError: if the device fails.
        """
        check_rows(rows, self._head.inputs, self._head.outputs)
        if not rows.outputs:
            raise BadRequest("training_without_outputs")
        with self._device.use():
            table = self._gatherer.tables.of(rows, self._head.inputs, self._head.outputs)
        seen = table.seen(lambda: run.step(run.start))
        if seen is None or run.start >= rows.cycles:
            return
        go_back = self._memory()
        try:
            self._end_stream()
            new = self._extra.see_outputs(seen.one_hot)
            arrays = self._there()
            if new:
                arrays.set_squashing(self._extra)
            if run.start == 0:  # a run that goes on has the ranges of its beginning
                arrays.set_ranges(ranges.after_survey(arrays.ranges(), seen.ranges))
            self._stream, self._outliers = None, seen.ranges.outliers
            self._train(arrays, table, rows, run)
        except FloatingPointError:
            go_back()
            raise

    def _memory(self) -> Callable[[], None]:
        """Return what makes the network again what it is now."""
        head, extra, stream = replace(self._head), copy.deepcopy(self._extra), copy.copy(self._stream)
        if stream is not None:
            stream.head, stream.extra = head, extra
        copied = None if self._arrays is None or stream is not None else self._arrays.copied()

        def go_back() -> None:
            self._head, self._extra, self._stream, self._arrays = head, extra, stream, copied

        return go_back

    def _train(self, arrays: SectionArrays, table: TaskTable, rows: Rows, run: Run) -> None:
        total = rows.cycles
        rates = first_rate(self._head.cycles - run.start + total), f32(LAST_RATE)
        weights = NO_WEIGHTS if rows.weights is None or bool((rows.weights == 1).all()) else rows.weights
        with self._device.use():
            training = DeviceTraining(self._device, arrays, table, run.start, total, rates, weights, self._most)
            self._gatherer.join(training)
        try:
            while True:
                before = training.done
                self._gatherer.advance(training)
                training.allocate_rows()
                self._head.cycles += training.done - before
                self._score = training.score()
                if not run.step(training.done) or training.done >= total:
                    return
        finally:
            self._gatherer.leave(training)

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles from `run.start` on into `results` and change nothing.

        Raises:
            BadRequest: if the rows or the results do not fit.
            FloatingPointError: if inputs of a cycle are not finite.
            ServiceError: if the device fails.
        """
        check_rows(Rows(rows.inputs, (), rows.time_length), self._head.inputs, {})
        for name, result in results.items():
            if result.shape != (rows.cycles, self._head.outputs.get(name)) or result.dtype != f32:
                raise BadRequest("results_shape", interface=name, rows=rows.cycles)
        answer_rows(self._device, self._there(), self._extra, rows, results, run)

    def _end_stream(self) -> None:
        if self._stream is not None and self._stream.average is not None:
            self._arrays = None
            self._stream.end()
        self._extra.stream = 0

    # Streams

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of a stream, on the processor.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite; nothing has changed then.
        """
        stream, self._arrays = self._here(), None
        stream.train_one(inputs, outputs)

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing, on the processor.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        return self._here().request_one(inputs)
