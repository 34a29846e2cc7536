"""The reference implementation against known vectors, and the kernels against the reference."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hanami_core.network import Axon, Input, Output, Position, Settings, Template, Topology
from hanami_plugins.networks_synapse import arithmetic, draws
from hanami_plugins.networks_synapse.synapse_layout import MATCH, PLAIN
from hanami_plugins.networks_synapse.synapse_reference import Section
from tests.lengths import choose
from tests.plugins.synapse import Pair, line

pytestmark = pytest.mark.slow

HASHES = {0: 129708002, 1: 2831084092, 42: 1223963391, 12345: 4099845390, 2**32 - 1: 3861530882}


@pytest.mark.parametrize("x", HASHES)
def test_hash(x: int) -> None:
    assert draws.scramble(x) == HASHES[x]


def test_a_section_grows_as_specified() -> None:
    state, targets = 42, []

    def weights() -> Iterator[np.float32]:
        nonlocal state
        while True:
            state, target, weight = draws.synapse(state)
            targets.append(target)
            yield weight

    section, source = Section((0, 0), PLAIN, 0), weights()
    steps = [
        (100, [(100, 0.129701)], 0.49, [0.129701]),
        (250, [(100, 0.129701), (150, 0.170860)], 0.49, [0.129701, 0.170860]),
        (60, [(66.6667, 0.086467), (150, 0.170860)], 0.408333, [0.077821, 0]),
        (60, [(44.4444, 0.057645), (150, 0.170860)], 0.340278, [0.057645, 0.017719]),
        (60, [(44.4444, 0.057645), (150, 0.170860)], 0.340278, [0.057645, 0.017719]),
        (60, [(44.4444, 0.057645), (150, 0.170860)], 0.340278, [0.057645, 0.017719]),
        (250, [(44.4444, 0.057645), (150, 0.170860), (55.5556, 0.087071)], 0.340278, [0.057645, 0.170860, 0.087071]),
    ]
    for potential, synapses, tolerance, contributions in steps:
        section.grow(np.float32(potential), source)
        found = [(synapse.border, synapse.weight) for synapse in section.synapses]
        np.testing.assert_allclose(found, synapses, rtol=1e-5)
        assert section.tolerance == pytest.approx(tolerance, rel=1e-5)
        added = section.covered(np.float32(potential)) * [synapse.weight for synapse in section.synapses]
        np.testing.assert_allclose(added, contributions, rtol=1e-4, atol=1e-9)
    assert targets == [127, 53, 27]


def test_a_match_section_learns_values() -> None:
    section = Section((0, 0), MATCH, 0)
    found = []
    for value in (5, 12, 8, 12):
        section.grow(np.float32(value), iter(np.ones(9, np.float32)))
        found.append([float(synapse.border) for synapse in section.synapses])
    assert found == [[5], [5, 12], [5, 8], [5, 8, 12]]


def test_arithmetic() -> None:
    x = np.float32(2.0) ** np.linspace(-20, 60, 4001, dtype=np.float32)
    np.testing.assert_allclose(arithmetic.logarithm(x), np.log2(x.astype(np.float64)), rtol=3e-7, atol=3e-7)
    y = np.linspace(-80, 80, 4001, dtype=np.float32)
    np.testing.assert_allclose(arithmetic.exponential(y), np.exp(y.astype(np.float64)), rtol=3e-7)
    assert arithmetic.sigmoid(np.zeros(1, np.float32))[0] == 0.5


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Hexagons near each other in two layers, most of them connected, with one or two inputs and outputs."""
    places = st.builds(Position, *[st.integers(1, 2)] * 3)
    hexagons = draw(st.lists(places, min_size=3, max_size=6, unique=True).map(tuple))
    order = draw(st.permutations(range(len(hexagons))))
    inputs = order[: 1 if len(hexagons) == 3 else draw(st.integers(1, 2))]
    outputs = order[len(inputs) : len(inputs) + (1 if len(hexagons) < 5 else draw(st.integers(1, 2)))]
    modes, kinds = (
        st.sampled_from(["plain", "plain", "binary", "match"]),
        st.sampled_from(["plain", "bool", "int", "float"]),
    )
    template = Template(
        Settings(
            neuron_cooldown=draw(st.sampled_from([1e9, 1.1, 3.0])),
            refractory_time=draw(st.sampled_from([1, 2, 5])),
            max_connection_distance=draw(st.integers(1, 3)),
            enable_reduction=draw(st.booleans()),
        ),
        hexagons,
        tuple(Input(f"in{hexagon}", hexagon, draw(modes)) for hexagon in inputs),
        tuple(Output(f"out{hexagon}", hexagon, draw(kinds)) for hexagon in outputs),
    )
    return msgspec.structs.replace(template, axons=draw(axons(template)))


