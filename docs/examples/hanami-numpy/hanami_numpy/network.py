"""A network in memory. What it learns and answers is computed by the reference of its rule set, cycle by cycle."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec.structs import replace

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_numpy.tables import inputs_of, one_row, outputs_of
from hanami_plugins.networks_section import (
    AVERAGE,
    AVERAGE_PERIOD,
    LAST_RATE,
    STREAM_RATE,
    WIDTH,
    CycleSpan,
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
    slice_length,
    starts,
)

NO_WEIGHTS = np.zeros(0, np.float32)


class NumpyNetwork:
    """A network that grows by sections.

    What it knows is in `_present`. A stream of single cycles has a second network beside it, `_average`, whose weights
    follow those of the first one slowly. Both grow by the same rows, so they have the same sources.
    """

    def __init__(self, state: NetworkState) -> None:
        """Begin as a checked state tells, which stays as it is."""
        self._closed: StateHead | None = None
        self._use(state)

    def _use(self, state: NetworkState) -> None:
        self._head, self._extra = replace(state.head), SectionExtra.of(state.head)
        self._present, self._average = reference_of(state), average_of(state)

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        if self._closed is not None:
            return self._closed
        self._extra.failure = float(self._present.failure)
        if self._average is not None:
            self._extra.average_failure = float(self._average.failure)
        return replace(self._head, extra=msgspec.to_builtins(self._extra))

    def state(self) -> NetworkState:
        """Return a copy of everything, as any host of the rule set stores it."""
        arrays = self._present.arrays()
        if self._average is not None:
            arrays |= {AVERAGE + name: array for name, array in self._average.learned().items()}
        return NetworkState(self.head, {name: array.copy() for name, array in arrays.items()})

    def metrics(self) -> dict[str, float]:
        """Return sizes, and the share of the last few hundred cycles that were not answered with confidence."""
        arrays = self._present.arrays()
        weights = [array for name, array in arrays.items() if name.rpartition(".")[2] == "weights"]
        readouts = [array for name, array in arrays.items() if name.rpartition(".")[2] == "readout"]
        return {
            "blocks": sum(array.shape[0] for array in weights),
            "sections": sum(array.size for array in weights) // WIDTH,
            "synapses": sum(array.size for array in (*weights, *readouts)),
            "cycles": self._head.cycles,
            "memory": sum(array.nbytes for array in arrays.values()),
            "failure_rate": float(self._present.failure),
        }

    def close(self) -> None:
        """Let go of everything but the head."""
        self._closed = self.head
        vars(self).pop("_present", None)
        vars(self).pop("_average", None)

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the interfaces to numbers of values.

        Raises:
            BadRequest: if a name is unknown or a size is impossible; nothing has changed then.
        """
        self._use(resized(self.state(), inputs, outputs))

    # Tasks

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles from `run.start` on.

        Raises:
            BadRequest: if the rows do not fit; nothing has changed then.
            FloatingPointError: if values are not finite; the network is then what it was before the call.
        """
        check_rows(rows, self._head.inputs, self._head.outputs)
        if not rows.outputs:
            raise BadRequest("training_without_outputs")
        one_hot = one_hot_outputs(rows, lambda: run.step(run.start))
        found = ranges.survey(rows, self._head.inputs, lambda: run.step(run.start))
        if one_hot is None or found is None or run.start >= rows.cycles:
            return
        before = self.state()
        self._end_stream()
        self._see_outputs(one_hot)
        if run.start == 0:  # a run that goes on has the ranges of its beginning
            self._present.see_survey(found)
        try:
            self._train(rows, run)
        except FloatingPointError:
            self._use(before)
            raise

    def _train(self, rows: Rows, run: Run) -> None:
        """Train slice by slice. A run stops and is stored only between two of them, so it ends as if it never had."""
        total, length = rows.cycles, slice_length(self._present.work)
        rate = first_rate(self._head.cycles - run.start + total)
        weights = NO_WEIGHTS if rows.weights is None else rows.weights
        for first in range(run.start, total, length):
            span = CycleSpan(first, min(first + length, total), total, length, rate, np.float32(LAST_RATE), weights)
            self._learn(self._present, rows, span)
            self._head.cycles += span.last - first
            if not run.step(span.last):
                return

    def _learn(self, network: ReferenceNetwork, rows: Rows, span: CycleSpan) -> None:
        table = inputs_of(rows, self._head.inputs, span.first, span.last)
        expected = outputs_of(rows, self._head.outputs, span.first, span.last)
        with np.errstate(over="ignore", invalid="ignore"):  # the network looks at its sums itself
            network.learn(table, expected, span)

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles from `run.start` on into `results` and change nothing.

        Raises:
            BadRequest: if the rows or the results do not fit.
            FloatingPointError: if inputs of a cycle are not finite.
        """
        check_rows(Rows(rows.inputs, (), rows.time_length), self._head.inputs, {})
        total, length = rows.cycles, slice_length(self._present.work)
        for name, result in results.items():
            if result.shape != (total, self._head.outputs.get(name)) or result.dtype != np.float32:
                raise BadRequest("results_shape", interface=name, rows=total)
        for first in range(run.start, total, length):
            last = min(first + length, total)
            answers = self._answers(rows, first, last)
            for name, result in results.items():
                result[first:last] = answers[name]
            if not run.step(last):
                return

    def _answers(self, rows: Rows, first: int, last: int) -> dict[str, Values]:
        outputs = self._head.outputs
        found = self._answering().answer(inputs_of(rows, self._head.inputs, first, last))
        return {name: found[:, begin : begin + outputs[name]] for name, begin in starts(outputs).items()}

    def _see_outputs(self, one_hot: Mapping[str, bool]) -> None:
        """Squash outputs by softmax whose rows have always been one-hot."""
        if self._extra.see_outputs(one_hot):
            self._use(self.state())

    # Streams

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of a stream.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite; nothing has changed then.
        """
        rows = one_row(inputs, outputs)
        check_rows(rows, self._head.inputs, self._head.outputs)
        one_hot = one_hot_outputs(rows, lambda: True)
        if not one_hot:
            raise BadRequest("training_without_outputs")
        values = inputs_of(rows, self._head.inputs, 0, 1)[0]
        self._see_outputs(one_hot)
        self._head.cycles += 1
        self._extra.stream += 1
        # The average learns nothing from the row: it grows by it, and counts whether it answers well.
        for network, rate in ((self._present, STREAM_RATE), (self._average, 0)):
            if network is not None:
                active, beyond = network.see_row(values)
                if 2 * beyond <= active:  # else the row is broken, or the first one of another kind
                    self._learn(network, rows, CycleSpan(0, 1, 1, 1, np.float32(rate), np.float32(rate), NO_WEIGHTS))
        if self._extra.stream % AVERAGE_PERIOD == 0:
            self._move_average()

    def _move_average(self) -> None:
        if self._average is None:
            self._average = copy.deepcopy(self._present)
            return
        share, present = average_share(self._extra.stream), self._present.learned()
        for name, array in self._average.learned().items():
            array += share * (present[name] - array)

    def _end_stream(self) -> None:
        self._present, self._average, self._extra.stream = self._answering(), None, 0

    def _answering(self) -> ReferenceNetwork:
        """Return the network that has failed less of late."""
        average, present = self._average, self._present
        return average if average is not None and average.failure < present.failure else present

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        rows = one_row(inputs, {})
        check_rows(rows, self._head.inputs, {})
        return {name: values[0] for name, values in self._answers(rows, 0, 1).items()}
