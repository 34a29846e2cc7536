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

from hanami_core.compute import Columns, Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.host_cupy.device_training import DeviceTraining
from hanami_plugins.host_cupy.gathering import Gatherer
from hanami_plugins.host_cupy.section_answers import answer_rows
from hanami_plugins.host_cupy.section_arrays import SectionArrays
from hanami_plugins.host_cupy.task_tables import TaskTable
from hanami_plugins.networks_section import (
    AVERAGE,
    AVERAGE_PERIOD,
    LAST_RATE,
    STREAM_RATE,
    WIDTH,
    CycleSpan,
    Floats,
    ReferenceNetwork,
    SectionExtra,
    average_of,
    average_share,
    check_rows,
    first_rate,
    one_hot_outputs,
    ranges,
    reference_of,
    resized,
    starts,
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
        self._head, self._extra = replace(state.head), SectionExtra.of(state.head)
        self._arrays = None
        self._present: ReferenceNetwork | None = reference_of(state)
        self._average = average_of(state)

    # Where the network is

    def _here(self) -> ReferenceNetwork:
        """Return the network in the memory of the processor, which changes it there."""
        if self._present is None:
            self._use(self.state())
        self._arrays = None
        assert self._present is not None
        return self._present

    def _there(self) -> SectionArrays:
        """Return the network on the device."""
        if self._arrays is None:
            answering, head = self._answering(), self.head
            arrays = {name: array.copy() for name, array in answering.arrays().items()}
            head.extra["failure"] = float(answering.failure)
            self._arrays = SectionArrays(self._device, NetworkState(head, arrays))
        return self._arrays

    def _answering(self) -> ReferenceNetwork:
        """Return the network that has failed less of late, in the memory of the processor."""
        average, present = self._average, self._present
        assert present is not None
        return average if average is not None and average.failure < present.failure else present

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        if self._closed is not None:
            return self._closed
        if self._present is not None:
            self._extra.failure = float(self._present.failure)
        if self._average is not None:
            self._extra.average_failure = float(self._average.failure)
        return replace(self._head, extra=msgspec.to_builtins(self._extra))

    def state(self) -> NetworkState:
        """Return a copy of everything, as any host of the rule set stores it."""
        if self._present is None:
            assert self._arrays is not None
            self._extra.failure = self._arrays.failure
            return self._arrays.state(self.head)
        arrays = self._present.arrays()
        if self._average is not None:
            arrays |= {AVERAGE + name: array for name, array in self._average.learned().items()}
        return NetworkState(self.head, {name: array.copy() for name, array in arrays.items()})

    def metrics(self) -> dict[str, float]:
        """Return sizes, and how well the cycles of the last task or of the last few hundred were answered.

        ``memory`` is in bytes. ``failure_rate`` is the share of cycles that were not answered with confidence. Of
        tasks: ``running_accuracy`` is the share of cycles answered right and ``running_loss`` the cross-entropy in
        nats, since the task told last how far it is; ``outlier_rows`` are rows with a value far from all others.
        """
        if self._present is not None:
            arrays = self._present.arrays()
            rows, blocks = arrays["weights"].shape[1], arrays["weights"].shape[0]
            memory, readout = sum(array.nbytes for array in arrays.values()), arrays["readout"].size
            failure = float(self._present.failure)
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
        self._arrays = self._present = self._average = None

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
            self._present, self._outliers = None, seen.ranges.outliers
            self._train(arrays, table, rows, run)
        except FloatingPointError:
            go_back()
            raise

    def _memory(self) -> Callable[[], None]:
        """Return what makes the network again what it is now."""
        head, extra = replace(self._head), copy.deepcopy(self._extra)
        present, average, arrays = self._present, self._average, self._arrays
        copied = None if arrays is None or present is not None else arrays.copied()

        def go_back() -> None:
            self._head, self._extra, self._present, self._average = head, extra, present, average
            self._arrays = copied

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
                training.settle()
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
        if self._average is not None:
            self._present, self._average, self._arrays = self._answering(), None, None
        self._extra.stream = 0

    # Streams

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of a stream, on the processor.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite; nothing has changed then.
        """
        rows = _one_row(inputs, outputs)
        check_rows(rows, self._head.inputs, self._head.outputs)
        one_hot = one_hot_outputs(rows, lambda: True)
        if not one_hot:
            raise BadRequest("training_without_outputs")
        values = self._values(inputs)
        self._here()
        if self._extra.see_outputs(one_hot):
            self._use(self.state())
        present = self._here()
        self._head.cycles += 1
        self._extra.stream += 1
        expected = np.full(sum(self._head.outputs.values()), np.nan, f32)
        for name, begin in starts(self._head.outputs).items():
            if name in outputs:
                expected[begin : begin + len(outputs[name])] = outputs[name]
        # The average learns nothing from the row: it grows by it, and counts whether it answers well.
        for network, rate in ((present, STREAM_RATE), (self._average, 0)):
            if network is not None:
                active, beyond = network.see_row(values)
                if 2 * beyond <= active:  # else the row is broken, or the first one of another kind
                    span = CycleSpan(0, 1, 1, 1, f32(rate), f32(rate), NO_WEIGHTS)
                    with np.errstate(over="ignore", invalid="ignore"):  # the network looks at its sums itself
                        network.learn(values[None], expected[None], span)
        if self._extra.stream % AVERAGE_PERIOD == 0:
            self._move_average(present)

    def _move_average(self, present: ReferenceNetwork) -> None:
        if self._average is None:
            self._average = copy.deepcopy(present)
            return
        share, learned = average_share(self._extra.stream), present.learned()
        for name, array in self._average.learned().items():
            array += share * (learned[name] - array)

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing, on the processor.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        check_rows(_one_row(inputs, {}), self._head.inputs, {})
        values = self._values(inputs)
        if self._present is None:
            arrays, state = self._arrays, self.state()
            self._use(state)
            self._arrays = arrays
        answer = self._answering().answer(values[None])[0]
        return {
            name: answer[begin : begin + self._head.outputs[name]] for name, begin in starts(self._head.outputs).items()
        }

    def _values(self, inputs: Mapping[str, Values]) -> Floats:
        table = np.zeros(sum(self._head.inputs.values()), f32)
        for name, begin in starts(self._head.inputs).items():
            values = inputs.get(name, ())
            table[begin : begin + len(values)] = values
        if not np.isfinite(table).all():
            raise FloatingPointError(f"values of cycle {self._head.cycles} are not finite")
        return table


def _one_row(inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> Rows:
    given, expected = (
        tuple(Columns(name, np.asarray(values, f32)[None]) for name, values in side.items())
        for side in (inputs, outputs)
    )
    return Rows(given, expected)
