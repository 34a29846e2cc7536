"""F21 what is not wanted stops soon: work is dealt out in pieces that take a fraction of a second, however heavy."""

from __future__ import annotations

import numpy as np

from hanami_core.compute import Run
from hanami_plugins.host_numba.section_network import ANSWER_WORK
from hanami_plugins.networks_section.schedule import SLICE, slice_length
from tests.plugins.synapse import line, network, rows


def test_a_synapse_training_asks_after_its_first_cycle_whether_to_go_on() -> None:
    live = network(line(3), {"in": 4}, {"out": 2})
    inputs = {"in": np.ones((64, 4), np.float32)}
    steps: list[int] = []

    def step(cycle: int) -> bool:
        steps.append(cycle)
        return False

    live.train(rows(inputs, {"out": np.ones((64, 2), np.float32)}), Run(step))
    live.request(rows(inputs), {"out": np.zeros((64, 2), np.float32)}, Run(step))
    assert steps == [1, 1]


def test_pieces_of_training_and_answering_are_bounded_by_their_work() -> None:
    for work in (1, 1 << 16, 1 << 24, 1 << 28, 1 << 34):
        assert slice_length(work) * work <= max(1 << 25, work)
        assert slice_length(work, ANSWER_WORK) * work <= max(ANSWER_WORK, work)
    assert slice_length(1 << 16, ANSWER_WORK) == SLICE, "an ordinary network is answered as fast as before"
