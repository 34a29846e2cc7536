"""How the kernels of networks with a single hidden hexagon are called, and what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba import segments
from hanami_plugins.host_numba.computation import Answerer
from hanami_plugins.host_numba.section_kernels import answer_rows, train_rows
from hanami_plugins.host_numba.snapshot_kernel import answer_quads
from hanami_plugins.networks_section import (
    CHUNK,
    LANES,
    STATUS,
    STATUS_CYCLE,
    WIDTH,
    Answers,
    CycleSpan,
    Floats,
    Ints,
    QuadAnswers,
    Records,
    Scratch,
    SectionMemory,
    Snapshot,
    aligned,
    snapshot,
)

__all__ = ["SectionComputation"]

CHUNK_VALUES = 1 << 15
"""Values that an answering thread keeps of the rows that it answers together, a few at least: what a cache holds."""


class SectionTrainer:
    """A `Trainer` whose threads share each cycle, block by block."""

    def __init__(self, memory: SectionMemory, plan: segments.Plan[Records], length: int, threads: int) -> None:
        """Make memory for slices of so many cycles."""
        self._memory, self._plan = memory, plan
        self._scratch = scratch(memory, length, threads)

    @property
    def cycle(self) -> int:
        """The cycle that the status is about."""
        return int(self._scratch.status[STATUS_CYCLE])

    def run(self, thread: int, threads: int, sync: Ints, job: CycleSpan, *, average: bool = False) -> int:
        """Train in one of some threads; returns the kernel's status."""
        memory, plan = self._memory, self._plan
        net = memory.average if average and memory.average is not None else memory.net
        return train_rows(thread, threads, sync, net, memory.sources, self._scratch, plan.inputs, plan.outputs, job)


@dataclass(frozen=True)
class SectionAnswerer:
    """An `Answerer` with all bits of the weights."""

    memory: SectionMemory
    plan: segments.Plan[Records]
    answers: Answers

    @property
    def results(self) -> Floats:
        """Outputs of the cycles of the last run."""
        return self.answers.results

    def run(self, first: int, last: int) -> int:
        """Answer some cycles."""
        return answer_rows(self.memory.answering(), self.answers, self.plan.inputs, first, last)


@dataclass(frozen=True)
class QuadAnswerer:
    """An `Answerer` with weights of 8 bits."""

    snapshot: Snapshot
    plan: segments.Plan[Records]
    answers: QuadAnswers

    @property
    def results(self) -> Floats:
        """Outputs of the cycles of the last run."""
        return self.answers.results

    def run(self, first: int, last: int) -> int:
        """Answer some cycles."""
        return answer_quads(self.snapshot, self.answers, self.plan.inputs, first, last)


@dataclass(frozen=True)
class SectionTask:
    """A `TaskComputation` of a network with a single hidden hexagon."""

    memory: SectionMemory
    plan: segments.Plan[Records]

    @property
    def weights(self) -> Floats:
        """How much each cycle counts."""
        return self.plan.weights

    def training(self, length: int, threads: int) -> SectionTrainer:
        """Return what trains the rows."""
        return SectionTrainer(self.memory, self.plan, length, threads)

    def answering(self) -> Callable[[int], Answerer]:
        """Return what makes what answers: from weights of 8 bits, if the template wants it and the inputs are bytes."""
        memory, plan = self.memory, self.plan
        if memory.settings.precision == "int8":
            taken = snapshot.take(memory.answering(), memory.size, plan.inputs)
            if taken is not None:
                return lambda cycles: QuadAnswerer(taken, plan, snapshot.answers(taken, cycles))
        return lambda cycles: SectionAnswerer(memory, plan, answers(memory, cycles))


class SectionComputation:
    """A `Computation` of a network with a single hidden hexagon."""

    def __init__(self, memory: SectionMemory) -> None:
        """Work on a network."""
        self.memory = memory

    @classmethod
    def of(cls, state: NetworkState) -> SectionComputation:
        """Bring a checked state to memory."""
        return cls(SectionMemory(state))

    def resized(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> SectionComputation:
        """Return the same with the network's interfaces fitted to numbers of values."""
        memory = self.memory.resized(inputs, outputs)
        return self if memory is self.memory else SectionComputation(memory)

    @property
    def parts(self) -> int:
        """Number of blocks, each of which one thread computes."""
        return self.memory.blocks

    def task(self, rows: Rows) -> SectionTask:
        """Return rows of a task as the kernels take them."""
        return SectionTask(self.memory, segments.plan(rows, self.memory.inputs, self.memory.outputs))

    def single(self, one: segments.OneRow) -> SectionTask:
        """Return the same for single cycles."""
        return SectionTask(self.memory, segments.Plan(one.inputs, one.outputs, (), segments.NO_WEIGHTS))


def scratch(memory: SectionMemory, length: int, threads: int) -> Scratch:
    """Return memory of the training kernel for slices of so many cycles."""
    entries, hidden, lanes = length * (memory.size + LANES), memory.blocks * WIDTH, memory.lanes
    threads = min(threads, memory.blocks)
    return Scratch(
        rows=aligned(entries, np.int32),
        values=aligned(entries),
        counts=np.zeros(length, np.int64),
        energy=aligned(length),
        flags=np.zeros(length, np.int64),
        hidden=aligned(CHUNK * hidden),
        gradient=aligned(hidden),
        partials=aligned(2 * CHUNK * memory.blocks * lanes),
        deltas=aligned(threads * CHUNK * lanes),
        learned=np.zeros(threads * CHUNK, np.int64),
        biases=aligned(threads * lanes),
        status=np.zeros(STATUS, np.int64),
    )


def answers(memory: SectionMemory, cycles: int) -> Answers:
    """Return memory of the answering kernel for so many cycles."""
    entries, hidden = memory.size + LANES, memory.blocks * WIDTH
    parts = memory.blocks * memory.lanes
    chunk = max(1, min(cycles, CHUNK, CHUNK_VALUES // (2 * entries + hidden + parts)))
    return Answers(
        rows=aligned(chunk * entries, np.int32),
        values=aligned(chunk * entries),
        counts=np.zeros(chunk, np.int64),
        hidden=aligned(chunk * hidden),
        partials=aligned(chunk * parts),
        results=aligned(cycles * memory.lanes),
    )
