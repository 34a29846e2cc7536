"""From types to JSON schemas in which every field has what is known of it: a description and an example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hanami_core.http import Api
from hanami_plugins.openapi.docstrings import attributes, introduction
from hanami_plugins.openapi.examples import NONE, Schema, example

__all__ = ["components", "describable"]

TEMPLATE = "#/components/schemas/{name}"
LIFTED = ("description", "examples")


def describable(kind: object, api: Api) -> bool:
    """Tell whether a schema can be made of a type; one that is strange must not cost the document of all others."""
    try:
        msgspec.json.schema(kind, schema_hook=api.schema)
    except (TypeError, NotImplementedError):
        return False
    return True


def components(kinds: list[object], api: Api) -> tuple[list[Schema], dict[str, Schema]]:
    """Return the schema of each type, and the schemas that they refer to, by name."""
    classes = list(_classes(kinds))
    found, known = msgspec.json.schema_components([*kinds, *classes], schema_hook=api.schema, ref_template=TEMPLATE)
    schemas = {name: known[name] for name in sorted(known)}
    for kind, schema in zip(classes, found[len(kinds) :], strict=True):
        if "$ref" in schema:
            _describe(kind, schemas[schema["$ref"].rpartition("/")[2]])
    for schema in schemas.values():
        _add_examples(schema, schemas)
    return list(found[: len(kinds)]), schemas


def _classes(kinds: Iterable[object]) -> Iterator[type]:
    """Yield all classes with fields that types are made of."""
    seen: set[type] = set()
    waiting = list(msgspec.inspect.multi_type_info(kinds))
    while waiting:
        info = waiting.pop()
        kind = getattr(info, "cls", None)
        if kind is not None and hasattr(info, "fields"):
            if kind in seen:
                continue
            seen.add(kind)
            yield kind
        waiting += _parts(info)


def _parts(info: object) -> list[msgspec.inspect.Type]:
    """Return the types that a type is made of."""
    found = [getattr(info, name, None) for name in ("type", "item_type", "key_type", "value_type")]
    found += [*getattr(info, "types", ()), *getattr(info, "item_types", ())]
    found += [field.type for field in getattr(info, "fields", ())]
    return [one for one in found if isinstance(one, msgspec.inspect.Type)]


def _describe(kind: type, schema: Schema) -> None:
    text = introduction(kind.__doc__ or "")
    if "description" in schema and text:
        schema["description"] = text
    described = attributes(kind)
    for name, field in schema.get("properties", {}).items():
        _lift(field)
        if name in described:
            field["description"] = described[name]


def _lift(field: Schema) -> None:
    # What a type says of itself is true of a field that may also be null.
    members = [one for one in field.get("anyOf", ()) if one != {"type": "null"}]
    for name in LIFTED:
        if name not in field and members and name in members[0]:
            field[name] = members[0].pop(name)


def _add_examples(schema: Schema, known: dict[str, Schema]) -> None:
    for field in schema.get("properties", {}).values():
        value = example(field, known)
        if value is not NONE:
            field.setdefault("examples", [value])
