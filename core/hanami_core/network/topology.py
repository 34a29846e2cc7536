"""Which hexagon can reach which: neighbours in the hexagonal grid, axons, possible targets.

Horizontal layers are "odd row shifted right" hexagon grids that are stacked with an offset; a hexagon has twelve
sides and side ``s`` lies opposite of side ``11 - s``.
"""

from __future__ import annotations

from functools import cached_property

from hanami_core.network.template import Position, Template

SIDES = 12
WALKED_SIDES = (9, 3, 1, 4, 11, 5, 2)
"""Sides that growth may leave through: towards +x, both y and both z."""

# (dx for even y, dx for odd y, dy, dz) of each side
_STEPS = (
    (-1, 0, -1, -1),
    (0, 1, -1, -1),
    (0, 0, 0, -1),
    (0, 1, -1, 0),
    (1, 1, 0, 0),
    (0, 1, 1, 0),
    (-1, 0, -1, 0),
    (-1, -1, 0, 0),
    (-1, 0, 1, 0),
    (0, 0, 0, 1),
    (-1, 0, 1, 1),
    (0, 1, 1, 1),
)


def neighbour(position: Position, side: int) -> Position:
    """Return the position behind `side` (0..11) of a hexagon."""
    even, odd, dy, dz = _STEPS[side]
    return Position(position.x + (odd if position.y % 2 else even), position.y + dy, position.z + dz)


class Topology:
    """Neighbours and reachable targets of every hexagon of a template."""

    def __init__(self, template: Template) -> None:
        """Index the template; nothing is computed before it is asked for."""
        self.template = template
        self._index = {position: i for i, position in enumerate(template.hexagons)}

    @cached_property
    def neighbours(self) -> tuple[tuple[int | None, ...], ...]:
        """For each hexagon its neighbour's index by side, None where there is none."""
        return tuple(
            tuple(self._index.get(neighbour(position, side)) for side in range(SIDES))
            for position in self.template.hexagons
        )

    @cached_property
    def axon_targets(self) -> tuple[int, ...]:
        """For each hexagon the one where its search for targets starts."""
        targets = list(range(len(self.template.hexagons)))
        for axon in self.template.axons:
            targets[axon.source] = axon.target
        return tuple(targets)

    @cached_property
    def targets(self) -> tuple[frozenset[int], ...]:
        """For each hexagon all hexagons in which it may grow sections.

        A walk starts at the axon target and makes up to ``max_connection_distance`` hops over the walked sides; with
        an axon the start itself counts as reached and one hop less is left. Inputs and the hexagon itself never are
        targets.
        """
        inputs = {item.hexagon for item in self.template.inputs}
        return tuple(
            frozenset(self._reach(hexagon)) - inputs - {hexagon} for hexagon in range(len(self.template.hexagons))
        )

    def _reach(self, hexagon: int) -> set[int]:
        start = self.axon_targets[hexagon]
        hops = self.template.settings.max_connection_distance - (start != hexagon)
        reached = {start}
        edge = {start}
        for _ in range(hops):
            edge = {n for h in edge for side in WALKED_SIDES if (n := self.neighbours[h][side]) is not None} - reached
            if not edge:
                break
            reached |= edge
        return reached
