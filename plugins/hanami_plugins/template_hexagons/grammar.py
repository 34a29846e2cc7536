"""From text to a draft: what the grammar alone can tell, with the place of every part."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from hanami_core.errors import TemplateError
from hanami_core.network import Position

INTEGER_LIMIT = 1 << 63

_SHOWN = 32
_SPELLED = {
    "$END": "the end of the text",
    "AXONS": "'axons'",
    "COLON": "':'",
    "COMMA": "','",
    "DEC": "a number",
    "HEXAGONS": "'hexagons'",
    "INPUTS": "'inputs'",
    "INT": "an integer",
    "LPAR": "'('",
    "NAME": "a name",
    "OUTPUTS": "'outputs'",
    "RPAR": "')'",
    "SETTINGS": "'settings'",
    "VERSION": "'version: 1'",
    "_ARROW": "'->'",
}
_OTHER_LANGUAGES = (
    (re.compile(r"\bbricks\s*:"), "'bricks:' belongs to templates of OpenHanami 0.4; write 'hexagons:' instead"),
)


class Spot(NamedTuple):
    """A position and where it stands in the text."""

    token: Token
    position: Position


class WrittenSetting(NamedTuple):
    """A setting as written."""

    key: Token
    value: Token


class Older(NamedTuple):
    """What the form of OpenHanami 0.5 has besides: ``name: target: x,y,z number_of_inputs: 784``."""

    target: Token
    size_of: Token
    size: Token


class Interface(NamedTuple):
    """An input or output as written; `option` stood in brackets."""

    name: Token
    spot: Spot
    option: Token | None
    older: Older | None = None


class Draft(NamedTuple):
    """A text that follows the grammar."""

    version: Token
    settings: list[WrittenSetting]
    hexagons: list[Spot]
    axons: list[tuple[Spot, Spot]]
    inputs: list[Interface]
    outputs: list[Interface]


def read(text: str) -> Draft:
    """Return the parts of a text.

    Raises:
        TemplateError: with line and column.
    """
    try:
        return _parser().parse(text)  # type: ignore[return-value]
    except UnexpectedInput as error:
        raise _explain(error, text) from None


def error_at(token: Token, text: str) -> TemplateError:
    """Return the error of a part."""
    return TemplateError(f"line {token.line}, column {token.column}: {text}")


def integer(token: Token) -> int:
    """Return the value of an INT, which has to fit into 64 bits."""
    digits = token.lstrip("-").lstrip("0")
    # The length comes first, because converting a long text takes quadratic time.
    value = int(token) if len(digits) < 20 else INTEGER_LIMIT
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise error_at(token, f"'{shorten(token)}' does not fit into 64 bits")
    return value


def shorten(text: str) -> str:
    """Return a text as messages show it."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class _DraftTransformer(Transformer[Token, Any]):
    """Builds the draft while the text is parsed."""

    def start(self, parts: list[Any]) -> Draft:
        return Draft(*parts)

    def block(self, parts: list[object]) -> list[object]:
        return [part for part in parts if part is not None]

    settings = hexagons = axons = inputs = outputs = block

    def setting(self, parts: list[Token]) -> WrittenSetting:
        return WrittenSetting(*parts)

    def position(self, parts: list[Token]) -> Spot:
        return Spot(parts[0], Position(*map(integer, parts)))

    def axon(self, parts: list[Spot]) -> tuple[Spot, Spot]:
        return parts[0], parts[1]

    def interface(self, parts: list[Any]) -> Interface:
        return Interface(*parts)

    def older_interface(self, parts: list[Any]) -> Interface:
        name, target, spot, size_of, size = parts
        return Interface(name, spot, None, Older(target, size_of, size))


@cache
def _parser() -> Lark:
    return Lark.open(
        "hexagons.lark",
        rel_to=__file__,
        parser="lalr",
        lexer="basic",
        maybe_placeholders=True,
        transformer=_DraftTransformer(),
    )


def _explain(error: UnexpectedInput, text: str) -> TemplateError:
    hint = next((hint for pattern, hint in _OTHER_LANGUAGES if pattern.search(text)), None)
    if isinstance(error, UnexpectedCharacters):
        what = f"invalid character {error.char!r}"
    else:
        assert isinstance(error, UnexpectedToken)
        found = "the text ends too early" if error.token.type == "$END" else f"unexpected '{shorten(error.token)}'"
        expected = sorted(_SPELLED[name] for name in error.accepts or error.expected)
        what = f"{found}, expected {' or '.join(expected)}"
    return TemplateError(f"line {error.line}, column {error.column}: {hint or what}")
