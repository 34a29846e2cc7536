"""How the kernels of networks with a single hidden hexagon are called, and what they are given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba import segments
from hanami_plugins.host_numba.computation import AnswerStrategy
from hanami_plugins.host_numba.section_kernels import answer_rows, train_rows
from hanami_plugins.host_numba.snapshot_kernel import answer_quads
from hanami_plugins.networks_section import (
    CHUNK,
    LANES,
    STATUS,
    WIDTH,
    Answers,
    CycleSpan,
    Ints,
    Records,
    Scratch,
    SectionMemory,
    SectionNet,
    aligned,
    snapshot,
)

__all__ = ["SectionComputation"]

CHUNK_VALUES = 1 << 15
"""Values that an answering thread keeps of the rows that it answers together, a few at least: what a cache holds."""


class SectionComputation:
    """A `Computation` whose threads share each cycle, block by block."""

    answer_kernel: Callable[..., int] = staticmethod(answer_rows)

    def __init__(self, memory: SectionMemory) -> None:
        """Work on a network."""
        self.memory = memory

    @classmethod
    def of(cls, state: NetworkState) -> SectionComputation:
        """Bring a checked state to memory."""
        return cls(SectionMemory(state))

    def with_memory(self, memory: SectionMemory) -> SectionComputation:
        """Return the same for another network."""
        return SectionComputation(memory)

    @property
    def parts(self) -> int:
        """Number of blocks, each of which one thread computes."""
        return self.memory.blocks

    def plan(self, rows: Rows) -> segments.Plan[Records]:
        """Return where the rows of a task lie."""
        return segments.plan(rows, self.memory.inputs, self.memory.outputs)

    def inputs_of(self, one: segments.OneRow) -> Records:
        """Return where the inputs of a single cycle lie."""
        return one.inputs

    def scratch(self, length: int, threads: int) -> Scratch:
        """Return memory of the training kernel for slices of so many cycles."""
        memory = self.memory
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

    def train(
        self,
        thread: int,
        threads: int,
        sync: Ints,
        net: SectionNet,
        scratch: Scratch,
        inputs: Records,
        outputs: Records,
        job: CycleSpan,
    ) -> int:
        """Run the training kernel in one of some threads; returns its status."""
        return train_rows(thread, threads, sync, net, self.memory.sources, scratch, inputs, outputs, job)

    def answers(self, rows: int) -> Answers:
        """Return memory of the answering kernel for so many cycles."""
        memory = self.memory
        entries, hidden = memory.size + LANES, memory.blocks * WIDTH
        parts = memory.blocks * memory.lanes
        chunk = max(1, min(rows, CHUNK, CHUNK_VALUES // (2 * entries + hidden + parts)))
        return Answers(
            rows=aligned(chunk * entries, np.int32),
            values=aligned(chunk * entries),
            counts=np.zeros(chunk, np.int64),
            hidden=aligned(chunk * hidden),
            partials=aligned(chunk * parts),
            results=aligned(rows * memory.lanes),
        )

    def answer_strategy(self, net: SectionNet, inputs: Records) -> AnswerStrategy:
        """Return how inputs are answered: from weights of 8 bits, if the template wants it and they are bytes."""
        if self.memory.settings.precision == "int8":
            taken = snapshot.take(net, self.memory.size, inputs)
            if taken is not None:
                return AnswerStrategy(answer_quads, taken, partial(snapshot.answers, taken))
        return AnswerStrategy(self.answer_kernel, net, self.answers)
