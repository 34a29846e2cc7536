"""A network in memory. What it learns and answers is computed by the reference of its rule set, cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_numpy.tables import inputs_of, outputs_of
from hanami_plugins.networks_section import (
    LAST_RATE,
    WIDTH,
    CycleSpan,
    ReferenceNetwork,
    StreamNetwork,
    check_rows,
    first_rate,
    one_hot_outputs,
    ranges,
    resized,
    slice_length,
    starts,
)

NO_WEIGHTS = np.zeros(0, np.float32)


class NumpyNetwork:
    """A network that grows by sections.

    What it knows, and what single cycles teach it, is in a `StreamNetwork`.
    """

    def __init__(self, state: NetworkState) -> None:
        """Begin as a checked state tells, which stays as it is."""
        self._closed: StateHead | None = None
        self._stream = StreamNetwork(state)

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        return self._stream.described() if self._closed is None else self._closed

    def state(self) -> NetworkState:
        """Return a copy of everything, as any host of the rule set stores it."""
        return self._stream.state()

    def metrics(self) -> dict[str, float]:
        """Return sizes, and the share of the last few hundred cycles that were not answered with confidence."""
        arrays = self._stream.present.arrays()
        weights = [array for name, array in arrays.items() if name.rpartition(".")[2] == "weights"]
        readouts = [array for name, array in arrays.items() if name.rpartition(".")[2] == "readout"]
        return {
            "blocks": sum(array.shape[0] for array in weights),
            "sections": sum(array.size for array in weights) // WIDTH,
            "synapses": sum(array.size for array in (*weights, *readouts)),
            "cycles": self._stream.head.cycles,
            "memory": sum(array.nbytes for array in arrays.values()),
            "failure_rate": float(self._stream.present.failure),
        }

    def close(self) -> None:
        """Let go of everything but the head."""
        self._closed = self.head
        vars(self).pop("_stream", None)

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the interfaces to numbers of values.

        Raises:
            BadRequest: if a name is unknown or a size is impossible; nothing has changed then.
        """
        self._stream = StreamNetwork(resized(self.state(), inputs, outputs))

    # Tasks

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles from `run.start` on.

        Raises:
            BadRequest: if the rows do not fit; nothing has changed then.
            FloatingPointError: if values are not finite; the network is then what it was before the call.
        """
        check_rows(rows, self._stream.head.inputs, self._stream.head.outputs)
        if not rows.outputs:
            raise BadRequest("training_without_outputs")
        one_hot = one_hot_outputs(rows, lambda: run.step(run.start))
        found = ranges.survey(rows, self._stream.head.inputs, lambda: run.step(run.start))
        if one_hot is None or found is None or run.start >= rows.cycles:
            return
        before = self.state()
        self._stream.end()
        self._stream.see_outputs(one_hot)
        if run.start == 0:  # a run that goes on has the ranges of its beginning
            self._stream.present.see_survey(found)
        try:
            self._train(rows, run)
        except FloatingPointError:
            self._stream = StreamNetwork(before)
            raise

    def _train(self, rows: Rows, run: Run) -> None:
        """Train slice by slice. A run stops and is stored only between two of them, so it ends as if it never had."""
        total, length = rows.cycles, slice_length(self._stream.present.work)
        rate = first_rate(self._stream.head.cycles - run.start + total)
        weights = NO_WEIGHTS if rows.weights is None else rows.weights
        for first in range(run.start, total, length):
            span = CycleSpan(first, min(first + length, total), total, length, rate, np.float32(LAST_RATE), weights)
            self._learn(self._stream.present, rows, span)
            self._stream.head.cycles += span.last - first
            if not run.step(span.last):
                return

    def _learn(self, network: ReferenceNetwork, rows: Rows, span: CycleSpan) -> None:
        table = inputs_of(rows, self._stream.head.inputs, span.first, span.last)
        expected = outputs_of(rows, self._stream.head.outputs, span.first, span.last)
        with np.errstate(over="ignore", invalid="ignore"):  # the network looks at its sums itself
            network.learn(table, expected, span)

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles from `run.start` on into `results` and change nothing.

        Raises:
            BadRequest: if the rows or the results do not fit.
            FloatingPointError: if inputs of a cycle are not finite.
        """
        check_rows(Rows(rows.inputs, (), rows.time_length), self._stream.head.inputs, {})
        total, length = rows.cycles, slice_length(self._stream.present.work)
        for name, result in results.items():
            if result.shape != (total, self._stream.head.outputs.get(name)) or result.dtype != np.float32:
                raise BadRequest("results_shape", interface=name, rows=total)
        for first in range(run.start, total, length):
            last = min(first + length, total)
            answers = self._answers(rows, first, last)
            for name, result in results.items():
                result[first:last] = answers[name]
            if not run.step(last):
                return

    def _answers(self, rows: Rows, first: int, last: int) -> dict[str, Values]:
        outputs = self._stream.head.outputs
        found = self._stream.answering().answer(inputs_of(rows, self._stream.head.inputs, first, last))
        return {name: found[:, begin : begin + outputs[name]] for name, begin in starts(outputs).items()}

    # Streams

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of a stream.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite; nothing has changed then.
        """
        self._stream.train_one(inputs, outputs)

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        return self._stream.request_one(inputs)
