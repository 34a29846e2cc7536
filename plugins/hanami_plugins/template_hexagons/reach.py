"""Where signals of the inputs can arrive."""

from __future__ import annotations

import heapq

from hanami_core.network import Topology
from hanami_core.network.topology import WALKED_SIDES


def reachable(topology: Topology) -> set[int]:
    """Return all hexagons that are reached from an input over any number of `Topology.targets`.

    The targets of all hexagons together can be the square of their number, so they are not built: all walks are made
    at once, and a hexagon is looked at again only by a walk that has more hops left than any before.
    """
    inputs = {item.hexagon for item in topology.template.inputs}
    hops_left: dict[int, int] = {}
    reached: set[int] = set()
    walks = [_start(topology, hexagon) for hexagon in inputs]
    heapq.heapify(walks)
    while walks:
        missing, hexagon = heapq.heappop(walks)
        if hexagon not in inputs and hexagon not in reached:
            reached.add(hexagon)
            heapq.heappush(walks, _start(topology, hexagon))
        if -missing > hops_left.get(hexagon, 0):
            hops_left[hexagon] = -missing
            sides = topology.neighbours[hexagon]
            for beside in (sides[side] for side in WALKED_SIDES):
                if beside is not None:
                    heapq.heappush(walks, (missing + 1, beside))
    return reached


def _start(topology: Topology, hexagon: int) -> tuple[int, int]:
    """Return a new walk: its hops, negative so that the longest is the first of a heap, and where it stands."""
    start = topology.axon_targets[hexagon]
    return (start != hexagon) - topology.template.settings.max_connection_distance, start
