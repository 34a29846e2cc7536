"""The small languages in which clients filter and sort paginated lists.

A filter compares fields with values, ``name like "a%" & !(is_active is false)``; an order names fields,
``-created_at,name``. Here they become conditions whose fields and values fit; what rows are is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
from lark import Lark, Token, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from hanami_core.errors import BadRequest

__all__ = [
    "AllOf",
    "AnyOf",
    "Condition",
    "FieldComparison",
    "Kind",
    "Negation",
    "OrderTerm",
    "parse_filter",
    "parse_order",
]

LONGEST = 4096
"""Characters of a filter or an order."""
MOST_PARTS = 64
"""Comparisons, negations, groups and values of lists in a filter."""
MOST_TERMS = 16
LARGEST = 1 << 62
_COMPARING = frozenset(("==", "!=", ">", ">=", "<", "<=", "in"))
_MATCHING = frozenset(("contains", "like", "ilike"))


class Kind(Enum):
    """What values of a field are."""

    TEXT = "a text"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    MOMENT = "a date in the form of ISO 8601"


_OPERATORS = {
    Kind.TEXT: _COMPARING | _MATCHING,
    Kind.NUMBER: _COMPARING,
    Kind.BOOLEAN: frozenset(("==", "!=")),
    Kind.MOMENT: _COMPARING,
}

Value = str | float | int | bool | list[Any] | None


@dataclass(frozen=True)
class FieldComparison:
    """A field, an operator and a value: a list for ``in``, None or a boolean for ``is`` and ``isnot``."""

    field: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Negation:
    """What holds where another condition does not."""

    part: Condition


@dataclass(frozen=True)
class AllOf:
    """What holds where all parts do."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """What holds where any part does."""

    parts: tuple[Condition, ...]


Condition = FieldComparison | Negation | AllOf | AnyOf


class OrderTerm(NamedTuple):
    """A field to sort by."""

    field: str
    descending: bool


def parse_filter(text: str, kinds: Mapping[str, Kind]) -> Condition:
    """Return the condition that a filter states about fields of these kinds.

    Raises:
        BadRequest: naming the place and the rule that it breaks.
    """
    _require_short(text, "filter")
    builder = _ConditionBuilder(kinds)
    try:
        found: Condition = builder.transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise _broken("filter", f"not understood {_place(error, text)}") from None
    except VisitError as error:
        raise error.orig_exc from None
    return found


def parse_order(text: str, fields: Collection[str]) -> list[OrderTerm]:
    """Return the fields to sort by, the most important first.

    Raises:
        BadRequest: naming the field that is not known.
    """
    _require_short(text, "order")
    terms = []
    for word in map(str.strip, text.split(",")):
        name = word.lstrip("+-") if word[:2] not in ("++", "--", "+-", "-+") else word
        if name not in fields:
            raise _unknown("order", name, fields)
        terms.append(OrderTerm(name, word.startswith("-")))
    if len(terms) > MOST_TERMS:
        raise _broken("order", f"it has more than {MOST_TERMS} fields")
    return terms


def _place(error: UnexpectedInput, text: str) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return "at its end"
    return f"at {text[error.pos_in_stream or 0 :][:20]!r}"


def _require_short(text: str, name: str) -> None:
    if len(text) > LONGEST:
        raise _broken(name, f"it has more than {LONGEST} characters")


def _broken(name: str, reason: str) -> BadRequest:
    return BadRequest("field_invalid", field=name, reason=reason)


def _unknown(name: str, field: str, known: Collection[str]) -> BadRequest:
    return _broken(name, f"there is no field {field[:64]!r}, only {', '.join(sorted(known))}")


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("conditions.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


class _ConditionBuilder(Transformer_NonRecursive[Token, Any]):
    """Builds conditions of what was parsed; knows how many parts there are."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        super().__init__()
        self._kinds, self._parts = kinds, 0

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise _broken("filter", f"it has more than {MOST_PARTS} parts")

    def any_of(self, parts: list[Condition]) -> AnyOf:
        return AnyOf(tuple(parts))

    def all_of(self, parts: list[Condition]) -> AllOf:
        return AllOf(tuple(parts))

    def group(self, parts: list[Condition]) -> Condition:
        self._count()
        return parts[0]

    def negation(self, parts: list[Condition]) -> Negation:
        self._count()
        return Negation(parts[0])

    def values(self, values: list[Value]) -> list[Value]:
        return values

    def comparison(self, parts: list[Any]) -> FieldComparison:
        self._count()
        field, operator, value = str(parts[0]), str(parts[1]), parts[2]
        kind = self._kinds.get(field)
        if kind is None:
            raise _unknown("filter", field, self._kinds)
        return FieldComparison(*_fitting(field, kind, operator, value))

    def TEXT(self, token: Token) -> str:  # noqa: N802 - name of the terminal
        self._count()
        text = str(_decoded(token))
        if "\0" in text:
            raise _broken("filter", "a text contains no character with the code 0")
        return text

    def NUMBER(self, token: Token) -> int | float:  # noqa: N802
        self._count()
        value: int | float = _decoded(token)
        if not math.isfinite(value) or abs(value) >= LARGEST:
            raise _broken("filter", f"the number {token[:32]} is too large")
        return value

    def WORD(self, token: Token) -> bool | None:  # noqa: N802
        self._count()
        return {"true": True, "false": False, "null": None}[token]


def _decoded(token: Token) -> Any:
    try:
        return msgspec.json.decode(token.encode())
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise _broken("filter", f"{token[:32]} is not a value of JSON: {error}") from None


def _fitting(field: str, kind: Kind, operator: str, value: Value) -> tuple[str, str, Value]:
    """Return field, operator and value of a comparison, with null only after ``is`` and ``isnot``."""
    if value is None and operator in ("==", "!="):
        operator = "is" if operator == "==" else "isnot"
    if operator in ("is", "isnot"):
        if value is None or (kind is Kind.BOOLEAN and isinstance(value, bool)):
            return field, operator, value
        raise _broken("filter", f"{field} {operator} needs {'true, false or ' if kind is Kind.BOOLEAN else ''}null")
    if operator not in _OPERATORS[kind]:
        raise _broken("filter", f"{field} is {kind.value}, which {operator} does not compare")
    if operator == "in":
        if not isinstance(value, list):
            raise _broken("filter", f"{field} in needs a list")
        return field, operator, [_value(field, kind, one) for one in value]
    return field, operator, _value(field, kind, value)


def _value(field: str, kind: Kind, value: Value) -> Value:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is Kind.MOMENT and isinstance(value, str):
        return _seconds(field, value)
    fits = {
        Kind.TEXT: isinstance(value, str),
        Kind.NUMBER: is_number,
        Kind.BOOLEAN: isinstance(value, bool),
        Kind.MOMENT: is_number,
    }
    if not fits[kind]:
        raise _broken("filter", f"{field} is {kind.value}")
    return value


def _seconds(field: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _broken("filter", f"{field} is {Kind.MOMENT.value}, {text[:40]!r} is not") from None
