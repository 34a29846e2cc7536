"""The fast way to find targets is the readable one, and takes a bounded time for whatever a template may be."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.network import Template, Topology
from hanami_core.network.bits import closure, members, set_of
from tests.templates import SHAPES, reference, sets, templates, whole

SECONDS = 0.1
"""Time on a busy machine; an idle one takes a fifth of it. A search from every hexagon takes ten times as long."""


BOXES = st.builds(lambda *sizes: sizes, *[st.integers(1, 4)] * 3).filter(lambda sizes: sizes != (1, 1, 1))


def box(sizes: tuple[int, int, int], distance: int) -> Template:
    """Return all hexagons of a box, in which there are the most ways from one to another."""
    width, depth, height = sizes
    return whole([(x, y, z) for x in range(width) for y in range(depth) for z in range(height)], distance)


@given(templates())
@settings(max_examples=300, deadline=None)
def test_targets_are_those_of_the_reference(template: Template) -> None:
    assert sets(Topology(template)) == reference(template)


@given(BOXES, st.integers(1, 12))
@settings(deadline=None)
def test_targets_in_a_full_box_are_those_of_the_reference(sizes: tuple[int, int, int], distance: int) -> None:
    template = box(sizes, distance)
    assert sets(Topology(template)) == reference(template)


@given(templates())
@settings(deadline=None)
def test_sources_are_targets_the_other_way_round(template: Template) -> None:
    topology = Topology(template)
    assert [
        {source for source, targets in enumerate(sets(topology)) if hexagon in targets}
        for hexagon in range(len(template.hexagons))
    ] == [set(members(sources)) for sources in topology.sources]


@given(templates())
@settings(deadline=None)
def test_reached_is_what_following_all_targets_finds(template: Template) -> None:
    targets = reference(template)
    inputs = {item.hexagon for item in template.inputs}
    reached: set[int] = set()
    edge = set(inputs)
    while edge:
        edge = {target for hexagon in edge for target in targets[hexagon]} - reached
        reached |= edge
    assert set(members(Topology(template).reached)) == reached - inputs


@given(st.sets(st.integers(0, 300)))
def test_a_set_of_bits_is_a_set(numbers: set[int]) -> None:
    assert list(members(set_of(numbers))) == sorted(numbers)


def test_a_closure_stays_within_what_counts() -> None:
    steps = [set_of(found) for found in ([1], [2, 3], [4], [0], [])]
    assert list(members(closure(set_of([0]), steps))) == [0, 1, 2, 3, 4]
    assert list(members(closure(set_of([0]), steps, ~set_of([2])))) == [0, 1, 3]
    assert closure(set_of([0]), steps, set_of([1])) == 0


@pytest.mark.parametrize("distance", [1, 30, 1000])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_legal_template_takes_long(shape: str, distance: int) -> None:
    template = whole(SHAPES[shape](), distance)
    template.check()
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        topology = Topology(template)
        assert topology.targets
        assert topology.sources
        assert topology.reached
        seconds.append(time.process_time() - begin)
    assert min(seconds) < SECONDS


def test_a_template_is_analysed_once_while_it_is_in_use() -> None:
    template, same = (box((3, 1, 1), 2) for _ in range(2))
    assert template is not same
    assert Topology.of(template) is Topology.of(same)
    assert Topology.of(template) is not Topology.of(box((3, 1, 1), 1))
