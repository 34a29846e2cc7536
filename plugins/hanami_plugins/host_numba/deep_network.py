"""A deep section network at work. One thread trains, requests are split over all threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba import segments
from hanami_plugins.host_numba.deep_kernels import answer_deep, train_deep
from hanami_plugins.host_numba.section_network import SectionNetwork
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


class DeepNetwork(SectionNetwork):
    """A network of several hidden hexagons."""

    _answer_kernel: Any = staticmethod(answer_deep)
    _memory: DeepMemory

    def _load(self, state: NetworkState) -> DeepMemory:
        return DeepMemory(state)

    def _one_table(self) -> DeepInputs:  # type: ignore[override]
        inputs = self._memory.inputs
        return _inputs([self._one.segments(list(chosen(part.inputs, inputs))) for part in self._memory.hexagons])

    def _plan(self, rows: Rows) -> segments.Plan[DeepInputs]:
        """Return a plan whose inputs are those of each hexagon."""
        memory = self._memory
        plan = segments.plan(rows, memory.inputs, memory.outputs)
        plans = []
        for hexagon in memory.hexagons:
            sizes = chosen(hexagon.inputs, memory.inputs)
            # In template order, so that the order of a task's columns does not decide how sums are rounded.
            columns = sorted((c for c in rows.inputs if c.name in sizes), key=lambda c: hexagon.inputs.index(c.name))
            plans.append(segments.plan(Rows(tuple(columns), (), rows.time_length), sizes, {}))
        arrays = tuple(array for part in (plan, *plans) for array in part.arrays)
        return segments.Plan(_inputs([part.inputs for part in plans]), plan.outputs, arrays, plan.weights)

    def _scratch(self, length: int, threads: int) -> DeepScratch:  # type: ignore[override]
        net, hexagons = self._memory.net, len(self._memory.hexagons)
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

    def _answers(self, rows: int) -> DeepAnswers:  # type: ignore[override]
        net, hexagons = self._memory.net, len(self._memory.hexagons)
        found = net.places["entries"]
        entries = int((found["end"] - found["begin"]).max())
        return DeepAnswers(
            rows=aligned(entries, np.int32),
            values=aligned(entries),
            hidden=aligned(min(rows, BATCH) * net.bias.size),
            partials=aligned(2 * hexagons * net.readout_bias.size),
            results=aligned(rows * net.readout_bias.size),
        )

    def _train_cycles(self, scratch: Any, sync: Ints, plan: segments.Plan[Any], job: CycleSpan) -> tuple[int, int]:
        memory = self._memory
        return 1, train_deep(memory.net, memory.sources, scratch, plan.inputs, plan.outputs, job)

    def _train_single(self, net: Any, rate: float) -> int:
        assert isinstance(net, DeepNet)
        job = CycleSpan(0, 1, 1, 1, np.float32(rate), np.float32(rate), segments.NO_WEIGHTS)
        scratch: Any = self._one_scratch
        return train_deep(net, self._memory.sources, scratch, self._one_inputs, self._one.outputs, job)


def _inputs(parts: list[Records]) -> DeepInputs:
    """Return the inputs of hexagons as the kernels take them."""
    return DeepInputs(np.concatenate(parts), np.cumsum([0, *map(len, parts)], dtype=np.int64))
