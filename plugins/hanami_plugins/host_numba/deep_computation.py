"""How the kernels of networks with several hidden hexagons are called, and what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba import segments
from hanami_plugins.host_numba.deep_kernels import answer_deep, train_deep
from hanami_plugins.networks_section import (
    BATCH,
    COUNTS,
    STATUS,
    STATUS_CYCLE,
    CycleSpan,
    DeepAnswers,
    DeepInputs,
    DeepMemory,
    DeepScratch,
    Floats,
    Ints,
    Records,
    aligned,
    chosen,
)

__all__ = ["DeepComputation"]


class DeepTrainer:
    """A `Trainer` that goes from hexagon to hexagon, cycle by cycle, in a single thread."""

    def __init__(self, memory: DeepMemory, plan: segments.Plan[DeepInputs]) -> None:
        """Make memory for a cycle."""
        self._memory, self._plan = memory, plan
        self._scratch = scratch(memory)

    @property
    def cycle(self) -> int:
        """The cycle that the status is about."""
        return int(self._scratch.status[STATUS_CYCLE])

    def run(self, thread: int, threads: int, sync: Ints, job: CycleSpan, *, average: bool = False) -> int:
        """Train; returns the kernel's status."""
        memory, plan = self._memory, self._plan
        net = memory.average if average and memory.average is not None else memory.net
        return train_deep(net, memory.sources, self._scratch, plan.inputs, plan.outputs, job)


@dataclass(frozen=True)
class DeepAnswerer:
    """An `Answerer` that takes a batch of cycles through a hexagon before it comes to the next one."""

    memory: DeepMemory
    plan: segments.Plan[DeepInputs]
    answers: DeepAnswers

    @property
    def results(self) -> Floats:
        """Outputs of the cycles of the last run."""
        return self.answers.results

    def run(self, first: int, last: int) -> int:
        """Answer some cycles."""
        return answer_deep(self.memory.answering(), self.answers, self.plan.inputs, first, last)


@dataclass(frozen=True)
class DeepTask:
    """A `TaskComputation` of a network with several hidden hexagons."""

    memory: DeepMemory
    plan: segments.Plan[DeepInputs]

    @property
    def weights(self) -> Floats:
        """How much each cycle counts."""
        return self.plan.weights

    def training(self, length: int, threads: int) -> DeepTrainer:
        """Return what trains the rows, which needs no slices."""
        return DeepTrainer(self.memory, self.plan)

    def answering(self) -> Callable[[int], DeepAnswerer]:
        """Return what makes what answers."""
        return lambda cycles: DeepAnswerer(self.memory, self.plan, answers(self.memory, cycles))


class DeepComputation:
    """A `Computation` of a network with several hidden hexagons. Requests are split over all threads."""

    parts = 1

    def __init__(self, memory: DeepMemory) -> None:
        """Work on a network."""
        self.memory = memory

    @classmethod
    def of(cls, state: NetworkState) -> DeepComputation:
        """Bring a checked state to memory."""
        return cls(DeepMemory(state))

    def resized(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> DeepComputation:
        """Return the same with the network's interfaces fitted to numbers of values."""
        memory = self.memory.resized(inputs, outputs)
        return self if memory is self.memory else DeepComputation(memory)

    def task(self, rows: Rows) -> DeepTask:
        """Return rows of a task as the kernels take them, their inputs hexagon by hexagon."""
        memory = self.memory
        plan = segments.plan(rows, memory.inputs, memory.outputs)
        parts = []
        for hexagon in memory.hexagons:
            sizes = chosen(hexagon.inputs, memory.inputs)
            # In template order, so that the order of a task's columns does not decide how sums are rounded.
            columns = sorted((c for c in rows.inputs if c.name in sizes), key=lambda c: hexagon.inputs.index(c.name))
            parts.append(segments.plan(Rows(tuple(columns), (), rows.time_length), sizes, {}))
        arrays = tuple(array for part in (plan, *parts) for array in part.arrays)
        inputs = _inputs([part.inputs for part in parts])
        return DeepTask(memory, segments.Plan(inputs, plan.outputs, arrays, plan.weights))

    def single(self, one: segments.OneRow) -> DeepTask:
        """Return the same for single cycles."""
        known = self.memory.inputs
        inputs = _inputs([one.segments(list(chosen(hexagon.inputs, known))) for hexagon in self.memory.hexagons])
        return DeepTask(self.memory, segments.Plan(inputs, one.outputs, (), segments.NO_WEIGHTS))


def _inputs(parts: list[Records]) -> DeepInputs:
    """Return the inputs of hexagons as the kernels take them."""
    return DeepInputs(np.concatenate(parts), np.cumsum([0, *map(len, parts)], dtype=np.int64))


def scratch(memory: DeepMemory) -> DeepScratch:
    """Return memory of the training kernel, which reads one cycle at a time."""
    net, hexagons = memory.net, len(memory.hexagons)
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


def answers(memory: DeepMemory, cycles: int) -> DeepAnswers:
    """Return memory of the answering kernel for so many cycles."""
    net, hexagons = memory.net, len(memory.hexagons)
    lists = net.places["entries"]
    entries = int((lists["end"] - lists["begin"]).max())
    return DeepAnswers(
        rows=aligned(entries, np.int32),
        values=aligned(entries),
        hidden=aligned(min(cycles, BATCH) * net.bias.size),
        partials=aligned(2 * hexagons * net.readout_bias.size),
        results=aligned(cycles * net.readout_bias.size),
    )
