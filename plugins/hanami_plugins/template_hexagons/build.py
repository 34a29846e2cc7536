"""From a draft to a checked template.

The rules of templates are the core's; they are looked at here piece by piece, because only here it is known where in
the text a piece stands.
"""

from __future__ import annotations

from typing import Any

import msgspec
from lark import Token

from hanami_core.errors import TemplateError
from hanami_core.network import Axon, Input, Output, Position, Settings, Template, Topology
from hanami_core.network.declared import Declarations, Declared
from hanami_core.network.template import COORDINATE_LIMIT, MAX_HEXAGONS, Value
from hanami_core.network.topology import NONE
from hanami_plugins.template_hexagons.grammar import Draft, Interface, Spot, WrittenSetting, error_at, integer, shorten

BIGGEST_FLOAT = 3.4028234663852886e38
"""Networks compute in 32 bits."""

_INPUT_OPTIONS, _OUTPUT_OPTIONS = ("binary", "match"), ("bool", "int", "float")
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_REFERENCE_SETTINGS = ("neuron_cooldown", "max_connection_distance", "refractory_time", "enable_reduction")
RESERVED = frozenset({*_INPUT_OPTIONS, *_OUTPUT_OPTIONS, *_BOOLEANS, *_REFERENCE_SETTINGS})
# What the common settings are, but for their limits, which the core knows.
_COMMON = {
    "neuron_cooldown": Declared("neuron_cooldown", float),
    "refractory_time": Declared("refractory_time", int),
    "max_connection_distance": Declared("max_connection_distance", int),
    "enable_reduction": Declared("enable_reduction", bool),
}
# Its names hold blanks, so that no name of a template is taken twice because of it.
_PROBE = Template(
    Settings(), (Position(0, 0, 0), Position(1, 0, 0)), (Input("an input", 0),), (Output("an output", 1),)
)


def build(draft: Draft, declarations: Declarations) -> Template:
    """Return the template that a draft describes; its rule set may declare settings of its own.

    Raises:
        TemplateError: with line and column.
    """
    version = draft.version.partition(":")[2].strip()
    if version != "1":
        raise error_at(draft.version, f"version {shorten(version)} is unknown, only version 1 is known")
    settings = _settings(draft.settings, declarations)
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


def _settings(found: list[WrittenSetting], declarations: Declarations) -> Settings:
    known = {**_COMMON, "growth": Declared("growth", str, declarations.growths)}
    # The last one counts, and decides about settings that stand before it as well.
    growth = next((str(value) for key, value in reversed(found) if key == "growth"), None)
    growth = growth if growth in declarations.growths else None
    values: dict[str, Any] = {}
    own: dict[str, Value] = {}
    for setting in found:
        name = str(setting.key)
        if name in known:
            values[name] = _value(setting, [known[name]])
            _check_piece(setting.key, settings=Settings(**{name: values[name]}))
        else:
            own[name] = _own_value(setting, growth, declarations)
    return Settings(**values, own=own)


def _own_value(setting: WrittenSetting, growth: str | None, declarations: Declarations) -> Value:
    key = setting.key
    declared = declarations.find(growth, key)
    if not declared:
        text = ", ".join(declarations.names(growth))
        of_growth = f" with growth {growth}" if declarations.find(None, key) else ""
        raise error_at(key, f"unknown setting '{shorten(key)}'{of_growth}, known are: {text}")
    value = _value(setting, declared)
    broken = [one.outside(value) for one in declared if one.mistyped(value) is None]
    if None not in broken:
        raise error_at(key, str(broken[0]))
    return value


def _value(setting: WrittenSetting, declared: list[Declared]) -> Value:
    """Return the value as the first one takes it that a setting can be; else say what the first one wants."""
    for one in declared:
        value = _as(one, setting.value)
        if value is not None:
            return value
    raise error_at(setting.value, f"{setting.key} must be {declared[0].expected}, not '{shorten(setting.value)}'")


def _as(declared: Declared, value: Token) -> Value | None:
    """Return a value as it is declared, None if it is something else."""
    if declared.type is bool:
        return _BOOLEANS.get(value)
    if declared.type is str:
        return str(value) if value in declared.choices or (not declared.choices and value.type == "NAME") else None
    if value.type not in ("INT", "DEC") or (declared.type is int and value.type == "DEC"):
        return None
    if declared.type is int:
        return integer(value)
    number = float(integer(value) if value.type == "INT" else value)
    if number > BIGGEST_FLOAT:
        raise error_at(value, f"{declared.name} must be at most {BIGGEST_FLOAT:.5g}, not '{shorten(value)}'")
    return number


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
    if name in RESERVED:
        raise error_at(item.name, f"'{name}' is a word of the language and cannot be a name")
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


def _check_piece(token: Token, **piece: object) -> None:
    """Apply the core's rules to one piece, in a template that is right otherwise."""
    try:
        msgspec.structs.replace(_PROBE, **piece).check()
    except TemplateError as error:
        raise error_at(token, str(error)) from None


def _check_connected(template: Template, draft: Draft) -> None:
    topology = Topology.of(template)
    alone = (topology.neighbours == NONE).all(axis=1)
    alone[[end for axon in template.axons for end in (axon.source, axon.target)]] = False
    if alone.any():
        token, position = draft.hexagons[int(alone.argmax())]
        raise error_at(token, f"hexagon {position} has no neighbour; add a hexagon beside it or an axon")
    for output, item in zip(template.outputs, draft.outputs, strict=True):
        if not topology.reached >> output.hexagon & 1:
            text = f"output '{output.name}' cannot be reached from any input; add a hexagon between them or an axon"
            raise error_at(item.name, text)
