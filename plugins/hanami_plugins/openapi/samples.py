"""Calls as commands that a shell runs. The variables ``API`` and ``TOKEN`` are the user's."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hanami_core.http import Api, BoundRoute

__all__ = ["curl"]

Scheme = Mapping[str, Any]


def curl(
    bound: BoundRoute, path: str, query: Mapping[str, object], body: object, *, saves: bool, sends: bool = False
) -> str:
    """Return a call as a command of curl.

    Args:
        bound: the route.
        path: its path with the values of its parameters.
        query: fields of the query.
        body: what is sent as JSON, None for nothing.
        saves: whether the answer is a file.
        sends: whether the body is a file.
    """
    pairs = "&".join(f"{quote(name)}={quote(_text(value))}" for name, value in query.items())
    target = f"{_address(bound, path)}?{pairs}" if pairs else _address(bound, path)
    head = bound.route.method == "HEAD"
    words = ["curl", "-sO" if saves else "-sI" if head else "-s"]
    if not head and bound.route.method != ("GET" if body is None else "POST"):
        words += ["-X", bound.route.method]
    words.append(f'"{target}"')
    if not bound.route.anonymous:
        words += _credential(bound.api)
    if body is not None:
        words += ["-d", shlex.quote(json.dumps(body, ensure_ascii=False))]
    if sends:
        words += ["--data-binary", "@FILE"]
    return " ".join(words)


def _address(bound: BoundRoute, path: str) -> str:
    prefix = bound.api.prefix
    if not prefix:
        return f"$API{path}"
    return f"${{API%{prefix}}}{path}" if bound.route.root else f"$API{path.removeprefix(prefix)}"


def _credential(api: Api) -> list[str]:
    """Return the option that adds the token, as the first scheme of an Api that takes one wants it."""
    for scheme in api.description.security.values():
        if scheme.get("type") == "apiKey" and scheme.get("in") == "header":
            return ["-H", f'"{scheme["name"]}: $TOKEN"']
        if scheme.get("type") == "http" and scheme.get("scheme") == "bearer":
            return ["-H", '"Authorization: Bearer $TOKEN"']
    return []


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
