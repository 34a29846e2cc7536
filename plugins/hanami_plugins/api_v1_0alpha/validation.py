"""From a decoded body to a request struct, with the checks that the wire specification fixes.

The order is part of the interface: unknown fields, then missing ones, both in alphabetical order, then per field the
type, the length and the pattern. Nested values are checked by msgspec. Lengths count bytes and come before patterns, so
that no pattern meets a long text. Names are brought into the form in which they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import inspect as inspection

from hanami_core.errors import BadRequest
from hanami_core.http.fields import value_type
from hanami_core.ids import NAME_PATTERN, USER_ID_PATTERN, normalised

S = TypeVar("S", bound=msgspec.Struct)

LONGEST_NAME = 1024
"""Characters of a text that is looked at more closely."""

_TYPE_NAMES: tuple[tuple[type, str, type], ...] = (
    (inspection.BoolType, "bool", bool),
    (inspection.IntType, "int", int),
    (inspection.FloatType, "float", float),
    (inspection.StrType, "string", str),
    (inspection.ListType, "array", list),
    (inspection.DictType, "map", dict),
)
_RULES = {NAME_PATTERN: "name_odd", USER_ID_PATTERN: "user_id_odd"}
"""Codes of errors that say in words what a pattern demands."""


def validate(struct: type[S], values: Mapping[str, object]) -> S:
    """Return `values` as a `struct`.

    Raises:
        BadRequest: for the first rule that is broken.
    """
    fields = _fields(struct)
    if unknown := values.keys() - fields.keys():
        raise BadRequest("field_unknown", field=min(unknown))
    for name in _required(struct):
        if name not in values:
            raise BadRequest("field_missing", field=name)
    names = _names(struct)
    values = {name: _in_one_form(value) if name in names else value for name, value in values.items()}
    for name in sorted(values):
        _check(name, values[name], fields[name].type)
    try:
        return msgspec.convert(values, struct, strict=True)
    except msgspec.ValidationError as error:
        raise BadRequest("values_invalid", reason=str(error)) from error


@cache
def field_types(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return for each field the name of its JSON type, or '' where several besides null are allowed."""
    return {name: _expected(_without_null(field.type))[0] for name, field in _fields(struct).items()}


def _without_null(kind: inspection.Type) -> inspection.Type:
    if not isinstance(kind, inspection.UnionType):
        return kind
    members = [member for member in kind.types if not isinstance(member, inspection.NoneType)]
    return members[0] if len(members) == 1 else kind


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, inspection.Field]:
    get_type_hints(struct, include_extras=True)
    info = inspection.type_info(struct)
    assert isinstance(info, inspection.StructType)
    return {field.encode_name: msgspec.structs.replace(field, type=value_type(field.type)) for field in info.fields}


@cache
def _required(struct: type[msgspec.Struct]) -> list[str]:
    """Return the fields that a request must have, in alphabetical order."""
    return sorted(name for name, field in _fields(struct).items() if field.required)


@cache
def _names(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields that hold a name of something."""
    kinds = {name: _without_null(field.type) for name, field in _fields(struct).items()}
    return frozenset(
        name for name, kind in kinds.items() if isinstance(kind, inspection.StrType) and kind.pattern == NAME_PATTERN
    )


def _expected(kind: inspection.Type) -> tuple[str, type | None]:
    for cls, name, python in _TYPE_NAMES:
        if isinstance(kind, cls):
            return name, python
    return "", None


def _in_one_form(value: object) -> object:
    # A longer text is refused as it is.
    return normalised(value) if isinstance(value, str) and len(value) <= LONGEST_NAME else value


def _check(name: str, value: Any, kind: inspection.Type) -> None:
    if isinstance(kind, inspection.UnionType):
        if value is None and any(isinstance(member, inspection.NoneType) for member in kind.types):
            return
        kind = _member_for(value, kind)
    expected, python = _expected(kind)
    if python is not None and type(value) is not python:
        raise BadRequest("field_wrong_type", field=name, type=expected)
    if isinstance(kind, inspection.StrType):
        _check_text(name, value, kind)
    if isinstance(kind, (inspection.IntType, inspection.FloatType)):
        _check_number(name, value, kind)


def _member_for(value: object, union: inspection.UnionType) -> inspection.Type:
    fitting = (member for member in union.types if _expected(member)[1] is type(value))
    typed = (member for member in union.types if _expected(member)[1] is not None)
    return next(fitting, None) or next(typed, None) or union


def _check_text(name: str, value: str, kind: inspection.StrType) -> None:
    length = len(value.encode(errors="surrogatepass"))
    if kind.max_length is not None and length > kind.max_length:
        raise BadRequest("field_too_long", field=name, limit=kind.max_length)
    if kind.pattern is not None and not re.fullmatch(kind.pattern, value):
        raise BadRequest(_RULES.get(kind.pattern, "field_no_match"), field=name, pattern=kind.pattern)
    if kind.min_length is not None and length < kind.min_length:
        raise BadRequest("field_too_short", field=name, limit=kind.min_length)


def _check_number(name: str, value: float, kind: inspection.IntType | inspection.FloatType) -> None:
    if kind.ge is not None and value < kind.ge:
        raise BadRequest("field_too_small", field=name, limit=kind.ge)
    if kind.le is not None and value > kind.le:
        raise BadRequest("field_too_big", field=name, limit=kind.le)
