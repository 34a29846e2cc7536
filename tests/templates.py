"""Templates of all shapes, and what there is to know about them, worked out the slow and readable way."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from hanami_core.network import Axon, Input, Output, Position, Settings, Template, Topology
from hanami_core.network.bits import members
from hanami_core.network.template import MAX_HEXAGONS
from hanami_core.network.topology import WALKED_SIDES, neighbour


def reference(template: Template) -> list[set[int]]:
    """Return the targets of each hexagon by a search from each, straight from what `Topology.reach` promises."""
    index = {position: number for number, position in enumerate(template.hexagons)}
    starts = dict(enumerate(range(len(index)))) | {axon.source: axon.target for axon in template.axons}
    inputs = {item.hexagon for item in template.inputs}
    found = []
    for hexagon, start in sorted(starts.items()):
        reached = edge = {start}
        for _ in range(template.settings.max_connection_distance - (start != hexagon)):
            beside = {neighbour(template.hexagons[h], side) for h in edge for side in WALKED_SIDES}
            edge = {index[position] for position in beside & index.keys()} - reached
            if not edge:
                break
            reached = reached | edge
        found.append(reached - inputs - {hexagon})
    return found


def sets(topology: Topology) -> list[set[int]]:
    return [set(members(targets)) for targets in topology.targets]


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Return any legal template in a small box, connected or not, with cells far away from the origin as well."""
    width, depth, height = draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)))
    x, y, z = (draw(st.sampled_from([0, 1, (1 << 20) - 7])) for _ in range(3))
    cells = st.tuples(st.integers(x, x + width - 1), st.integers(y, y + depth - 1), st.integers(z, z + height - 1))
    hexagons = draw(st.lists(cells, min_size=2, max_size=60, unique=True).filter(lambda found: len(found) > 1))
    count = len(hexagons)
    ports = draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=5, unique=True))
    inputs = draw(st.integers(1, len(ports) - 1))
    axons = draw(st.dictionaries(st.integers(0, count - 1), st.integers(0, count - 1), max_size=4))
    template = Template(
        Settings(max_connection_distance=draw(st.one_of(st.integers(1, 6), st.integers(1, 1000)))),
        tuple(Position(*cell) for cell in hexagons),
        tuple(Input(f"in{port}", port) for port in ports[:inputs]),
        tuple(Output(f"out{port}", port) for port in ports[inputs:]),
        tuple(Axon(source, target) for source, target in axons.items() if source != target),
    )
    template.check()
    return template


def whole(cells: list[tuple[int, int, int]], distance: int = 1000) -> Template:
    """Return a template of some hexagons; the first one is the input, the last one the output."""
    hexagons = tuple(Position(*cell) for cell in cells)
    options = Settings(max_connection_distance=distance)
    return Template(options, hexagons, (Input("in", 0),), (Output("out", len(hexagons) - 1),))


SHAPES: dict[str, Callable[[], list[tuple[int, int, int]]]] = {
    "grid of 31 x 31": lambda: [(x, y, 0) for x in range(31) for y in range(31)],
    "line": lambda: [(x, 1, 1) for x in range(MAX_HEXAGONS)],
    "two lines": lambda: [(x, y, 1) for x in range(MAX_HEXAGONS // 2) for y in (0, 1)],
    "four lines": lambda: [(x, y, z) for x in range(MAX_HEXAGONS // 4) for y in (0, 1) for z in (0, 1)],
    "stairs": lambda: [cell for x in range(MAX_HEXAGONS // 2) for cell in ((x, 1, x), (x, 1, x + 1))],
    "stack": lambda: [(1, 1, z) for z in range(MAX_HEXAGONS)],
    "four stacks": lambda: [(x, y, z) for x in (0, 1) for y in (0, 1) for z in range(MAX_HEXAGONS // 4)],
    "wall": lambda: [(1, y, z) for y in range(31) for z in range(31)],
    "cube": lambda: [(x, y, z) for x in range(10) for y in range(10) for z in range(10)],
}