@st.composite
def axons(draw: st.DrawFn, template: Template) -> tuple[Axon, ...]:
    """Help hexagons that reach nothing, and sometimes others."""
    inputs, outputs = ({item.hexagon for item in items} for items in (template.inputs, template.outputs))
    found = []
    for hexagon, targets in enumerate(Topology(template).targets):
        others = [other for other in range(len(template.hexagons)) if other not in inputs | {hexagon}]
        if hexagon not in outputs and (not targets or draw(st.integers(0, 3)) == 0):
            found.append(Axon(hexagon, draw(st.sampled_from(others))))
    return tuple(found)


@settings(
    max_examples=choose(4, 30),
    deadline=None,
    derandomize=True,
    # A smaller example takes minutes to find, and the first one tells as much.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@pytest.mark.timeout(400)
@given(templates(), st.integers(0, 2**64 - 1), st.integers(1, 20), st.sampled_from([2, 5, 256]), st.booleans())
def test_kernels_do_what_the_reference_does(
    template: Template, seed: int, width: int, levels: int, weighted: bool
) -> None:
    random = np.random.default_rng(seed % 2**32)
    inputs = {item.name: width + place for place, item in enumerate(template.inputs)}
    outputs = {item.name: 2 for item in template.outputs}
    pair = Pair(template, inputs, outputs, seed)

    def tables(count: int) -> dict[str, np.ndarray]:
        return {name: random.integers(-1, levels, (count, size)).astype(np.float32) for name, size in inputs.items()}

    for count in (1, 105):
        expected = {name: random.integers(0, 3, (count, 2)).astype(np.float32) / 2 for name in outputs}
        pair.train(tables(count), expected, random.exponential(1.5, count).astype(np.float32) if weighted else None)
        pair.assert_same()
    pair.assert_same_answers(tables(5))


@pytest.mark.long
def test_full_sections_are_split() -> None:
    """A potential that rises with every cycle adds a synapse each time, until there is no room for another one."""
    pair = Pair(line(), {"in": 2}, {"out": 1})
    values = np.stack([np.arange(1, 301), np.arange(301, 1, -1)], axis=1).astype(np.float32)
    pair.train({"in": values}, {"out": np.ones((300, 1), np.float32)})
    pair.assert_same()
    spans = pair.live.state().arrays["section_span"]
    assert (spans[:, 0] > 0).any()
    pair.assert_same_answers({"in": values[::37]})


@pytest.mark.long
def test_full_match_sections_are_split() -> None:
    pair = Pair(line(mode="match"), {"in": 1}, {"out": 1})
    values = np.arange(1, 301, dtype=np.float32)[:, None]
    pair.train({"in": values}, {"out": np.ones((300, 1), np.float32)})
    pair.assert_same()
    assert len(pair.live.state().arrays["section_place"]) > 2
    pair.assert_same_answers({"in": values[::37] + np.float32(0.5)})


def test_hexagons_widen() -> None:
    """More than 257 sections need a second block."""
    pair = Pair(line(), {"in": 300}, {"out": 2})
    random = np.random.default_rng(1)
    pair.train({"in": random.random((4, 300), np.float32)}, {"out": random.random((4, 2), np.float32)})
    pair.assert_same()
    assert pair.live.state().arrays["block_hexagon"].tolist().count(1) == 2
