"""Looks at OpenAPI documents, as far as the plugin that makes them has a say. Must not know any Api."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["faults_of", "operations"]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PARAMETER = re.compile(r"\{([^{}]*)\}")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of all operations."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def faults_of(document: dict[str, Any]) -> Iterator[str]:
    """Return what makes a document invalid."""
    if not any(re.fullmatch(r"3\.[01]\.[0-9]+", value) for value in document.values() if isinstance(value, str)):
        yield "nothing tells which version of OpenAPI it follows"
    for name in ("title", "version"):
        if not isinstance(document.get("info", {}).get(name), str):
            yield f"info has no {name}"
    known: list[object] = []
    for method, path, operation in operations(document):
        yield from (f"{method} {path}: {fault}" for fault in _faults(path, operation))
        identity = operation.get("operationId")
        if identity is not None and identity in known:
            yield f"{method} {path}: the operationId {identity} stands there twice"
        known.append(identity)
    yield from (f"{text} leads nowhere" for text in _references(document) if not _leads(document, text))
    yield from _securities(document)


def _faults(path: str, operation: dict[str, Any]) -> Iterator[str]:
    if not path.startswith("/"):
        yield "the path does not begin with a slash"
    if not operation.get("responses"):
        yield "there are no responses"
    for status, response in operation.get("responses", {}).items():
        if not re.fullmatch(r"[1-5]([0-9]{2}|XX)|default", status):
            yield f"{status} is not a status"
        if "description" not in response and "$ref" not in response:
            yield f"the response {status} has no description"
    given = operation.get("parameters", [])
    named = {one.get("name") for one in given if one.get("in") == "path" and one.get("required") is True}
    if named != set(_PARAMETER.findall(path)):
        yield f"the path parameters {sorted(map(str, named))} are described"
    places = [(one.get("name"), one.get("in")) for one in given]
    if len(set(places)) < len(places):
        yield "a parameter stands there twice"


def _securities(document: dict[str, Any]) -> Iterator[str]:
    known = set(document.get("components", {}).get("securitySchemes", {}))
    required = [document, *(operation for _, _, operation in operations(document))]
    for name in {name for one in required for choice in one.get("security", []) for name in choice} - known:
        yield f"the security scheme {name} is not described"


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _leads(document: object, reference: str) -> bool:
    place = document
    for part in reference.removeprefix("#/").split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or part not in place:
            return False
        place = place[part]
    return True
