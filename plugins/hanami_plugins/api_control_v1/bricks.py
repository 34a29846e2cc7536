"""The template language of v0.4: bricks, with the number of their neurons, in place of hexagons.

::

    version: 1
    bricks:
        1,1,1
            input: test_input
            number_of_neurons: 784
        2,1,1
            number_of_neurons: 400
        3,1,1
            output: test_output
            number_of_neurons: 10

A brick becomes a hexagon. Inputs and outputs have exactly so many values; the neurons of the widest brick between them
say how wide hidden hexagons are.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput

from hanami_core.errors import TemplateError
from hanami_core.network import Input, Output, Position, Settings, Template, Topology
from hanami_core.network.declared import Declarations
from hanami_core.network.template import COORDINATE_LIMIT, MAX_HEXAGONS, MAX_SIZE
from hanami_core.network.topology import NONE

__all__ = ["BrickDialect"]

LONGEST_TEXT = 1 << 16
NEURONS_OF_BLOCK = 64
WIDTH = "blocks"
"""Setting of rule sets that says how wide hidden hexagons are."""
RESERVED = ("settings", "bricks", "true", "false", "True", "False")
_BRICKS = re.compile(r"\s*version\b.*?^[ \t]*bricks[ \t]*:", re.DOTALL | re.MULTILINE)
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_NUMBERS = {"neuron_cooldown": float, "refractory_time": int, "max_connection_distance": int}
_SHOWN = 32


class Field(NamedTuple):
    """``name: value`` as written."""

    name: Token
    value: Token


class Brick(NamedTuple):
    """A brick as written; of fields with one name the last one counts."""

    token: Token
    position: Position
    fields: dict[str, Field]

    @property
    def neurons(self) -> int:
        """Number of its neurons."""
        found = self.fields.get("number_of_neurons")
        if found is None:
            raise error_at(self.token, f"brick {self.position} has no number_of_neurons")
        if not 1 <= (number := _integer(found.value)) <= MAX_SIZE:
            raise error_at(found.value, f"number_of_neurons must be between 1 and {MAX_SIZE}")
        return number

    @property
    def interface(self) -> Field | None:
        """The field that makes it an input or an output."""
        found = [field for field in self.fields.values() if field.name in ("input", "output")]
        return found[-1] if found else None


class BrickDialect:
    """Version 1 of the language, implements `hanami_core.dialects.TemplateDialect`."""

    name = "bricks"

    def recognises(self, text: str) -> bool:
        """Tell whether a text begins like a template and has bricks."""
        return _BRICKS.match(text[:LONGEST_TEXT]) is not None

    def parse(self, text: str, declarations: Declarations) -> Template:
        """Return the checked template.

        Raises:
            TemplateError: with line, column and the broken rule.
        """
        if len(text) > LONGEST_TEXT:
            raise TemplateError(f"the text is longer than {LONGEST_TEXT} characters")
        try:
            draft: Any = _parser().parse(text if text.endswith("\n") else f"{text}\n")
        except UnexpectedInput as error:
            raise _explain(error) from None
        settings, bricks = draft
        return _built(_settings(settings), bricks, declarations)


def error_at(token: Token, text: str) -> TemplateError:
    """Return the error of a part."""
    return TemplateError(f"line {token.line}, column {token.column}: {text}")


class _BrickTransformer(Transformer[Token, Any]):
    """Builds bricks while the text is parsed."""

    def start(self, parts: list[Any]) -> tuple[list[Field], list[Brick]]:
        return parts[1] or [], parts[2:]

    def settings(self, parts: list[Any]) -> list[Field]:
        return [part for part in parts if part is not None]

    def setting(self, parts: list[Token]) -> Field:
        return Field(*parts)

    def field(self, parts: list[Token]) -> Field:
        name, value = parts
        if name not in ("input", "output", "number_of_neurons"):
            raise error_at(name, f"unknown field '{name[:_SHOWN]}', known are: input, output, number_of_neurons")
        return Field(name, value)

    def brick(self, parts: list[Any]) -> Brick:
        position = Position(*map(_integer, parts[:3]))
        fields: dict[str, Field] = {}
        for field in parts[3:]:
            fields.pop(field.name, None)
            fields[str(field.name)] = field
        return Brick(parts[0], position, fields)


def _integer(token: Token) -> int:
    if token.type != "INT" or len(token) > 9:
        raise error_at(token, f"expected an integer of at most 9 digits, not '{token[:_SHOWN]}'")
    return int(token)


def _settings(found: list[Field]) -> Settings:
    values: dict[str, Any] = {}
    for name, value in found:
        if name == "enable_reduction" and value in _BOOLEANS:
            values[name] = _BOOLEANS[value]
        elif name in _NUMBERS:
            if value.type == "WORD" or (value.type == "DEC" and _NUMBERS[name] is int):
                raise error_at(value, f"{name} must be {'an integer' if _NUMBERS[name] is int else 'a number'}")
            values[str(name)] = _NUMBERS[name](value if value.type == "DEC" else _integer(value))
        else:
            known = ", ".join((*_NUMBERS, "enable_reduction (true or false)"))
            raise error_at(name, f"unknown setting '{name[:_SHOWN]}', known are: {known}")
    return Settings(**values)


def _built(settings: Settings, bricks: list[Brick], declarations: Declarations) -> Template:
    hidden = [brick.neurons for brick in bricks if brick.interface is None]
    if hidden and declarations.find(None, WIDTH):
        blocks = -(-max(hidden) // NEURONS_OF_BLOCK)
        settings = Settings(
            settings.neuron_cooldown,
            settings.refractory_time,
            settings.max_connection_distance,
            settings.enable_reduction,
            own={WIDTH: blocks},
        )
    index = _index(bricks)
    inputs, outputs = [], []
    for number, brick in enumerate(bricks):
        field = brick.interface
        if field is None:
            continue
        if field.value.type != "WORD" or field.value in RESERVED:
            raise error_at(field.value, f"'{field.value[:_SHOWN]}' cannot be a name")
        if field.name == "input":
            inputs.append(Input(str(field.value), number, size=brick.neurons))
        else:
            outputs.append(Output(str(field.value), number, size=brick.neurons))
    template = Template(settings, tuple(index), tuple(inputs), tuple(outputs))
    template.check()
    _check_connected(template, bricks)
    return template


def _index(bricks: list[Brick]) -> dict[Position, int]:
    index: dict[Position, int] = {}
    for brick in bricks:
        if brick.position in index:
            raise error_at(brick.token, f"brick {brick.position} is declared twice")
        if len(index) == MAX_HEXAGONS:
            raise error_at(brick.token, f"a template has at most {MAX_HEXAGONS} bricks")
        if not all(0 <= value < COORDINATE_LIMIT for value in brick.position):
            raise error_at(brick.token, f"coordinates must be between 0 and {COORDINATE_LIMIT - 1}")
        index[brick.position] = len(index)
    return index


def _check_connected(template: Template, bricks: list[Brick]) -> None:
    topology = Topology.of(template)
    alone = (topology.neighbours == NONE).all(axis=1)
    if alone.any():
        brick = bricks[int(alone.argmax())]
        raise error_at(brick.token, f"brick {brick.position} has no neighbour")
    for output in template.outputs:
        if not topology.reached >> output.hexagon & 1:
            brick = bricks[output.hexagon]
            raise error_at(brick.token, f"output '{output.name}' cannot be reached from any input")


@cache
def _parser() -> Lark:
    return Lark.open(
        "bricks.lark",
        rel_to=__file__,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=True,
        transformer=_BrickTransformer(),
    )


def _explain(error: UnexpectedInput) -> TemplateError:
    if isinstance(error, UnexpectedCharacters):
        return TemplateError(f"line {error.line}, column {error.column}: invalid character {error.char!r}")
    token = getattr(error, "token", None)
    found = (
        "the text ends too early" if token is None or token.type == "$END" else f"unexpected {str(token)[:_SHOWN]!r}"
    )
    return TemplateError(f"line {error.line}, column {error.column}: {found}")
