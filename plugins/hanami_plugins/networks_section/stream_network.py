"""A network that learns from an open-ended stream of single cycles, in plain NumPy, for hosts without kernels for that.

A single cycle is small: whoever streams wants an answer at once, which a processor gives sooner than a device.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec.structs import replace

from hanami_core.compute import Rows, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.networks_section.network_arrays import AVERAGE, starts
from hanami_plugins.networks_section.references import average_of, reference_of
from hanami_plugins.networks_section.schedule import AVERAGE_PERIOD, STREAM_RATE, average_share
from hanami_plugins.networks_section.section_extra import SectionExtra
from hanami_plugins.networks_section.section_layout import CycleSpan, Floats
from hanami_plugins.networks_section.section_reference import ReferenceNetwork
from hanami_plugins.networks_section.tables import check_rows, one_hot_outputs

__all__ = ["StreamNetwork"]

NO_WEIGHTS: Floats = np.zeros(0, np.float32)
f32 = np.float32


class StreamNetwork:
    """What a network knows, and beside it, in a stream, a second one whose weights follow the first one slowly.

    Both grow by the same rows, so they have the same sources.

    Attributes:
        head: description of the network; `extra` in it is as old as the last call of `described`.
        extra: what section networks note in their heads.
        present: what learns.
        average: the second one, None outside of a stream.
    """

    def __init__(self, state: NetworkState) -> None:
        """Begin as a checked state tells, which stays as it is."""
        self.head, self.extra = replace(state.head), SectionExtra.of(state.head)
        self.present, self.average = reference_of(state), average_of(state)

    def described(self) -> StateHead:
        """Return the description of the network as it is now."""
        self.extra.failure = float(self.present.failure)
        if self.average is not None:
            self.extra.average_failure = float(self.average.failure)
        return replace(self.head, extra=msgspec.to_builtins(self.extra))

    def state(self) -> NetworkState:
        """Return a copy of everything, as any host of the rule set stores it."""
        arrays = self.present.arrays()
        if self.average is not None:
            arrays |= {AVERAGE + name: array for name, array in self.average.learned().items()}
        return NetworkState(self.described(), {name: array.copy() for name, array in arrays.items()})

    def answering(self) -> ReferenceNetwork:
        """Return the network that has failed less of late."""
        average, present = self.average, self.present
        return average if average is not None and average.failure < present.failure else present

    def end(self) -> None:
        """End the stream: go on with what has answered better."""
        self.present, self.average, self.extra.stream = self.answering(), None, 0

    def see_outputs(self, one_hot: Mapping[str, bool]) -> None:
        """Squash outputs by softmax whose rows have always been one-hot."""
        if self.extra.see_outputs(one_hot):
            state = self.state()
            self.present, self.average = reference_of(state), average_of(state)

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite; nothing has changed then.
        """
        rows = Rows.single(inputs, outputs)
        check_rows(rows, self.head.inputs, self.head.outputs)
        one_hot = one_hot_outputs(rows, lambda: True)
        if not one_hot:
            raise BadRequest("training_without_outputs")
        values = self._values(inputs)
        self.see_outputs(one_hot)
        self.head.cycles += 1
        self.extra.stream += 1
        expected = np.full(sum(self.head.outputs.values()), np.nan, f32)
        for name, begin in starts(self.head.outputs).items():
            if name in outputs:
                expected[begin : begin + len(outputs[name])] = outputs[name]
        # The average learns nothing from the row: it grows by it, and counts whether it answers well.
        for network, rate in ((self.present, STREAM_RATE), (self.average, 0)):
            if network is not None:
                active, beyond = network.see_row(values)
                if 2 * beyond <= active:  # else the row is broken, or the first one of another kind
                    span = CycleSpan(0, 1, 1, 1, f32(rate), f32(rate), NO_WEIGHTS)
                    with np.errstate(over="ignore", invalid="ignore"):  # the network looks at its sums itself
                        network.learn(values[None], expected[None], span)
        if self.extra.stream % AVERAGE_PERIOD == 0:
            self._move_average()

    def _move_average(self) -> None:
        if self.average is None:
            self.average = copy.deepcopy(self.present)
            return
        share, present = average_share(self.extra.stream), self.present.learned()
        for name, array in self.average.learned().items():
            array += share * (present[name] - array)

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        check_rows(Rows.single(inputs), self.head.inputs, {})
        answer = self.answering().answer(self._values(inputs)[None])[0]
        outputs = self.head.outputs
        return {name: answer[begin : begin + outputs[name]] for name, begin in starts(outputs).items()}

    def _values(self, inputs: Mapping[str, Values]) -> Floats:
        table = np.zeros(sum(self.head.inputs.values()), f32)
        for name, begin in starts(self.head.inputs).items():
            values = inputs.get(name, ())
            table[begin : begin + len(values)] = values
        if not np.isfinite(table).all():
            raise FloatingPointError(f"values of cycle {self.head.cycles} are not finite")
        return table
