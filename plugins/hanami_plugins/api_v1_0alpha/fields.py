"""From the body and the query of a request to a mapping of field values, as the wire fixes it.

Must not know what the fields mean; `hanami_plugins.api_v1_0alpha.validation` checks them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate, chain
from typing import Any
from urllib.parse import unquote

import msgspec

from hanami_core.errors import BadRequest

__all__ = ["decode_body", "merge", "parse_query"]

LARGEST_INTEGER = (1 << 63) - 1
DEEPEST = 64
_INTEGER = re.compile(r"-?[0-9]+")
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LONGEST_NUMBER = 32
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * len(str(LARGEST_INTEGER))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_TEXTS = re.compile(rb'"[^"]*"')
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"\\'))


def decode_body(body: bytes) -> dict[str, object]:
    """Return the object that a JSON text describes.

    Raises:
        BadRequest: if it is none, is nested too deeply, or has a number that 64 bits cannot hold.
    """
    try:
        values = msgspec.json.decode(body)
    except RecursionError:
        raise BadRequest("body_nested_too_deeply") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise BadRequest("body_invalid", reason=str(error)) from None
    if not isinstance(values, dict):
        raise BadRequest("body_no_object")
    if not _is_harmless(body):
        _check(values)
    return values


def _is_harmless(body: bytes) -> bool:
    """Tell whether a JSON text can neither be nested too deeply nor have a number that is too big; some that say no.

    A text with thousands of numbers is looked at in a hundredth of the time that its values take.
    """
    if _LONG_NUMBER in body.translate(_AS_ZEROS):
        return False
    structure = body.translate(None, _NO_STRUCTURE)
    if len(structure) < DEEPEST:
        return True
    if b"\\" in structure:  # which may hide the end of a text
        return False
    levels = accumulate(map(_STEPS.__getitem__, _TEXTS.sub(b"", structure)))
    return max(levels, default=0) < DEEPEST


def _check(values: dict[str, object]) -> None:
    level: list[Any] = [values]
    for _ in range(DEEPEST):
        kinds = set(map(type, level))  # a long list of numbers is passed at the speed of C
        if int in kinds:
            integers = level if len(kinds) == 1 else [value for value in level if type(value) is int]
            if max(integers) > LARGEST_INTEGER or min(integers) < -LARGEST_INTEGER:
                raise BadRequest("body_number_too_big")
        if kinds.isdisjoint((dict, list)):
            return
        inner = [value.values() if type(value) is dict else value for value in level if type(value) in (dict, list)]
        level = list(chain.from_iterable(inner))
    raise BadRequest("body_nested_too_deeply")


def parse_query(query: str) -> dict[str, str]:
    """Return the pairs of a query, percent-decoded once; a ``+`` stays one.

    Raises:
        BadRequest: if a name stands there twice or the decoded text is not UTF-8.
    """
    pairs: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        name = _unquote(name)
        if name in pairs:
            raise BadRequest("field_repeated", field=name)
        pairs[name] = _unquote(value)
    return pairs


def _unquote(text: str) -> str:
    # WSGI hands over bytes as Latin-1.
    try:
        return unquote(text.encode("latin-1"), errors="strict") if "%" in text or not text.isascii() else text
    except UnicodeError:
        raise BadRequest("query_not_utf8") from None


def merge(body: Mapping[str, object], query: Mapping[str, str], types: Mapping[str, str]) -> dict[str, object]:
    """Return the fields of body and query, the query's winning, typed as the request wants them.

    Args:
        body: decoded body.
        query: texts of the query.
        types: name of each known field's JSON type, as `hanami_plugins.api_v1_0alpha.validation.field_types` gives it.

    Raises:
        BadRequest: if a number is out of range.
    """
    return {**body, **{name: _typed(name, text, types.get(name, "")) for name, text in query.items()}}


def _typed(name: str, text: str, kind: str) -> object:
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "int" and _INTEGER.fullmatch(text):
        return _integer(name, text)
    if kind == "float" and len(text) <= _LONGEST_NUMBER and _FLOAT.fullmatch(text):
        return float(text)
    return text


def _integer(name: str, text: str) -> int:
    value = int(text) if len(text) <= _LONGEST_NUMBER else None
    if value is None or abs(value) > LARGEST_INTEGER:
        if text.startswith("-"):
            raise BadRequest("field_too_small", field=name, limit=-LARGEST_INTEGER)
        raise BadRequest("field_too_big", field=name, limit=LARGEST_INTEGER)
    return value
