"""Worked examples, made of the examples in schemas. Knows no routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["NONE", "Schema", "complete", "example", "member", "placeholder"]

Schema = dict[str, Any]
NONE: Any = object()
"""There is no example."""
PLACEHOLDERS: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 1.0, "boolean": True, "array": []}
"""Values of fields that nobody gave an example for, by type."""
DEPTH = 8
"""A schema that contains itself ends there."""


def example(schema: Schema, known: Mapping[str, Schema], depth: int = 0) -> object:
    """Return the example of a value, or `NONE` if neither the schema nor what it is made of has one.

    Args:
        schema: of the value.
        known: the schemas that it may refer to, by name.
        depth: of the value in the whole example.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        target = member(schema, known)
        if "properties" not in target:
            return example(target, known, depth + 1) if depth < DEPTH else NONE
        # What may be missing is not typical, unless there is nothing else.
        more = () if target.get("required") else target["properties"]
        return complete(target, known, more, depth + 1) if depth < DEPTH else {}
    if schema.get("type") == "boolean":
        return True  # an option that is used says more than one that is not
    if schema.get("default") not in (None, "", [], {}):
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        found = (example(one, known, depth) for one in schema["anyOf"] if one != {"type": "null"})
        return next((one for one in found if one is not NONE), NONE)
    return _of_type(schema, known, depth)


def _of_type(schema: Schema, known: Mapping[str, Schema], depth: int) -> object:
    if schema.get("type") == "array" and "items" in schema:
        item = example(schema["items"], known, depth)
        return NONE if item is NONE else [item]
    return NONE


def complete(
    schema: Schema, known: Mapping[str, Schema], more: Iterable[str] = (), depth: int = 0
) -> dict[str, object]:
    """Return the worked example of an object: its required fields, and the optional ones in `more`."""
    fields = schema.get("properties", {})
    made: dict[str, object] = {}
    for name in (*schema.get("required", ()), *more):
        if name in fields:
            value = example(fields[name], known, depth)
            made[name] = placeholder(fields[name]) if value is NONE else value
    return made


def placeholder(schema: Schema) -> object:
    """Return some value of the type of a field that has no example."""
    plain = next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)
    if "minimum" in plain:
        return plain["minimum"]
    kind = plain.get("type")
    return PLACEHOLDERS.get(kind, {}) if isinstance(kind, str) else None


def member(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    """Return the schema that another one refers to, or itself."""
    return known[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
