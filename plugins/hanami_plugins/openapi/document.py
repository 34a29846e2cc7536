"""From routes to an OpenAPI 3.1 document. Knows routes only, no server."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, get_args

import msgspec

from hanami_core.http.routes import Page, Route

__all__ = ["describe"]

Schema = dict[str, Any]

TEMPLATE = "#/components/schemas/{name}"
SECURITY = "token"
ERRORS = {
    "400": ("BadRequest", "A field breaks a rule; the text names both."),
    "401": ("Unauthorized", "No valid token, or not allowed."),
    "404": ("NotFound", "Does not exist, or is not visible to the caller."),
    "409": ("Conflict", "Contradicts what is there."),
    "500": ("InternalError", "A defect of the server; the text has a number that stands in its log."),
}
ABOUT = """\
Every answer but 200 is plain text that says what is wrong. A token comes from `POST /v1.0alpha/token`, goes into the
header `X-Auth-Token` and ends with its user, its place in a project or its passphrase. Fields of GET and DELETE stand
in the query, those of POST and PUT in a JSON object; unknown fields are refused. Lengths of texts count bytes in UTF-8.
"""


def describe(routes: Iterable[Route], version: str) -> Schema:
    """Return the document of some routes.

    Args:
        routes: what to describe.
        version: version of the software.
    """
    ordered = sorted(routes, key=lambda route: (route.path, route.method))
    types = [_types(route) for route in ordered]
    kinds = [kind for of_route in types for found in of_route.values() for kind in found]
    references, schemas = msgspec.json.schema_components(kinds, ref_template=TEMPLATE)
    schema_of = iter(references)
    paths: dict[str, Schema] = {}
    for route, of_route in zip(ordered, types, strict=True):
        own = {role: _either([next(schema_of) for _ in found]) for role, found in of_route.items()}
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, own)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hanami", "version": version, "description": ABOUT},
        "security": [{SECURITY: []}],
        "paths": paths,
        "components": {
            "schemas": _tidy(schemas),
            "responses": {name: _error(text) for name, text in ERRORS.values()},
            "securitySchemes": {SECURITY: {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
        },
    }


def _types(route: Route) -> dict[str, list[Any]]:
    """Return which types of a route need schemas: the body's and the answer's, of which there can be several."""
    found = {"request": [route.request]} if _has_body(route) else {}
    if route.response is not Page:
        found["response"] = (
            list(get_args(route.response)) if isinstance(route.response, UnionType) else [route.response]
        )
    return {role: [kind if _describable(kind) else Any for kind in kinds] for role, kinds in found.items()}


def _either(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _describable(kind: Any) -> bool:
    # One route of some plugin with a type of its own must not cost the document of all others.
    try:
        msgspec.json.schema(kind)
    except TypeError:
        return False
    return True


def _has_body(route: Route) -> bool:
    return route.method in ("POST", "PUT")


def _operation(route: Route, schemas: Mapping[str, Schema]) -> Schema:
    summary, _, more = (inspect.getdoc(route.handler) or route.action).partition("\n")
    good = {"application/json": {"schema": schemas["response"]}} if "response" in schemas else {"text/html": {}}
    operation: Schema = {
        "operationId": f"{route.method.lower()}{route.path}".replace("/", "_"),
        "tags": [route.action.partition(".")[0]],
        "summary": summary.rstrip("."),
        "responses": {"200": {"description": "Done.", "content": good}}
        | {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in ERRORS.items()},
    }
    if more.strip():
        operation["description"] = more.strip()
    if route.anonymous:
        operation["security"] = []
    if _has_body(route):
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas["request"]}}}
    elif route.request.__struct_fields__:
        operation["parameters"] = _parameters(route.request)
    return operation


def _parameters(request: type[msgspec.Struct]) -> list[Schema]:
    document = msgspec.json.schema(request)
    schema = document["$defs"][document["$ref"].rpartition("/")[2]]
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": _without_null(field)}
        for name, field in schema["properties"].items()
    ]


def _without_null(schema: Schema) -> Schema:
    # A query can leave a field out, but it can not say null.
    members = [member for member in schema.get("anyOf", [schema]) if member != {"type": "null"}]
    given = {"default": schema["default"]} if schema.get("default") else {}
    return (members[0] if len(members) == 1 else {"anyOf": members}) | given


def _tidy(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return schemas with descriptions free of the indentation of their source."""
    return {
        name: schema | {"description": inspect.cleandoc(schema["description"])} if "description" in schema else schema
        for name, schema in sorted(schemas.items())
    }


def _error(text: str) -> Schema:
    return {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
