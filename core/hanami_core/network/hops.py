"""How many hops a walk needs from each hexagon to each other one.

Growth leaves a hexagon through seven of its sides, and none of them leads back: with ``2 x + y mod 2`` as the *level*
of a hexagon, sides 1, 3, 5 and 11 lead one level up, side 4 two, and sides 2 and 9, below and above, stay in the level.
So the levels are done from the highest one down, each from those above it that are done already, and within a level
only hops up and down a *stack* of hexagons are left. The work is a few passes over a table of all pairs, whatever the
shape of the template; a breadth-first search from every hexagon takes fifty times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint16]

NONE = -1
"""Stands for a neighbour that is not there."""
FAR = 0x7000
"""Least number that stands for "never"; hops that are added to it do not overflow."""

BELOW = 2
ONWARDS = (1, 3, 4, 5, 11)
"""Walked sides that lead to a higher level."""


class _Order(NamedTuple):
    """In which order hexagons are done. Hexagons of one level and one height in their stacks are *rungs*, side by side.

    Attributes:
        hexagons: hexagon of each row: by level from the highest down, in it by height, in that the tallest stacks
            first. So the hexagons above the first n of a rung are the first of the next rung.
        levels: first row of each level, and the number of rows.
        rungs: first row of each rung, and the number of rows.
    """

    hexagons: Ints
    levels: list[int]
    rungs: list[int]


def hop_counts(positions: Ints, neighbours: Ints) -> Counts:
    """Return the least number of hops over the walked sides from each hexagon (row) to each (column).

    Args:
        positions: x, y and z of each hexagon.
        neighbours: for each hexagon the number of its neighbour by side, or `NONE`.

    Returns:
        A square table; `FAR` or more where no walk leads.
    """
    count = len(positions)
    order = _order(positions, neighbours[:, BELOW])
    row_of = np.empty(count + 1, np.int64)
    row_of[order.hexagons] = np.arange(count)
    row_of[NONE] = count  # the row below the table stands for neighbours that are not there
    onwards = row_of[neighbours[order.hexagons][:, ONWARDS]]
    table = np.full((count + 1, count), FAR, np.uint16)
    _fill(table, order, onwards)
    return table[row_of[:count]]


def _order(positions: Ints, below: Ints) -> _Order:
    x, y, z = positions.T
    level = 2 * x + y % 2
    # Hexagons of a stack come one after the other here; each stack begins where nothing is below.
    stacked = np.lexsort((z, y, x))
    begins = below[stacked] == NONE
    stack = np.cumsum(begins) - 1
    height, size, number = np.empty((3, len(positions)), np.int64)
    height[stacked] = np.arange(len(stacked)) - np.flatnonzero(begins)[stack]
    size[stacked], number[stacked] = np.bincount(stack)[stack], stack
    hexagons = np.lexsort((number, -size, height, -level))
    new_level = np.diff(level[hexagons], prepend=-1) != 0
    new_rung = new_level | (np.diff(height[hexagons], prepend=-1) != 0)
    ends = [len(hexagons)]
    return _Order(hexagons, np.flatnonzero(new_level).tolist() + ends, np.flatnonzero(new_rung).tolist() + ends)


def _fill(table: Counts, order: _Order, onwards: Ints) -> None:
    spare = np.empty_like(table)
    cells = table.reshape(-1)
    own = np.arange(len(order.hexagons)) * table.shape[1] + order.hexagons
    leads = np.logical_or.reduceat(onwards < len(onwards), order.levels[:-1], axis=0)
    columns = list(np.ascontiguousarray(onwards.T))
    rung = 0
    for first, end, sides in zip(order.levels, order.levels[1:], leads.tolist(), strict=False):
        beside = [column[first:end] for column, used in zip(columns, sides, strict=True) if used]
        _step_onwards(table, table[first:end], beside, spare)
        cells[own[first:end]] = 0
        last = order.rungs.index(end, rung)
        if last - rung > 1:
            _step_up_and_down(table, order.rungs[rung : last + 1], spare)
        rung = last


def _step_onwards(table: Counts, rows: Counts, beside: list[Ints], spare: Counts) -> None:
    """Fill the rows of a level from rows of higher levels, which are those of its neighbours on each side."""
    for number, above in enumerate(beside):
        if number == 0:
            table.take(above, axis=0, out=rows, mode="clip")
        else:
            np.minimum(rows, table.take(above, axis=0, out=spare[: len(above)], mode="clip"), out=rows)
    if beside:
        rows += 1


def _step_up_and_down(table: Counts, rungs: list[int], spare: Counts) -> None:
    """Let walks go on within the stacks of a level: from rung to rung upwards, then downwards."""
    steps = list(zip(rungs, rungs[1:], rungs[2:], strict=False))
    for lower, upper, end in steps:
        _spread(table[lower : lower + end - upper], table[upper:end], spare)
    for lower, upper, end in reversed(steps):
        _spread(table[upper:end], table[lower : lower + end - upper], spare)


def _spread(source: Counts, target: Counts, spare: Counts) -> None:
    other = np.add(source, 1, out=spare[: len(source)])
    np.minimum(target, other, out=target)
