"""What section networks answer, as operations that every library knows. Plain NumPy, no compute library.

A source counts from its floor, in parts of its border, and at most once: inputs that were never active get a weight of
zero. So all section networks are dense layers: `section_reference` and `deep_reference` say the same row by row. With
``precision: int8``, a network that has learned bytes takes bytes, and computes what `snapshot` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from hanami_core.errors import Unprocessable
from hanami_core.network import Array, NetworkState
from hanami_core.network.formula import Floats, Formula, Operation
from hanami_plugins.networks_section import deep_graph, snapshot
from hanami_plugins.networks_section.deep_memory import chosen
from hanami_plugins.networks_section.network_arrays import AVERAGE, averages_of, inverse_of, starts
from hanami_plugins.networks_section.section_extra import SectionExtra
from hanami_plugins.networks_section.section_layout import NO_ROW
from hanami_plugins.networks_section.section_settings import SectionSettings

__all__ = ["formula_of"]

Arrays = Mapping[str, Array]


class _Part(NamedTuple):
    """A hidden hexagon: names of its inputs, numbers of the hexagons that feed it, names of its outputs, its arrays."""

    inputs: tuple[str, ...]
    hidden: tuple[int, ...]
    outputs: tuple[str, ...]
    arrays: Arrays


def formula_of(state: NetworkState) -> Formula:
    """Return what a network answers, whose arrays fit to its head.

    Raises:
        Unprocessable: if one of its inputs is not known.
    """
    head = state.head
    extra, arrays = msgspec.convert(head.extra, SectionExtra), _answering(state)
    rounding = head.template.settings.of(SectionSettings).precision == "int8"
    rounds = rounding and snapshot.takes_bytes(arrays["floors"], arrays["borders"])
    formula = Formula(dict(head.inputs), dict(head.outputs), dict.fromkeys(head.inputs, "uint8") if rounds else {})
    sums = _sums(formula, _parts(state, arrays), arrays["readout_bias"], head.outputs)
    for name, number in sums.items():
        squashing: Operation = "softmax" if extra.squashing.get(name) == "softmax" else "sigmoid"
        formula.results[name] = formula.step(squashing, number)
    return formula


def _answering(state: NetworkState) -> Arrays:
    """Return the arrays of the present weights, or of their averages if these have failed less of late."""
    extra = msgspec.convert(state.head.extra, SectionExtra)
    averages = averages_of(state.arrays)
    better = np.float32(extra.average_failure) < np.float32(extra.failure)
    return {name: array for name, array in state.arrays.items() if not name.startswith(AVERAGE)} | (
        averages if better else {}
    )


def _parts(state: NetworkState, arrays: Arrays) -> list[_Part]:
    template, head = state.head.template, state.head
    if not deep_graph.is_deep(template):
        return [_Part(tuple(head.inputs), (), tuple(head.outputs), arrays)]
    return [
        _Part(
            tuple(chosen(hexagon.inputs, head.inputs)),
            hexagon.hidden,
            tuple(chosen(hexagon.outputs, head.outputs)),
            {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{number}.")},
        )
        for number, hexagon in enumerate(deep_graph.hexagons(template))
    ]


def _sums(formula: Formula, parts: list[_Part], bias: Floats, outputs: Mapping[str, int]) -> dict[str, int]:
    """Add all layers, and return the number of the sums of each output."""
    begins = starts(outputs)
    sums = {name: formula.constant(bias[begin : begin + outputs[name]]) for name, begin in begins.items()}
    hidden: list[int] = []
    for part in parts:
        hidden.append(_hidden_of_bytes(formula, part) if formula.types else _hidden(formula, part, hidden))
        readout = part.arrays["readout"]
        weights = readout.transpose(0, 2, 1).reshape(part.arrays["bias"].size, readout.shape[1])
        place = 0
        for name in part.outputs:
            own = formula.constant(weights[:, place : place + outputs[name]])
            sums[name] = formula.step("add", formula.step("matmul", hidden[-1], own), sums[name])
            place += outputs[name]
    return sums


def _hidden(formula: Formula, part: _Part, before: list[int]) -> int:
    """Add the neurons of a hexagon, given those of the hexagons before it."""
    arrays, feeds = part.arrays, [before[number] for number in part.hidden]
    weights: Array = arrays["weights"]
    below = weights.shape[1] if "row_of_source" not in arrays else weights.shape[1] - _born(arrays)
    rows = [np.arange(below)]
    place = 0
    for name in part.inputs:
        own = slice(place, place + formula.inputs[name])
        feeds.append(_scaled(formula, formula.input(name), arrays["floors"][own], arrays["borders"][own]))
        rows.append(arrays["row_of_source"][own])
        place = own.stop
    if not feeds:
        raise Unprocessable("network_without_formula", reason="an input was never given")
    bias = formula.constant(arrays["bias"].reshape(-1))
    dense = formula.constant(_dense(weights, np.concatenate(rows)))
    summed = formula.step("matmul", formula.concatenated(feeds), dense)
    return formula.step("relu", formula.step("add", summed, bias))


def _hidden_of_bytes(formula: Formula, part: _Part) -> int:
    """Add the neurons of the only hexagon of a network that takes bytes."""
    arrays = part.arrays
    borders = arrays["borders"]
    exact = _dense(arrays["weights"], arrays["row_of_source"]) * inverse_of(borders)[:, None]
    weights, scale = snapshot.rounded(exact)
    given = formula.step("float32", formula.concatenated([formula.input(name) for name in part.inputs]))
    cut = formula.step("uint8", formula.step("minimum", given, formula.constant(borders)))
    sums = formula.step("float32", formula.step("matmul_integer", cut, formula.constant(weights, np.int8)))
    bias = formula.constant(arrays["bias"].reshape(-1))
    return formula.step("relu", formula.step("fma", sums, formula.constant(scale), bias))


def _born(arrays: Arrays) -> int:
    return int(np.count_nonzero(arrays["row_of_source"] != NO_ROW))


def _scaled(formula: Formula, number: int, floors: Floats, borders: Floats) -> int:
    above = formula.step("subtract", number, formula.constant(floors))
    return formula.step("unit", formula.step("multiply", above, formula.constant(inverse_of(borders))))


def _dense(weights: Array, rows: Array) -> Floats:
    """Return the weights from all sources to all neurons, with zeros for sources without a row."""
    result: Floats = np.zeros((len(rows), len(weights), weights.shape[2]), np.float32)
    known = rows != NO_ROW
    result[known] = weights[:, rows[known]].transpose(1, 0, 2)
    return result.reshape(len(rows), len(weights) * weights.shape[2])
