"""How the kernels of networks with several hidden hexagons are called, and what they are given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba import segments
from hanami_plugins.host_numba.computation import AnswerStrategy
from hanami_plugins.host_numba.deep_kernels import answer_deep, train_deep
from hanami_plugins.networks_section import (
    BATCH,
    COUNTS,
    STATUS,
    CycleSpan,
    DeepAnswers,
    DeepInputs,
    DeepMemory,
    DeepNet,
    DeepScratch,
    Ints,
    Records,
    aligned,
    chosen,
)

__all__ = ["DeepComputation"]


class DeepComputation:
    """A `Computation` that goes from hexagon to hexagon. One thread trains, requests are split over all threads."""

    parts = 1
    answer_kernel: Callable[..., int] = staticmethod(answer_deep)

    def __init__(self, memory: DeepMemory) -> None:
        """Work on a network."""
        self.memory = memory

    @classmethod
    def of(cls, state: NetworkState) -> DeepComputation:
        """Bring a checked state to memory."""
        return cls(DeepMemory(state))

    def with_memory(self, memory: DeepMemory) -> DeepComputation:
        """Return the same for another network."""
        return DeepComputation(memory)

    def plan(self, rows: Rows) -> segments.Plan[DeepInputs]:
        """Return where the rows of a task lie, their inputs hexagon by hexagon."""
        memory = self.memory
        plan = segments.plan(rows, memory.inputs, memory.outputs)
        parts = []
        for hexagon in memory.hexagons:
            sizes = chosen(hexagon.inputs, memory.inputs)
            # In template order, so that the order of a task's columns does not decide how sums are rounded.
            columns = sorted((c for c in rows.inputs if c.name in sizes), key=lambda c: hexagon.inputs.index(c.name))
            parts.append(segments.plan(Rows(tuple(columns), (), rows.time_length), sizes, {}))
        arrays = tuple(array for part in (plan, *parts) for array in part.arrays)
        return segments.Plan(_inputs([part.inputs for part in parts]), plan.outputs, arrays, plan.weights)

    def inputs_of(self, one: segments.OneRow) -> DeepInputs:
        """Return where the inputs of a single cycle lie."""
        known = self.memory.inputs
        return _inputs([one.segments(list(chosen(hexagon.inputs, known))) for hexagon in self.memory.hexagons])

    def scratch(self, length: int, threads: int) -> DeepScratch:
        """Return memory of the training kernel, which reads one cycle at a time."""
        net, hexagons = self.memory.net, len(self.memory.hexagons)
        entries = int(net.places["entries"]["end"][-1])
        return DeepScratch(
            rows=aligned(entries, np.int32),
            values=aligned(entries),
            counts=np.zeros(hexagons, COUNTS),
            hidden=aligned(net.bias.size),
            gradient=aligned(net.bias.size),
            partials=aligned(2 * hexagons * net.readout_bias.size),
            deltas=aligned(net.readout_bias.size),
            status=np.zeros(STATUS, np.int64),
        )

    def train(
        self,
        thread: int,
        threads: int,
        sync: Ints,
        net: DeepNet,
        scratch: DeepScratch,
        inputs: DeepInputs,
        outputs: Records,
        job: CycleSpan,
    ) -> int:
        """Run the training kernel, in the only thread; returns its status."""
        return train_deep(net, self.memory.sources, scratch, inputs, outputs, job)

    def answers(self, rows: int) -> DeepAnswers:
        """Return memory of the answering kernel for so many cycles."""
        net, hexagons = self.memory.net, len(self.memory.hexagons)
        lists = net.places["entries"]
        entries = int((lists["end"] - lists["begin"]).max())
        return DeepAnswers(
            rows=aligned(entries, np.int32),
            values=aligned(entries),
            hidden=aligned(min(rows, BATCH) * net.bias.size),
            partials=aligned(2 * hexagons * net.readout_bias.size),
            results=aligned(rows * net.readout_bias.size),
        )

    def answer_strategy(self, net: DeepNet, inputs: DeepInputs) -> AnswerStrategy:
        """Return how inputs are answered."""
        return AnswerStrategy(self.answer_kernel, net, self.answers)


def _inputs(parts: list[Records]) -> DeepInputs:
    """Return the inputs of hexagons as the kernels take them."""
    return DeepInputs(np.concatenate(parts), np.cumsum([0, *map(len, parts)], dtype=np.int64))
