"""Neighbours, axons and targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.errors import TemplateError
from hanami_core.network import Axon, Input, Output, Position, Settings, Template, Topology, in_a_line
from hanami_core.network.bits import members
from hanami_core.network.topology import NONE, SIDES, WALKED_SIDES, neighbour

POSITIONS = st.builds(Position, *[st.integers(0, 1000)] * 3)

# side: (dx for even y, dx for odd y, dy, dz)
TABLE = {
    0: (-1, 0, -1, -1),
    1: (0, +1, -1, -1),
    2: (0, 0, 0, -1),
    3: (0, +1, -1, 0),
    4: (+1, +1, 0, 0),
    5: (0, +1, +1, 0),
    6: (-1, 0, -1, 0),
    7: (-1, -1, 0, 0),
    8: (-1, 0, +1, 0),
    9: (0, 0, 0, +1),
    10: (-1, 0, +1, +1),
    11: (0, +1, +1, +1),
}


def topology(
    hexagons: list[tuple[int, int, int]],
    distance: int = 1,
    axons: tuple[Axon, ...] = (),
    inputs: tuple[int, ...] = (0,),
) -> Topology:
    """Return the topology of a template whose last hexagon is the output."""
    return Topology(
        Template(
            Settings(max_connection_distance=distance),
            tuple(Position(*hexagon) for hexagon in hexagons),
            tuple(Input(f"input_{hexagon}", hexagon) for hexagon in inputs),
            (Output("output", len(hexagons) - 1),),
            axons,
        )
    )


def targets_of(found: Topology, hexagon: int) -> frozenset[int]:
    return frozenset(members(found.targets[hexagon]))


def sets(found: Topology) -> list[frozenset[int]]:
    """Return the targets of all hexagons."""
    return [targets_of(found, hexagon) for hexagon in range(len(found.template.hexagons))]


LINE = [(x, 1, 1) for x in range(8)]


@pytest.mark.parametrize("side", range(SIDES))
@pytest.mark.parametrize("y", [4, 5])
def test_the_neighbour_table(side: int, y: int) -> None:
    even, odd, dy, dz = TABLE[side]
    assert neighbour(Position(7, y, 3), side) == (7 + (odd if y % 2 else even), y + dy, 3 + dz)


@given(POSITIONS, st.integers(0, SIDES - 1))
def test_the_opposite_side_leads_back(position: Position, side: int) -> None:
    assert neighbour(neighbour(position, side), SIDES - 1 - side) == position


@given(POSITIONS)
def test_twelve_different_neighbours(position: Position) -> None:
    found = {neighbour(position, side) for side in range(SIDES)}
    assert len(found) == SIDES
    assert position not in found


def test_the_walk_leads_through_seven_sides() -> None:
    assert WALKED_SIDES == (9, 3, 1, 4, 11, 5, 2)


@given(st.sets(st.builds(Position, *[st.integers(0, 3)] * 3), min_size=2, max_size=20))
def test_neighbours_know_each_other(positions: set[Position]) -> None:
    found = topology([tuple(position) for position in sorted(positions)])  # type: ignore[misc]
    for hexagon, neighbours in enumerate(found.neighbours):
        for side, other in enumerate(neighbours):
            if other != NONE:
                assert found.neighbours[other][SIDES - 1 - side] == hexagon
                assert found.template.hexagons[other] == neighbour(found.template.hexagons[hexagon], side)


# -- targets -----------------------------------------------------------------------------------------------------------


def test_the_end_of_a_line_has_no_target() -> None:
    assert targets_of(topology(LINE, 5), 7) == frozenset()


@pytest.mark.parametrize("distance", [1, 2, 3, 20])
def test_a_walk_makes_up_to_as_many_hops_as_the_distance(distance: int) -> None:
    found = topology(LINE, distance)
    for hexagon in range(len(LINE)):
        last = min(hexagon + distance, len(LINE) - 1)
        assert targets_of(found, hexagon) == set(range(hexagon + 1, last + 1))


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_an_axon_takes_one_hop(distance: int) -> None:
    found = topology(LINE, distance, (Axon(0, 4),))
    assert found.axon_targets == (4, 1, 2, 3, 4, 5, 6, 7)
    assert targets_of(found, 0) == set(range(4, 4 + distance))
    assert targets_of(found, 1) == set(range(2, 2 + distance))


def test_the_example_of_the_reference() -> None:
    found = topology([(1, 1, 1), (3, 1, 1), (4, 1, 1)], axons=(Axon(0, 1),))
    assert sets(found) == [{1}, {2}, set()]


def test_inputs_are_walked_through_but_never_targets() -> None:
    found = topology(LINE, 3, inputs=(0, 2))
    assert targets_of(found, 0) == {1, 3}
    assert targets_of(found, 1) == {3, 4}


def test_a_hexagon_never_is_its_own_target() -> None:
    """Sides 2 and 9 are opposite, so a walk can come back."""
    found = topology([(1, 1, 0), (1, 1, 1), (1, 1, 2), (1, 1, 3)], 5)
    assert sets(found) == [{1, 2, 3}, {2, 3}, {1, 3}, {1, 2}]


def test_an_axon_back_does_not_lead_to_the_source() -> None:
    assert targets_of(topology(LINE, 5, (Axon(4, 2),)), 4) == {2, 3, 5, 6}


def test_growth_flows_to_the_right() -> None:
    """On a flat layer the walk never reaches a smaller x of the same row."""
    layer = [(x, y, 0) for x in range(5) for y in range(3)]
    found = topology(layer, 3)
    for hexagon, targets in enumerate(sets(found)):
        x, y, _ = layer[hexagon]
        assert all(layer[target][0] >= x for target in targets if layer[target][1] == y)


def test_a_gap_is_not_jumped() -> None:
    assert sets(topology([(0, 1, 1), (1, 1, 1), (3, 1, 1)], 10)) == [{1}, set(), set()]


@given(st.integers(1, 12), st.integers(1, 12))
def test_a_line_connects_all_inputs_with_all_outputs_over_one_hexagon(inputs: int, outputs: int) -> None:
    template = in_a_line([f"in{n}" for n in range(inputs)], [f"out{n}" for n in range(outputs)])
    targets = sets(Topology(template))
    hidden = inputs
    assert all(hidden in targets[item.hexagon] for item in template.inputs)
    assert targets[hidden] == {output.hexagon for output in template.outputs}


def test_a_line_of_two_names_is_the_template_of_the_guide() -> None:
    template = in_a_line(["picture_hex"], ["label_hex"])
    assert template.hexagons == (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1))
    assert template.settings == Settings()
    assert template.axons == ()


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        ([], ["a"], "at least one input and one output"),
        (["a"], [], "at least one input and one output"),
        (["a"], ["a"], "used by 2"),
        (["a", "a"], ["b"], "used by 2"),
        ([""], ["b"], "is empty"),
        (["a"], ["ö" * 128], "longer than 254"),
        (["a"], [str(n) for n in range(999)], "at most 1000 hexagons"),
        ([str(n) for n in range(2000)], ["a"], "at most 1000 hexagons"),
    ],
)
def test_names_that_make_no_line(inputs: list[str], outputs: list[str], reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        in_a_line(inputs, outputs)
