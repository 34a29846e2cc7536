"""From the routes of an Api to an OpenAPI 3.1 document. Knows no server."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, get_args

import msgspec

from hanami_core.http import Api, BoundRoute, Download, Events, File, Page, Route, Stream
from hanami_core.http.keyed import HEADER, LONGEST
from hanami_core.http.paths import parameters, without_converters

__all__ = ["describe"]

Schema = dict[str, Any]

_NO_WORD = re.compile(r"[/{}:]+")

TEMPLATE = "#/components/schemas/{name}"
DONE = "Done."
BODIES = ("POST", "PUT", "PATCH")
RAW: dict[Any, str] = {
    Page: "text/html",
    File: "application/octet-stream",
    Download: "application/octet-stream",
    Stream: "application/octet-stream",
    Events: "text/event-stream",
}
"""Answers that are no JSON, by type."""
CONVERTED: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}
"""Parameters of paths that are no plain texts, by converter."""
KEY: Schema = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The same call with the same key is carried out once, and answered as the first time for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}


def describe(api: Api, routes: Iterable[BoundRoute], version: str) -> Schema:
    """Return the document of an Api.

    Args:
        api: the Api.
        routes: its routes.
        version: version of the software.
    """
    ordered = sorted(routes, key=lambda bound: (bound.path, bound.route.method))
    types = [_types(bound) for bound in ordered]
    kinds = [kind for of_route in types for found in of_route.values() for kind in found]
    references, schemas = msgspec.json.schema_components(kinds, schema_hook=api.schema, ref_template=TEMPLATE)
    schema_of = iter(references)
    paths: dict[str, Schema] = {}
    for bound, of_route in zip(ordered, types, strict=True):
        own = {role: _either([next(schema_of) for _ in found]) for role, found in of_route.items()}
        # OpenAPI knows no converters of parameters.
        paths.setdefault(without_converters(bound.path), {})[bound.route.method.lower()] = _operation(bound, own)
    about = api.description
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": version, "description": about.about},
        "security": [{name: []} for name in about.security],
        "paths": paths,
        "components": {
            "schemas": _tidy(schemas),
            "responses": {name: _error(text, about.error_type) for name, text in about.errors.values()},
            "securitySchemes": {name: dict(scheme) for name, scheme in about.security.items()},
        },
    }


def _types(bound: BoundRoute) -> dict[str, list[Any]]:
    """Return which types of a route need schemas: the body's and the answer's, of which there can be several."""
    route = bound.route
    body = _body(bound)
    found: dict[str, list[Any]] = {} if body is None else {"request": [body]}
    if route.response is not None and route.response not in RAW:
        union = isinstance(route.response, UnionType)
        found["response"] = list(get_args(route.response)) if union else [route.response]
    return {role: [kind if _describable(kind, bound.api) else Any for kind in kinds] for role, kinds in found.items()}


def _either(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _describable(kind: Any, api: Api) -> bool:
    # One route of some plugin with a type of its own must not cost the document of all others.
    try:
        msgspec.json.schema(kind, schema_hook=api.schema)
    except (TypeError, NotImplementedError):
        return False
    return True


def _body(bound: BoundRoute) -> type[msgspec.Struct] | None:
    """Return the struct of a body: that of the request, without what the path says already."""
    request = bound.route.request
    if request is None or bound.route.method not in BODIES:
        return None
    known = {parameter.name for parameter in parameters(bound.path)}
    if not known & set(request.__struct_fields__):
        return request
    left = [
        (found.encode_name, found.type, _default(found))
        for found in msgspec.structs.fields(request)
        if found.encode_name not in known
    ]
    if not left:
        return None
    doc = {"__doc__": request.__doc__}
    return msgspec.defstruct(request.__name__, left, namespace=doc, forbid_unknown_fields=True, kw_only=True)


def _default(found: msgspec.structs.FieldInfo) -> Any:
    if found.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=found.default_factory)
    return msgspec.field() if found.required else msgspec.field(default=found.default)


def _operation(bound: BoundRoute, schemas: Mapping[str, Schema]) -> Schema:
    route = bound.route
    summary, _, more = (inspect.getdoc(route.handler) or route.action).partition("\n")
    responses = {
        status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in bound.api.description.errors.items()
    }
    operation: Schema = {
        "operationId": _NO_WORD.sub("_", f"{route.method.lower()}{without_converters(bound.path)}"),
        "tags": [route.action.partition(".")[0]],
        "summary": summary.rstrip("."),
        "responses": {str(route.success): {"description": DONE} | _content(route, schemas)} | responses,
    }
    if more.strip():
        operation["description"] = more.strip()
    if route.anonymous:
        operation["security"] = []
    given = _path_parameters(bound)
    if "request" in schemas or (route.request is None and route.method in BODIES):
        body = {"application/json": {"schema": schemas["request"]}} if "request" in schemas else {"*/*": {}}
        operation["requestBody"] = {"required": True, "content": body}
    elif route.request is not None:
        known = {parameter["name"] for parameter in given}
        given += [one for one in _parameters(route.request) if one["name"] not in known]
    if route.keyed:
        given.append(KEY)
    if given:
        operation["parameters"] = given
    return operation


def _content(route: Route, schemas: Mapping[str, Schema]) -> Schema:
    if route.response is None:
        return {}
    shown = (
        {"application/json": {"schema": schemas["response"]}} if "response" in schemas else {RAW[route.response]: {}}
    )
    return {"content": shown}


def _path_parameters(bound: BoundRoute) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": dict(CONVERTED.get(kind, {"type": "string"}))}
        for name, kind in parameters(bound.path)
    ]


def _parameters(request: type[msgspec.Struct]) -> list[Schema]:
    if not request.__struct_fields__:
        return []
    document = msgspec.json.schema(request)
    schema = document["$defs"][document["$ref"].rpartition("/")[2]]
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": _without_null(field)}
        for name, field in schema["properties"].items()
    ]


def _without_null(schema: Schema) -> Schema:
    # A query can leave a field out, but it can not say null.
    members = [member for member in schema.get("anyOf", [schema]) if member != {"type": "null"}]
    given = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if schema.get("default") is not None:
        given["default"] = schema["default"]
    return (members[0] if len(members) == 1 else {"anyOf": members}) | given


def _tidy(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return schemas with descriptions free of the indentation of their source."""
    return {
        name: schema | {"description": inspect.cleandoc(schema["description"])} if "description" in schema else schema
        for name, schema in sorted(schemas.items())
    }


def _error(text: str, media: str) -> Schema:
    return {
        "description": text,
        "content": {media: {"schema": {"type": "string" if media == "text/plain" else "object"}}},
    }
