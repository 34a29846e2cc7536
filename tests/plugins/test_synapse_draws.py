"""Many random walks at once end where each of them ends alone."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.network import Template, Topology
from hanami_core.network.topology import NONE, WALKED_SIDES
from hanami_plugins.networks_synapse import draws
from hanami_plugins.networks_synapse.synapse_layout import ENTRIES, FOR_TARGETS
from tests.templates import SHAPES, reference, templates, whole


def walk(topology: Topology, hexagon: int, draw: int) -> int:
    """Return the end of one walk."""
    current = topology.axon_targets[hexagon]
    for _ in range(topology.template.settings.max_connection_distance - (current != hexagon)):
        draw = draws.scramble(draw)
        if current != hexagon and draw & 1:
            break
        draw = draws.scramble(draw)
        first = draw % len(WALKED_SIDES)
        beside = [topology.neighbours[current][side] for side in WALKED_SIDES[first:] + WALKED_SIDES[:first]]
        current = next((neighbour for neighbour in beside if neighbour != NONE), current)
    return current


def target_list(template: Template, seed: int, hexagon: int) -> list[int]:
    """Return the list of one hexagon."""
    topology, targets = Topology(template), reference(template)[hexagon]
    if not targets or hexagon in {item.hexagon for item in template.outputs}:
        return [draws.NONE] * ENTRIES
    key = draws.keys(seed)[FOR_TARGETS]
    numbers = range(ENTRIES * draws.ATTEMPTS)
    ends = (walk(topology, hexagon, draws.derive(key, hexagon, number)) for number in numbers)
    found = [end for end in ends if end in targets][:ENTRIES] or [min(targets)]
    return [found[number % len(found)] for number in range(ENTRIES)]


@given(templates(), st.integers(0, 2**63 - 1), st.data())
@settings(max_examples=60, deadline=None)
def test_lists_are_those_of_walks_one_by_one(template: Template, seed: int, data: st.DataObject) -> None:
    hexagon = data.draw(st.integers(0, len(template.hexagons) - 1))
    lists = draws.target_lists(template, seed)
    assert (lists.dtype, lists.shape) == (np.int32, (len(template.hexagons), ENTRIES))
    assert lists[hexagon].tolist() == target_list(template, seed, hexagon)


@pytest.mark.parametrize("shape", SHAPES)
def test_lists_of_a_large_template_take_no_second(shape: str) -> None:
    template = whole(SHAPES[shape]())
    begin = time.process_time()
    draws.target_lists(template, 1)
    assert time.process_time() - begin < 1
