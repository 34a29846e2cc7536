"""Whether the arrays of a state are what its head says. Imports no compute library."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.errors import CorruptFile
from hanami_core.network import Array, NetworkState, StateHead
from hanami_plugins.networks_section import MAX_INPUTS, MAX_OUTPUTS
from hanami_plugins.networks_synapse.synapse_layout import (
    LARGEST_WEIGHT,
    LINKS,
    MAX_SECTIONS,
    NONE,
    SLOTS,
    SYNAPSES,
    TOLERANCE,
    WIDTH,
)
from hanami_plugins.networks_synapse.synapse_memory import NAME, SynapseExtra, inner_sizes

Arrays = Mapping[str, Array]


def check(state: NetworkState) -> None:
    """Raise `CorruptFile` if the arrays of a state contradict its head."""
    head, arrays = state.head, state.arrays
    if head.rules != NAME:
        raise CorruptFile(f"the network has the rules '{head.rules}', not '{NAME}'")
    try:
        msgspec.convert(head.extra, SynapseExtra)
    except msgspec.ValidationError as error:
        raise CorruptFile(f"the network's head is broken: {error}") from error
    _check_head(head)
    expected = _expected(head, arrays)
    if expected.keys() != arrays.keys():
        raise CorruptFile("the network has not the arrays that its rules and template ask for")
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise CorruptFile(f"the network's array '{name}' has not the type and shape that the head asks for")
        if dtype == np.float32 and not np.isfinite(array).all():
            raise CorruptFile(f"the network's array '{name}' holds values that are not numbers")
    for name, sound in (*_places(head, arrays), *_numbers(arrays)):
        if not sound:
            raise CorruptFile(f"the network's array '{name}' holds values that are out of range")


def _check_head(head: StateHead) -> None:
    for sizes, widths, names, limit in (
        (head.inputs, head.inputs, [item.name for item in head.template.inputs], MAX_INPUTS),
        (head.outputs, None, [item.name for item in head.template.outputs], MAX_OUTPUTS),
    ):
        in_order = [name for name in names if name in sizes] == list(sizes)
        if not in_order or min(sizes.values(), default=1) < 1:
            raise CorruptFile("the network's inputs or outputs are not those of its template")
        if sum((widths or inner_sizes(head.template, sizes)).values()) > limit:
            raise CorruptFile("the network has more inputs or outputs than are allowed")
    if head.cycles < 0:
        raise CorruptFile("the network's counters are out of range")


def _expected(head: StateHead, arrays: Arrays) -> dict[str, tuple[npt.DTypeLike, tuple[int, ...]]]:
    sections, blocks = (_length(arrays, name) for name in ("section_place", "block_hexagon"))
    sizes = arrays.get("section_size")
    synapses = 0 if sizes is None else int(sizes.sum(dtype=np.int64))
    outputs = sum(inner_sizes(head.template, head.outputs).values())
    expected: dict[str, tuple[npt.DTypeLike, tuple[int, ...]]] = {
        "block_hexagon": (np.int32, (blocks,)),
        "section_place": (np.int32, (sections,)),
        "section_origin": (np.int32, (sections, 2)),
        "section_start": (np.uint8, (sections,)),
        "section_size": (np.uint8, (sections,)),
        "section_span": (np.float32, (sections, 2)),
        "section_tolerance": (np.float32, (sections,)),
        "synapse_border": (np.float32, (synapses,)),
        "synapse_weight": (np.float32, (synapses,)),
        "neuron_potential": (np.float32, (blocks, WIDTH)),
        "neuron_refractory": (np.uint8, (blocks, WIDTH)),
        "input_potential": (np.float32, (sum(head.inputs.values()),)),
        "link_neuron": (np.int32, (outputs, LINKS)),
        "link_weight": (np.float32, (outputs, LINKS)),
    }
    if head.template.settings.enable_reduction:
        expected["synapse_activity"] = (np.uint8, (synapses,))
    return expected


def _length(arrays: Arrays, name: str) -> int:
    array = arrays.get(name)
    return 0 if array is None else array.size


def _within(array: Array, low: float, high: float) -> bool:
    return bool(((array >= low) & (array <= high)).all())


def _places(head: StateHead, arrays: Arrays) -> list[tuple[str, bool]]:
    """Return for each array that points to something whether it points to what is there."""
    template, owners, places = head.template, arrays["block_hexagon"], arrays["section_place"]
    inputs = {item.hexagon for item in template.inputs}
    outputs = [item.hexagon for item in template.outputs]
    blocks = len(owners)
    found = [
        ("block_hexagon", _within(owners, 0, len(template.hexagons) - 1) and not inputs & set(owners.tolist())),
        ("section_place", _within(places, 0, blocks * SLOTS - 1) and bool((np.diff(places) > 0).all())),
        ("section_place", len(places) <= MAX_SECTIONS),
    ]
    if not all(sound for _, sound in found):
        return found
    return [
        ("section_origin", _sound_origins(head, arrays["section_origin"], owners, outputs)),
        ("link_neuron", _sound_links(head, arrays["link_neuron"], owners)),
    ]


def _sound_origins(head: StateHead, origins: Array, owners: Array, outputs: list[int]) -> bool:
    sizes = np.array([head.inputs.get(item.name, 0) for item in head.template.inputs])
    places, numbers = origins.T
    if not _within(places, -len(sizes), len(owners) - 1):
        return False
    inner = places >= 0
    limits = np.full(len(places), WIDTH)
    limits[~inner] = sizes[-1 - places[~inner]]
    return bool((numbers >= 0).all() and (numbers < limits).all() and not np.isin(owners[places[inner]], outputs).any())


def _sound_links(head: StateHead, links: Array, owners: Array) -> bool:
    if not _within(links, NONE, len(owners) * WIDTH - 1):
        return False
    hexagons = {item.name: item.hexagon for item in head.template.outputs}
    sizes = inner_sizes(head.template, head.outputs)
    wanted = np.repeat([hexagons[name] for name in sizes], list(sizes.values())).astype(np.int64)
    used = links != NONE
    return bool((owners[links[used] // WIDTH] == np.broadcast_to(wanted[:, None], links.shape)[used]).all())


def _numbers(arrays: Arrays) -> list[tuple[str, bool]]:
    """Return for each array of plain numbers whether they are possible."""
    span = arrays["section_span"]
    return [
        ("section_start", _within(arrays["section_start"], 0, WIDTH - 1)),
        ("section_size", _within(arrays["section_size"], 0, SYNAPSES)),
        ("section_span", bool((span >= 0).all())),
        ("section_tolerance", _within(arrays["section_tolerance"], 0, float(np.float32(TOLERANCE)))),
        ("synapse_border", bool((arrays["synapse_border"] >= 0).all())),
        ("synapse_weight", _within(arrays["synapse_weight"], -LARGEST_WEIGHT, LARGEST_WEIGHT)),
        ("link_weight", _within(arrays["link_weight"], -LARGEST_WEIGHT, LARGEST_WEIGHT)),
        ("neuron_potential", bool((arrays["neuron_potential"] >= 0).all())),
        ("input_potential", bool((arrays["input_potential"] >= 0).all())),
    ]
