"""From a draft to a checked template.

The rules of templates are the core's; they are looked at here piece by piece, because only here it is known where in
the text a piece stands.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from lark import Token

from hanami_core.errors import TemplateError
from hanami_core.network import Axon, Input, Output, Position, Settings, Template, Topology
from hanami_core.network.template import COORDINATE_LIMIT, MAX_HEXAGONS
from hanami_plugins.template_hexagons.grammar import Draft, Interface, Setting, Spot, error_at, integer, shorten
from hanami_plugins.template_hexagons.reach import reachable

BIGGEST_FLOAT = 3.4028234663852886e38
"""Networks compute in 32 bits."""

_INPUT_OPTIONS, _OUTPUT_OPTIONS = ("binary", "match"), ("bool", "int", "float")
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_GROWTHS: Final = {"section": "section", "synapse": "synapse"}
_PRECISIONS: Final = {"float": "float", "int8": "int8"}
_REFERENCE_SETTINGS = ("neuron_cooldown", "max_connection_distance", "refractory_time", "enable_reduction")
_RESERVED = frozenset({*_INPUT_OPTIONS, *_OUTPUT_OPTIONS, *_BOOLEANS, *_REFERENCE_SETTINGS})
_WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "enable_reduction": (_BOOLEANS, "true or false"),
    "growth": (_GROWTHS, "section or synapse"),
    "precision": (_PRECISIONS, "float or int8"),
}
_INTEGERS = ("max_connection_distance", "refractory_time", "blocks")
# Its names hold blanks, so that no name of a template is taken twice because of it.
_PROBE = Template(
    Settings(), (Position(0, 0, 0), Position(1, 0, 0)), (Input("an input", 0),), (Output("an output", 1),)
)


def build(draft: Draft) -> Template:
    """Return the template that a draft describes.

    Raises:
        TemplateError: with line and column.
    """
    version = draft.version.partition(":")[2].strip()
    if version != "1":
        raise error_at(draft.version, f"version {shorten(version)} is unknown, only version 1 is known")
    settings = _settings(draft.settings)
    index = _index(draft.hexagons)
    axons = _axons(draft.axons, index)
    taken: set[object] = set()
    for items, word in ((draft.inputs, "number_of_inputs"), (draft.outputs, "number_of_outputs")):
        _check_older(items, word)
    inputs = tuple(Input(*_interface(item, index, taken, _INPUT_OPTIONS)) for item in draft.inputs)
    outputs = tuple(Output(*_interface(item, index, taken, _OUTPUT_OPTIONS)) for item in draft.outputs)
    template = Template(settings, tuple(index), inputs, outputs, axons)
    template.check()
    _check_connected(template, draft)
    return template


def _settings(found: list[Setting]) -> Settings:
    values: dict[str, Any] = {}
    for setting in found:
        values[str(setting.key)] = value = _value(setting)
        _check_piece(setting.key, settings=Settings(**{str(setting.key): value}))
    return Settings(**values)


def _value(setting: Setting) -> Any:
    key, value = setting
    if key in _WORDS:
        words, expected = _WORDS[key]
        return words[value] if value in words else _wrong(value, key, expected)
    if key in _INTEGERS:
        return integer(value) if value.type == "INT" else _wrong(value, key, "an integer")
    if key != "neuron_cooldown":
        raise error_at(key, f"unknown setting '{shorten(key)}', known are: {', '.join(Settings.__struct_fields__)}")
    if value.type not in ("INT", "DEC"):
        _wrong(value, key, "a number")
    number = float(integer(value) if value.type == "INT" else value)
    return number if number <= BIGGEST_FLOAT else _wrong(value, key, f"at most {BIGGEST_FLOAT:.5g}")


def _wrong(value: Token, key: str, expected: str) -> Any:
    raise error_at(value, f"{key} must be {expected}, not '{shorten(value)}'")


def _index(hexagons: list[Spot]) -> dict[Position, int]:
    index: dict[Position, int] = {}
    for token, position in hexagons:
        if len(index) == MAX_HEXAGONS:
            raise error_at(token, f"a template has at most {MAX_HEXAGONS} hexagons")
        if position in index:
            raise error_at(token, f"hexagon {position} is declared twice")
        if not all(0 <= value < COORDINATE_LIMIT for value in position):
            raise error_at(token, f"hexagon {position}: coordinates must be between 0 and {COORDINATE_LIMIT - 1}")
        index[position] = len(index)
    return index


def _hexagon(spot: Spot, index: dict[Position, int]) -> int:
    if spot.position not in index:
        raise error_at(spot.token, f"hexagon {spot.position} is not declared")
    return index[spot.position]


def _axons(found: list[tuple[Spot, Spot]], index: dict[Position, int]) -> tuple[Axon, ...]:
    axons: dict[int, Axon] = {}
    for start, end in found:
        axon = Axon(_hexagon(start, index), _hexagon(end, index))
        if axon.source == axon.target:
            raise error_at(start.token, f"axon of hexagon {start.position} leads to itself")
        if axon.source in axons:
            raise error_at(start.token, f"hexagon {start.position} has more than one axon")
        axons[axon.source] = axon
    return tuple(axons.values())


def _interface(
    item: Interface, index: dict[Position, int], taken: set[object], options: tuple[str, ...]
) -> tuple[str, int, Any]:
    name, hexagon = str(item.name), _hexagon(item.spot, index)
    if name in _RESERVED:
        raise error_at(item.name, f"'{name}' is a word of the language and can not be a name")
    _check_piece(item.name, inputs=(Input(name, 0),))
    if name in taken:
        raise error_at(item.name, f"name '{name}' is used by more than one input or output")
    if hexagon in taken:
        raise error_at(item.spot.token, f"hexagon {item.spot.position} is used by more than one input or output")
    if item.option is not None and item.option not in options:
        raise error_at(item.option, f"unknown option '{shorten(item.option)}', known are: {', '.join(options)}")
    taken |= {name, hexagon}
    return name, hexagon, "plain" if item.option is None else str(item.option)


def _check_older(items: list[Interface], word: str) -> None:
    """Check the words of the older form. Its numbers are not needed: sizes are those of the data."""
    for item in items:
        if item.older is None:
            continue
        target, size_of, size = item.older
        for token, expected in ((target, "target"), (size_of, word)):
            if token != expected:
                raise error_at(token, f"expected '{expected}', not '{shorten(token)}'")
        if integer(size) < 1:
            raise error_at(size, f"{word} must be at least 1")


def _check_piece(token: Token, **piece: Any) -> None:
    """Apply the core's rules to one piece, in a template that is right otherwise."""
    try:
        msgspec.structs.replace(_PROBE, **piece).check()
    except TemplateError as error:
        raise error_at(token, str(error)) from None


def _check_connected(template: Template, draft: Draft) -> None:
    topology = Topology(template)
    bridged = {end for axon in template.axons for end in (axon.source, axon.target)}
    for hexagon, neighbours in enumerate(topology.neighbours):
        if hexagon not in bridged and all(neighbour is None for neighbour in neighbours):
            token, position = draft.hexagons[hexagon]
            raise error_at(token, f"hexagon {position} has no neighbour; add a hexagon beside it or an axon")
    reached = reachable(topology)
    for output, item in zip(template.outputs, draft.outputs, strict=True):
        if output.hexagon not in reached:
            text = f"output '{output.name}' can not be reached from any input; add a hexagon between them or an axon"
            raise error_at(item.name, text)
