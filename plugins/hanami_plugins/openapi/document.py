"""From the routes of an Api to an OpenAPI 3.1 document. Knows no server."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, get_args
from urllib.parse import quote

import msgspec

from hanami_core.http import Api, BoundRoute, Download, Events, File, Page, Route, RouteGroup, Stream
from hanami_core.http.keyed import HEADER, LONGEST
from hanami_core.http.paths import parameters, without_converters
from hanami_plugins.openapi.docstrings import attributes, introduction
from hanami_plugins.openapi.examples import NONE, Schema, complete, example, member, placeholder
from hanami_plugins.openapi.samples import curl
from hanami_plugins.openapi.schemas import components, describable

__all__ = ["describe"]

_NO_WORD = re.compile(r"[^A-Za-z0-9]+")

DONE = "Done."
BODIES = ("POST", "PUT", "PATCH")
RAW: dict[Any, str] = {
    Page: "text/html",
    File: "application/octet-stream",
    Download: "application/octet-stream",
    Stream: "application/octet-stream",
    Events: "text/event-stream",
}
"""Answers that are not JSON, by type."""
FILES = (File, Download, Stream)
"""Answers that are files."""
CONVERTED: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}
"""Parameters of paths that are not plain texts, by converter."""
CONTENT: Schema = {"schema": {"type": "string", "format": "binary"}}
BYTES: Schema = {"application/octet-stream": CONTENT}
"""Content of a body that is not made of fields."""

KEY: Schema = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The same call with the same key is carried out once, and answered as the first time for a day.",
    "example": "4f0c2a",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}


@dataclass(frozen=True)
class Described:
    """A route with the schemas of its types.

    Attributes:
        bound: the route.
        fields: schemas of all fields of a request, wherever they are sent, and which of them are required.
        body: what is sent in the body; None if nothing is described.
        answers: the answer, of which there can be several kinds.
        known: all schemas of the document, by name.
    """

    bound: BoundRoute
    fields: Schema
    body: Schema | None
    answers: list[Schema]
    known: dict[str, Schema]


def describe(api: Api, routes: Iterable[BoundRoute], version: str) -> Schema:
    """Return the document of an Api.

    Args:
        api: the Api.
        routes: its routes; those of a group keep their order.
        version: version of the software.
    """
    ordered = sorted(routes, key=lambda bound: (_group(bound.route).place, _group(bound.route).name))
    types = [_types(bound) for bound in ordered]
    references, schemas = components([kind for of_route in types for kind in of_route if kind is not None], api)
    schema_of = iter(references)
    paths: dict[str, Schema] = {}
    for bound, of_route in zip(ordered, types, strict=True):
        body = None if of_route[0] is None else next(schema_of)
        answers = [next(schema_of) for _ in of_route[1:]]
        found = Described(bound, _fields(bound.route.fields, bound.api), body, answers, schemas)
        # OpenAPI knows no converters of parameters.
        paths.setdefault(without_converters(bound.path), {})[bound.route.method.lower()] = _operation(found)
    about = api.description
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": version, "description": about.about},
        "security": [{name: []} for name in about.security],
        "x-prefix": api.prefix,
        "tags": _tags(ordered),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {name: _error(text, about.error_type) for name, text in about.errors.values()},
            "securitySchemes": {name: dict(scheme) for name, scheme in about.security.items()},
        },
    }


def _group(route: Route) -> RouteGroup:
    return route.group or RouteGroup(route.action.partition(".")[0], "")


def _tags(ordered: Iterable[BoundRoute]) -> list[Schema]:
    tags: dict[str, str] = {}
    for bound in ordered:
        group = _group(bound.route)
        tags[group.name] = tags.get(group.name) or group.about
    return [{"name": name} | ({"description": about} if about else {}) for name, about in tags.items()]


def _types(bound: BoundRoute) -> list[object]:
    """Return the types of a route that need schemas: of the body, None if it has no fields, and of the answers."""
    body = _body(bound)
    kinds = [kind for kind in _kinds(bound.route.response) if kind is not None and kind not in RAW]
    return [kind if kind is None or describable(kind, bound.api) else Any for kind in (body, *kinds)]


def _fields(fields: type[msgspec.Struct] | None, api: Api) -> Schema:
    # On their own: fields of queries and paths are parameters, so their structs have no place among the schemas.
    if fields is None or not describable(fields, api):
        return {}
    found, known = components([fields], api)
    return member(found[0], known)


def _kinds(response: object) -> list[object]:
    return list(get_args(response)) if isinstance(response, UnionType) else [response]


def _body(bound: BoundRoute) -> type[msgspec.Struct] | None:
    """Return the struct of a body: that of the request, without what the path says already."""
    request = bound.route.fields
    if request is None or bound.route.method not in BODIES:
        return None
    known = {parameter.name for parameter in parameters(bound.path)}
    if not known & set(request.__struct_fields__):
        return request
    texts = attributes(request)
    left = [
        (found.encode_name, _described(found, texts), _default(found))
        for found in msgspec.structs.fields(request)
        if found.encode_name not in known
    ]
    if not left:
        return None
    doc = {"__doc__": request.__doc__}
    strict = request.__struct_config__.forbid_unknown_fields
    return msgspec.defstruct(request.__name__, left, namespace=doc, forbid_unknown_fields=strict, kw_only=True)


def _described(found: msgspec.structs.FieldInfo, texts: Mapping[str, str]) -> object:
    # The docstrings of bases are those of the whole struct.
    text = texts.get(found.encode_name)
    return found.type if text is None else Annotated[found.type, msgspec.Meta(description=text)]


def _default(found: msgspec.structs.FieldInfo) -> object:
    if found.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=found.default_factory)
    return msgspec.field() if found.required else msgspec.field(default=found.default)


def _operation(found: Described) -> Schema:
    route = found.bound.route
    path = without_converters(found.bound.path)
    summary, _, more = (inspect.getdoc(route.handler) or route.action).partition("\n")
    errors = found.bound.api.description.errors
    responses = {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in errors.items()}
    operation: Schema = {
        "operationId": _NO_WORD.sub("_", f"{route.method.lower()}{path}").strip("_"),
        "tags": [_group(route).name],
        "summary": summary.rstrip("."),
        "responses": {str(route.success): {"description": DONE} | _content(found)} | responses,
    }
    if more.strip():
        operation["description"] = introduction(more)
    if route.anonymous:
        operation["security"] = []
    given = _path_parameters(found)
    if route.raw_body:
        operation["requestBody"] = {"required": True, "content": BYTES}
    if route.method in BODIES and not route.raw_body:
        if (body := _request_body(found)) is not None:
            operation["requestBody"] = body
        if route.content is not None:
            of_kinds = dict.fromkeys(route.content.media_types, CONTENT)
            operation["requestBody"] = {"required": True, "content": operation["requestBody"]["content"] | of_kinds}
            # A call whose body are fields has all of them there.
            fields = _fields(route.content.request, found.bound.api)
            given += [one | {"required": False} for one in _query_parameters(fields)]
    else:
        known = {parameter["name"] for parameter in given}
        given += [one for one in _query_parameters(found.fields) if one["name"] not in known]
    if route.keyed:
        given.append(KEY)
    if given:
        operation["parameters"] = given
    operation["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": _sample(found, operation)}]
    return operation


def _content(found: Described) -> Schema:
    """Return what an answer contains, by media type."""
    content: dict[str, Schema] = {RAW[kind]: {} for kind in _kinds(found.bound.route.response) if kind in RAW}
    if found.answers:
        schemas = [{name: value for name, value in one.items() if name != "examples"} for one in found.answers]
        shown: Schema = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
        made = example(found.answers[0], found.known)
        content = {"application/json": shown | ({} if made is NONE else {"example": made})} | content
    return {"content": content} if content else {}


def _request_body(found: Described) -> Schema | None:
    route = found.bound.route
    if found.body is not None:
        schema = member(found.body, found.known)
        made = complete(schema, found.known, route.example)
        return {"required": True, "content": {"application/json": {"schema": found.body, "example": made}}}
    return {"required": True, "content": {"*/*": {}}} if route.fields is None else None


def _path_parameters(found: Described) -> list[Schema]:
    known = found.fields.get("properties", {})
    return [
        _parameter(name, "path", True, known.get(name, {})) | {"schema": dict(CONVERTED.get(kind, {"type": "string"}))}
        for name, kind in parameters(found.bound.path)
    ]


def _query_parameters(fields: Schema) -> list[Schema]:
    required, properties = fields.get("required", ()), fields.get("properties", {})
    return [_parameter(name, "query", name in required, field) for name, field in properties.items()]


def _parameter(name: str, place: str, required: bool, field: Schema) -> Schema:
    parameter: Schema = {"name": name, "in": place, "required": required}
    if "description" in field:
        parameter["description"] = field["description"]
    if "examples" in field:
        parameter["example"] = field["examples"][0]
    plain = {name: value for name, value in field.items() if name not in ("description", "examples")}
    return parameter | {"schema": _without_null(plain)}


def _without_null(schema: Schema) -> Schema:
    # A query can leave a field out, but it cannot say null.
    members = [member for member in schema.get("anyOf", [schema]) if member != {"type": "null"}]
    given = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if schema.get("default") is not None:
        given["default"] = schema["default"]
    return (members[0] if len(members) == 1 else {"anyOf": members}) | given


def _sample(found: Described, operation: Schema) -> str:
    """Return the call as a command, with the values of the worked example."""
    route = found.bound.route
    path, query = without_converters(found.bound.path), {}
    for parameter in operation.get("parameters", ()):
        value = parameter.get("example", placeholder(parameter["schema"]))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
        elif parameter["in"] == "query" and (parameter["required"] or parameter["name"] in route.example):
            query[parameter["name"]] = value
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("example")
    return curl(found.bound, path, query, body, saves=route.response in FILES, sends=route.raw_body)


def _error(text: str, media: str) -> Schema:
    return {
        "description": text,
        "content": {media: {"schema": {"type": "string" if media == "text/plain" else "object"}}},
    }
