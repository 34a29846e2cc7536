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
    ENTRIES,
    PLACE,
    SEGMENT,
    CycleSpan,
    DeepAnswers,
    DeepMemory,
    DeepNet,
    DeepScratch,
    Ints,
    aligned,
    chosen,
)


class DeepNetwork(SectionNetwork):
    """A network of several hidden hexagons."""

    _answer_kernel: Any = staticmethod(answer_deep)
    _memory: DeepMemory

    def _load(self, state: NetworkState) -> DeepMemory:
        return DeepMemory(state)

    def _one_table(self) -> Ints:
        inputs = self._memory.inputs
        return _table([self._one.segments(list(chosen(part.inputs, inputs))) for part in self._memory.hexagons])

    def _plan(self, rows: Rows) -> segments.Plan:
        """Return a plan whose inputs are a table for each hexagon, preceded by the places of these tables."""
        memory = self._memory
        plan = segments.plan(rows, memory.inputs, memory.outputs)
        plans = []
        for hexagon in memory.hexagons:
            sizes = chosen(hexagon.inputs, memory.inputs)
            # In template order, so that the order of a task's columns does not decide how sums are rounded.
            columns = sorted((c for c in rows.inputs if c.name in sizes), key=lambda c: hexagon.inputs.index(c.name))
            plans.append(segments.plan(Rows(tuple(columns), (), rows.time_length), sizes, {}))
        tables = [[tuple(segment) for segment in part.inputs.reshape(-1, SEGMENT).tolist()] for part in plans]
        arrays = tuple(array for part in (plan, *plans) for array in part.arrays)
        return segments.Plan(_table(tables), plan.outputs, arrays, plan.weights)

    def _scratch(self, length: int, threads: int) -> DeepScratch:  # type: ignore[override]
        net, hexagons = self._memory.net, len(self._memory.hexagons)
        entries = int(net.places[-PLACE + ENTRIES + 1])
        return DeepScratch(
            rows=aligned(entries, np.int32),
            values=aligned(entries),
            counts=np.zeros(2 * hexagons, np.int64),
            hidden=aligned(net.bias.size),
            gradient=aligned(net.bias.size),
            partials=aligned(2 * hexagons * net.readout_bias.size),
            deltas=aligned(net.readout_bias.size),
            status=np.zeros(2, np.int64),
        )

    def _answers(self, rows: int) -> DeepAnswers:  # type: ignore[override]
        net, hexagons = self._memory.net, len(self._memory.hexagons)
        places = net.places.reshape(hexagons, PLACE)
        entries = int((places[:, ENTRIES + 1] - places[:, ENTRIES]).max())
        return DeepAnswers(
            rows=aligned(entries, np.int32),
            values=aligned(entries),
            hidden=aligned(min(rows, BATCH) * net.bias.size),
            partials=aligned(2 * hexagons * net.readout_bias.size),
            results=aligned(rows * net.readout_bias.size),
        )

    def _train_cycles(self, scratch: Any, sync: Ints, plan: segments.Plan, job: CycleSpan) -> tuple[int, int]:
        memory = self._memory
        return 1, train_deep(memory.net, memory.sources, scratch, plan.inputs, plan.outputs, job)

    def _train_single(self, net: Any, rate: float) -> int:
        assert isinstance(net, DeepNet)
        job = CycleSpan(0, 1, 1, 1, np.float32(rate), np.float32(rate), segments.NO_WEIGHTS)
        scratch: Any = self._one_scratch
        return train_deep(net, self._memory.sources, scratch, self._one_inputs, self._one.outputs, job)


def _table(parts: list[list[tuple[int, ...]]]) -> Ints:
    """Return tables one after the other, preceded by where each begins and the last one ends."""
    begin, places = len(parts) + 1, []
    for part in parts:
        places.append(begin)
        begin += SEGMENT * len(part)
    numbers = [number for part in parts for segment in part for number in segment]
    return np.array([*places, begin, *numbers], np.int64)
