"""From the struct of a request to values that it does not allow, and from an answer to what its type does not describe.

Must not know any route.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import inspect as inspection

from hanami_core.clock import Moment
from hanami_core.http.fields import value_type

__all__ = ["WrongField", "undescribed", "wrong_fields"]

LONG = 5000

_IN_BODY: tuple[tuple[type, Any], ...] = (
    (inspection.BoolType, "x"),
    (inspection.IntType, "x"),
    (inspection.FloatType, "x"),
    (inspection.StrType, 5),
    (inspection.ListType, 5),
    (inspection.DictType, 5),
    (inspection.StructType, 5),
)
_IN_QUERY = _IN_BODY[:3]


class WrongField(NamedTuple):
    """A value that a field does not allow."""

    name: str
    value: Any


def wrong_fields(struct: type[msgspec.Struct], *, query: bool) -> Iterator[WrongField]:
    """Return values of a wrong type and values just outside of their limits, for each field that has any.

    With `query` they are such that a query can say.
    """
    info = inspection.type_info(struct)
    assert isinstance(info, inspection.StructType)
    for field in info.fields:
        kind = _without_null(value_type(field.type))
        for expected, value in _IN_QUERY if query else _IN_BODY:
            if isinstance(kind, expected):
                yield WrongField(field.encode_name, value)
        yield from (WrongField(field.encode_name, value) for value in _outside(kind))


def _without_null(kind: inspection.Type) -> inspection.Type:
    if not isinstance(kind, inspection.UnionType):
        return kind
    members = [member for member in kind.types if not isinstance(member, inspection.NoneType)]
    return members[0] if len(members) == 1 else kind


def _outside(kind: inspection.Type) -> Iterator[object]:
    if isinstance(kind, inspection.IntType | inspection.FloatType):
        yield from () if kind.ge is None else (kind.ge - 1,)
        yield from () if kind.le is None else (kind.le + 1,)
    if isinstance(kind, inspection.StrType):
        if kind.max_length is not None:
            yield "x" * (kind.max_length + 1)
        elif kind.pattern is not None and kind.pattern.startswith("^"):
            yield "\x7f" * LONG


def undescribed(value: object, kind: object) -> str | None:
    """Return what of an answer its type does not describe, or None; `value` is decoded JSON."""
    faults = [_undescribed(value, one) for one in (get_args(kind) if isinstance(kind, UnionType) else (kind,))]
    return None if None in faults else faults[0]


def _undescribed(value: Any, kind: object) -> str | None:
    try:
        msgspec.convert(value, kind, dec_hook=_any)
    except msgspec.ValidationError as error:
        return str(error)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        surplus = set(value) - set(kind.__struct_encode_fields__)
        return f"nothing is said of {', '.join(sorted(surplus))}" if surplus else None
    return None


def _any(kind: type, value: object) -> object:
    # How an Api writes what JSON does not know is its own affair.
    if kind is Moment:
        return Moment(None)
    return BaseException.__new__(kind) if issubclass(kind, BaseException) else object.__new__(kind)
