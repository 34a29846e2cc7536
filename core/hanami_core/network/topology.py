"""Which hexagon can reach which: neighbours in the hexagonal grid, axons, possible targets.

Horizontal layers are "odd row shifted right" hexagon grids that are stacked with an offset; a hexagon has twelve
sides and side ``s`` lies opposite of side ``11 - s``.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from hanami_core.network.bits import closure, set_of
from hanami_core.network.hops import NONE, hop_counts
from hanami_core.network.template import COORDINATE_LIMIT, Position, Template

__all__ = ["NONE", "SIDES", "WALKED_SIDES", "Topology", "neighbour"]

SIDES = 12
WALKED_SIDES = (9, 3, 1, 4, 11, 5, 2)
"""Sides that growth may leave through: towards +x, both y and both z."""
REMEMBERED = 16
"""Topologies that a process keeps; the largest one takes a megabyte."""

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

# The same as x, y and z, shape (parity of y, side, 3)
_OFFSETS = np.array([[(step[parity], step[2], step[3]) for step in _STEPS] for parity in (0, 1)], np.int64)


def neighbour(position: Position, side: int) -> Position:
    """Return the position behind `side` (0..11) of a hexagon."""
    even, odd, dy, dz = _STEPS[side]
    return Position(position.x + (odd if position.y % 2 else even), position.y + dy, position.z + dz)


class Topology:
    """Neighbours and reachable targets of every hexagon of a checked template."""

    def __init__(self, template: Template) -> None:
        """Take the template; nothing is computed before it is asked for."""
        self.template = template

    @staticmethod
    @lru_cache(maxsize=REMEMBERED)
    def of(template: Template) -> Topology:
        """Return the topology of a template, the same object as long as it is in use.

        The parser, the rule sets and the network all use the topology of a template, so it is computed only once in
        each process.
        """
        return Topology(template)

    @cached_property
    def positions(self) -> npt.NDArray[np.int64]:
        """Coordinates, shape (hexagons, 3)."""
        return np.array(self.template.hexagons, np.int64).reshape(-1, 3)

    @cached_property
    def neighbours(self) -> npt.NDArray[np.int64]:
        """For each hexagon its neighbour's number by side, `NONE` where there is none; shape (hexagons, 12)."""
        beside = _cell(self.positions[:, None, :] + _OFFSETS[self.positions[:, 1] % 2])
        cells = _cell(self.positions)
        order = np.argsort(cells)
        places = np.minimum(np.searchsorted(cells[order], beside), len(cells) - 1)
        return np.where(cells[order][places] == beside, order[places], NONE)

    @cached_property
    def axon_targets(self) -> tuple[int, ...]:
        """For each hexagon, the hexagon where its search for targets starts."""
        targets = list(range(len(self.template.hexagons)))
        for axon in self.template.axons:
            targets[axon.source] = axon.target
        return tuple(targets)

    @cached_property
    def reach(self) -> npt.NDArray[np.bool_]:
        """Whether a hexagon (row) may grow sections in another one (column).

        A walk starts at the axon target and makes up to ``max_connection_distance`` hops over the walked sides. With an
        axon, the start itself counts as reached, and one hop fewer is left. Inputs and the hexagon itself are never
        targets.
        """
        starts = np.array(self.axon_targets)
        own = np.arange(len(starts))
        hops = self.template.settings.max_connection_distance - (starts != own)
        reach: npt.NDArray[np.bool_] = hop_counts(self.positions, self.neighbours)[starts] <= hops[:, None]
        reach[:, [item.hexagon for item in self.template.inputs]] = False
        reach[own, own] = False
        return reach

    @cached_property
    def targets(self) -> tuple[int, ...]:
        """For each hexagon the set of all hexagons in which it may grow sections, see `reach` and `bits`."""
        return _sets(self.reach)

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """For each hexagon the set of all that may grow sections in it."""
        return _sets(np.ascontiguousarray(self.reach.T))

    @cached_property
    def reached(self) -> int:
        """Set of all hexagons that signals of the inputs can reach, over any number of `targets`."""
        inputs = set_of(item.hexagon for item in self.template.inputs)
        return closure(inputs, self.targets) & ~inputs


def _cell(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return a number for each position that no other position has; neighbours of legal ones have one as well."""
    x, y, z = np.moveaxis(positions + 1, -1, 0)
    width = COORDINATE_LIMIT + 2
    return (x * width + y) * width + z  # type: ignore[no-any-return]


def _sets(rows: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    packed = np.packbits(rows, axis=1, bitorder="little")
    return tuple(int.from_bytes(row.tobytes(), "little") for row in packed)
