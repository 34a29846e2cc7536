"""The scalars of the schema, as Python has them: parsed JSON, seconds since 1970, canonical UUIDs, integers."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from graphql import GraphQLError

__all__ = ["SCALARS", "Scalar"]

LARGEST = (1 << 63) - 1
LONGEST = 1 << 16
"""Characters of a text that holds JSON."""


class Scalar(NamedTuple):
    """How values of a scalar go out and come in."""

    serialize: Callable[[Any], Any]
    parse: Callable[[Any], Any]


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _json_value(text: object) -> object:
    if not isinstance(text, str) or len(text) > LONGEST:
        raise GraphQLError("a JSONString is a text that holds JSON")
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise GraphQLError("a JSONString is a text that holds JSON") from None


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _seconds(text: object) -> float:
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise GraphQLError("a DateTime is a date in the form of ISO 8601") from None


def _uuid(value: object) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise GraphQLError("a UUID has 32 hexadecimal digits") from None


def _integer(value: object) -> int:
    is_whole = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and value == int(value))
    if isinstance(value, bool) or not is_whole or abs(value) > LARGEST:  # type: ignore[arg-type]
        raise GraphQLError("a BigInt is a whole number of 64 bits")
    return int(value)  # type: ignore[call-overload,no-any-return]


SCALARS: Mapping[str, Scalar] = {
    "JSONString": Scalar(_json_text, _json_value),
    "DateTime": Scalar(_date, _seconds),
    "UUID": Scalar(str, _uuid),
    "BigInt": Scalar(_integer, _integer),
}
