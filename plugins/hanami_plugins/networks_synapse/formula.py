"""What synapse networks answer, as operations that every library knows. Plain NumPy, no compute library.

A neuron adds up what its synapses contribute, one after the other, in the order of the sections: a loop, whose turn
``k`` takes the synapse number ``k`` of each neuron of a hexagon. Sections of hidden neurons may have borders next to
nothing, which makes a great difference of the smallest one between two potentials; therefore everything is rounded as
the kernels do it, see `synapse_reference` and `arithmetic`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.errors import Unprocessable
from hanami_core.network import Array, NetworkState
from hanami_core.network.formula import Formula, Graph
from hanami_plugins.networks_section import starts
from hanami_plugins.networks_synapse import formula_steps as steps
from hanami_plugins.networks_synapse.arrays import responses
from hanami_plugins.networks_synapse.synapse_layout import (
    EPSILON,
    HIDDEN,
    KINDS,
    NO_MEMORY,
    NONE,
    SLOTS,
    WIDTH,
    Ints,
)
from hanami_plugins.networks_synapse.synapse_memory import inner_sizes

__all__ = ["formula_of"]

OFF = -1e38
"""Instead of the potential of a section whose source is not active: nothing begins there, not even what always is."""

Arrays = Mapping[str, Array]


class _Synapses(NamedTuple):
    """Synapses of a hexagon, by their turn and neuron: arrays of the shape (turns, neurons).

    Attributes:
        sections: number of the section, counted over the hexagon.
        begins: where the synapse begins; see `hanami_plugins.networks_synapse.synapse_layout`.
        shares: 1 / border; 0 if the neuron has no further synapse.
        weights: weight.
    """

    sections: npt.NDArray[np.int32]
    begins: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


def formula_of(state: NetworkState) -> Formula:
    """Return what a network answers, whose arrays fit to its head.

    Raises:
        Unprocessable: if its neurons remember something of the row before.
    """
    head, arrays = state.head, state.arrays
    reason = _memory_of(state)
    if reason is not None:
        raise Unprocessable("network_without_formula", reason=reason)
    formula = Formula(dict(head.inputs), dict(head.outputs))
    potentials = {item.hexagon: formula.step("relu", formula.input(item.name)) for item in _given(state)}
    outputs = {output.hexagon for output in head.template.outputs}
    for hexagon in np.unique(arrays["block_hexagon"]).tolist():
        sums = _sums(formula, state, hexagon, potentials)
        squash = steps.sigmoid if hexagon in outputs else steps.compress
        potentials[hexagon] = squash(formula, sums)
    _read_out(formula, state, potentials)
    return formula


def _given(state: NetworkState) -> list[Any]:
    return [item for item in state.head.template.inputs if item.name in state.head.inputs]


def _memory_of(state: NetworkState) -> str | None:
    """Return why an answer depends on the row before, or None if it does not."""
    template, settings = state.head.template, state.head.template.settings
    if settings.neuron_cooldown < NO_MEMORY:
        return f"with neuron_cooldown: {settings.neuron_cooldown:g} its neurons remember the rows before"
    if settings.refractory_time > 1:
        return f"with refractory_time: {settings.refractory_time} its neurons remember the rows before"
    sources = _source_hexagons(state)
    targets = state.arrays["block_hexagon"][state.arrays["section_place"] // SLOTS]
    backwards = np.flatnonzero(sources >= targets)
    if not len(backwards):
        return None
    here, there = (template.hexagons[int(found[backwards[0]])] for found in (sources, targets))
    return f"hexagon {here} leads back to {there}, which therefore gets what it was in the row before"


def _source_hexagons(state: NetworkState) -> Ints:
    """Return the hexagon that each section has its source in."""
    places, _ = state.arrays["section_origin"].T.astype(np.int64)
    inputs = np.array([item.hexagon for item in state.head.template.inputs], np.int64)
    owners = state.arrays["block_hexagon"].astype(np.int64)
    hexagons: Ints = inputs[np.maximum(-1 - places, 0)]
    hexagons[places >= 0] = owners[places[places >= 0]]
    return hexagons


# ---------------------------------------------------------------------------------------------------------------------
# Sections
# ---------------------------------------------------------------------------------------------------------------------


def _sums(formula: Formula, state: NetworkState, hexagon: int, potentials: Mapping[int, int]) -> int:
    """Add the sums of the neurons of a hexagon, given the potentials of the hexagons before it."""
    arrays = state.arrays
    blocks = np.flatnonzero(arrays["block_hexagon"] == hexagon)
    rows = np.flatnonzero(np.isin(arrays["section_place"] // SLOTS, blocks))
    spent = _spent(formula, state, rows, potentials)
    synapses = _synapses(state, blocks)
    first = formula.step("take", spent, formula.constant(np.zeros(len(blocks) * WIDTH), np.int32))
    start = formula.step("zeros_like", first)
    if not len(synapses.weights):
        return start
    slices = [formula.constant(synapses.sections, np.int32), *(formula.constant(part) for part in synapses[1:])]
    return formula.loop(start, slices, [spent], _contribute)


def _contribute(body: Graph, given: Sequence[int]) -> int:
    """Add what a synapse of each neuron contributes."""
    sums, section, begin, share, weight, spent = given
    left = body.step("subtract", body.step("take", spent, section), begin)
    part = body.step("minimum", body.step("multiply", left, share), body.constant(1))
    reached = body.step("greater", left, body.constant(EPSILON))
    covered = body.step("where", reached, part, body.constant(0))
    return body.step("fma", covered, weight, sums)


def _spent(formula: Formula, state: NetworkState, rows: Ints, potentials: Mapping[int, int]) -> int:
    """Add how much each section has to spend of the potential of its source, or `OFF`."""
    if not len(rows):
        # A hexagon has a block, but all of its sections were removed.
        return formula.step("take", 0, formula.constant(np.zeros(1), np.int32))
    hexagons = _source_hexagons(state)[rows]
    used = np.unique(hexagons).tolist()
    widths = [_width(state, hexagon) for hexagon in used]
    begins = np.concatenate([[0], np.cumsum(widths)])[np.searchsorted(used, hexagons)]
    columns = formula.constant(begins + _numbers(state)[rows], np.int32)
    potential = formula.step("take", formula.concatenated([potentials[hexagon] for hexagon in used]), columns)
    lower, limit = state.arrays["section_span"][rows].T
    above = formula.step("subtract", potential, formula.constant(lower))
    spent = formula.step("minimum", above, formula.constant(limit))
    active = formula.step("greater", spent, formula.constant(EPSILON))
    return formula.step("where", active, spent, formula.constant(OFF))


def _width(state: NetworkState, hexagon: int) -> int:
    """Return how many sources a hexagon has."""
    sizes = {item.hexagon: state.head.inputs[item.name] for item in _given(state)}
    return sizes.get(hexagon) or WIDTH * int(np.count_nonzero(state.arrays["block_hexagon"] == hexagon))


def _numbers(state: NetworkState) -> Ints:
    """Return the number of the source of each section in its hexagon."""
    places, numbers = state.arrays["section_origin"].T.astype(np.int64)
    before = np.append(_order(state), 0)
    return np.asarray(np.where(places >= 0, before[places] * WIDTH, 0) + numbers, np.int64)


def _synapses(state: NetworkState, blocks: Ints) -> _Synapses:
    """Return the synapses of a hexagon, which consists of some blocks."""
    found = [_of_block(state, block) for block in blocks.tolist()]
    turns = max(len(part.weights) for part in found)
    sections, parts = 0, []
    for block, part in zip(blocks, found, strict=True):
        missing = ((0, turns - len(part.weights)), (0, 0))
        parts.append([np.pad(array, missing) for array in part._replace(sections=part.sections + sections)])
        sections += int(np.count_nonzero(state.arrays["section_place"] // SLOTS == block))
    return _Synapses(*(np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True)))


def _of_block(state: NetworkState, block: int) -> _Synapses:
    """Return the synapses of a block; sections are counted over the block."""
    first, last = np.searchsorted(state.arrays["section_place"], [block * SLOTS, (block + 1) * SLOTS])
    parts = responses(state.arrays, slice(first, last), _kinds(state)[first:last])
    used = parts[1] > 0
    turns = int(used.sum(axis=0).max(initial=0))
    order = np.argsort(~used, axis=0, kind="stable")[:turns]
    there = np.take_along_axis(used, order, axis=0)
    picked = (np.where(there, np.take_along_axis(part, order, axis=0), np.float32(0)) for part in parts)
    return _Synapses(np.where(there, order, 0).astype(np.int32), *picked)


def _kinds(state: NetworkState) -> Ints:
    kinds = np.array([KINDS[item.mode] for item in state.head.template.inputs])
    places, _ = state.arrays["section_origin"].T.astype(np.int64)
    return np.where(places >= 0, HIDDEN, kinds[np.maximum(-1 - places, 0)]).astype(np.int64)


# ---------------------------------------------------------------------------------------------------------------------
# Outputs
# ---------------------------------------------------------------------------------------------------------------------


def _read_out(formula: Formula, state: NetworkState, potentials: Mapping[int, int]) -> None:
    """Add the outputs, given the potentials of the output hexagons."""
    template, arrays = state.head.template, state.arrays
    inner = inner_sizes(template, state.head.outputs)
    begins = starts(inner)
    for output in template.outputs:
        if output.name not in inner:
            continue
        own = slice(begins[output.name], begins[output.name] + inner[output.name])
        if output.hexagon in potentials:
            neurons, number = _positions(state)[arrays["link_neuron"][own]], potentials[output.hexagon]
        else:
            # Nothing has grown into it, so there are no links either.
            neurons, number = np.zeros_like(arrays["link_neuron"][own]), formula.input(next(iter(formula.inputs)))
        weights = np.where(arrays["link_neuron"][own] != NONE, arrays["link_weight"][own], 0)
        sums = steps.weighted(formula, number, neurons.T, weights.T)
        formula.results[output.name] = steps.decoded(
            formula, steps.answered(formula, sums), output.type, state.head.outputs[output.name]
        )


def _positions(state: NetworkState) -> Ints:
    """Return the number of each neuron in its hexagon, and 0 for one that there is not."""
    return np.append(_order(state)[:, None] * WIDTH + np.arange(WIDTH), 0)


def _order(state: NetworkState) -> Ints:
    """Return how many blocks of its hexagon were made before each block."""
    owners = state.arrays["block_hexagon"]
    before = [np.count_nonzero(owners[:block] == owner) for block, owner in enumerate(owners)]
    return np.array(before, np.int64)
