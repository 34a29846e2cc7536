"""Random numbers without a state: each is a function of the cluster's seed and of what it is drawn for.

So it does not matter when, where or by which thread a number is drawn. Plain Python; `growth` holds the compiled twins.
"""

from __future__ import annotations

import numpy as np

from hanami_core.network import Template, Topology
from hanami_core.network.topology import WALKED_SIDES
from hanami_plugins.host_numba.synapse.layout import ENTRIES, FOR_TARGETS, NONE, PURPOSES, Ints32

ATTEMPTS = 16
"""Walks for an entry of a list before it stays empty."""
_WORD = 0xFFFFFFFF


def scramble(x: int) -> int:
    """Return the hash H of 32 bits (PCG-RXS-M-XS, O'Neill 2014)."""
    state = (x * 747796405 + 2891336453) & _WORD
    word = (((state >> ((state >> 28) + 4)) ^ state) * 277803737) & _WORD
    return (word >> 22) ^ word


def derive(key: int, *words: int) -> int:
    """Return a number that belongs to a key and some words."""
    for word in words:
        key = scramble(key ^ (word & _WORD))
    return key


def keys(seed: int) -> list[int]:
    """Return the key of each purpose for a cluster's seed; 64 bits of it count."""
    return [derive(0, seed, seed >> 32, purpose) for purpose in range(PURPOSES)]


def synapse(s: int) -> tuple[int, int, np.float32]:
    """Return the next state, a target neuron and a weight in (-0.2, 0.2) for a new synapse."""
    first = scramble(s)
    second = scramble(first)
    third = scramble(second)
    magnitude = np.float32(second) * np.float32(2.0**-31) / np.float32(10)
    return third, first % 128, -magnitude if third % 1000 < 500 else magnitude


def target_lists(template: Template, seed: int) -> Ints32:
    """Return for each hexagon the hexagons that its sections may go to, shape (hexagons, `ENTRIES`).

    Every entry is the end of a random walk of up to ``max_connection_distance`` hops that stops after each with a
    chance of one half. A hexagon from which no walk ends at a possible target has a list of `NONE`.
    """
    topology = Topology(template)
    key = keys(seed)[FOR_TARGETS]
    outputs = {item.hexagon for item in template.outputs}
    lists = np.full((len(template.hexagons), ENTRIES), NONE, np.int32)
    for hexagon, targets in enumerate(topology.targets):
        if hexagon in outputs or not targets:
            continue
        ends = (_walk(topology, hexagon, derive(key, hexagon, number)) for number in range(ENTRIES * ATTEMPTS))
        found = [end for end in ends if end in targets][:ENTRIES] or [min(targets)]
        lists[hexagon] = np.resize(np.array(found, np.int32), ENTRIES)
    return lists


def _walk(topology: Topology, hexagon: int, draw: int) -> int:
    current = topology.axon_targets[hexagon]
    hops = topology.template.settings.max_connection_distance - (current != hexagon)
    for _ in range(hops):
        draw = scramble(draw)
        if current != hexagon and draw & 1:
            break
        draw = scramble(draw)
        first = draw % len(WALKED_SIDES)
        sides = WALKED_SIDES[first:] + WALKED_SIDES[:first]
        neighbours = [topology.neighbours[current][side] for side in sides]
        current = next((neighbour for neighbour in neighbours if neighbour is not None), current)
    return current
