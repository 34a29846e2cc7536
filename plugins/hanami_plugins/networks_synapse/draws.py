"""Random numbers without a state: each is a function of the cluster's seed and of what it is drawn for.

So it does not matter when, where or by which thread a number is drawn. Plain Python; hosts have compiled twins.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hanami_core.network import Template, Topology
from hanami_core.network.topology import WALKED_SIDES
from hanami_plugins.networks_section import initial
from hanami_plugins.networks_synapse.synapse_layout import ENTRIES, FOR_TARGETS, NONE, PURPOSES, Ints32

Ints = npt.NDArray[np.int64]

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
    topology = Topology.of(template)
    lists = np.full((len(template.hexagons), ENTRIES), NONE, np.int32)
    growing = np.array(topology.reach.any(axis=1))
    growing[[item.hexagon for item in template.outputs]] = False
    for hexagon, found in _ends(topology, np.flatnonzero(growing), keys(seed)[FOR_TARGETS]).items():
        targets = found[:ENTRIES] if found.size else np.flatnonzero(topology.reach[hexagon])[:1]
        lists[hexagon] = np.resize(targets, ENTRIES)
    return lists


def _ends(topology: Topology, hexagons: Ints, key: int) -> dict[int, Ints]:
    """Return for each hexagon at least `ENTRIES` ends of walks that are targets, or all that many attempts find."""
    found = {int(hexagon): np.zeros(0, np.int64) for hexagon in hexagons}
    walks = _Walks(topology)
    for first in range(0, ENTRIES * ATTEMPTS, ENTRIES):
        waiting = np.array([hexagon for hexagon, ends in found.items() if ends.size < ENTRIES], np.int64)
        if not waiting.size:
            break
        words = (waiting[:, None].astype(np.uint32), np.arange(first, first + ENTRIES, dtype=np.uint32))
        draws = initial.mix(initial.mix(np.uint32(key) ^ words[0]) ^ words[1])
        ends = walks.ends(np.repeat(waiting, ENTRIES), draws.reshape(-1)).reshape(-1, ENTRIES)
        for hexagon, row, good in zip(waiting, ends, topology.reach[waiting[:, None], ends], strict=True):
            found[int(hexagon)] = np.concatenate([found[int(hexagon)], row[good]])
    return found


class _Walks:
    """Random walks from hexagon to hexagon, many at a time."""

    def __init__(self, topology: Topology) -> None:
        """Find out where a walk goes on from each hexagon, by the side that it tries first."""
        sides = topology.neighbours[:, WALKED_SIDES]
        around = np.arange(len(WALKED_SIDES))
        # Sides in the order of a walk that begins with each of them, shape (hexagons, first side, order)
        turned = sides[:, (around[:, None] + around) % len(WALKED_SIDES)]
        nearest = (turned != NONE).argmax(axis=2)
        onwards = np.take_along_axis(turned, nearest[:, :, None], axis=2)[:, :, 0]
        self._dead_ends = (sides == NONE).all(axis=1)
        self._onwards = np.where(onwards == NONE, np.arange(len(sides))[:, None], onwards)
        self._starts = np.array(topology.axon_targets)
        self._distance = topology.template.settings.max_connection_distance

    def ends(self, hexagons: Ints, draws: npt.NDArray[np.uint32]) -> Ints:
        """Return where walks of some hexagons end, each with a random number of its own."""
        current = self._starts[hexagons]
        hops = self._distance - (current != hexagons)
        walking = np.flatnonzero(hops > 0)
        done = 0
        while walking.size:
            draws[walking] = initial.mix(draws[walking])
            stops = (current[walking] != hexagons[walking]) & (draws[walking] & np.uint32(1) > 0)
            walking = walking[~(stops | self._dead_ends[current[walking]])]
            draws[walking] = initial.mix(draws[walking])
            current[walking] = self._onwards[current[walking], draws[walking] % np.uint32(len(WALKED_SIDES))]
            done += 1
            walking = walking[hops[walking] > done]
        return current
