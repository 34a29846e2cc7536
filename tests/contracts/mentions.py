"""Which classes of core the signatures of hooks and contracts mention."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from tests.contracts.reference import public_members

__all__ = ["classes_in", "imports", "mentioned", "name_of", "signature_texts"]


def name_of(item: type) -> str:
    """Return the full name of a class."""
    return f"{item.__module__}.{item.__qualname__}"


def mentioned(item: type) -> Iterator[str]:
    """Iterate over the classes of core that the public fields and methods of a class mention."""
    fields = [str(kind) for name, kind in vars(item).get("__annotations__", {}).items() if not name.startswith("_")]
    methods = [text for function in public_members(item).values() for text in signature_texts(function)]
    yield from classes_in([*fields, *methods], item.__module__)


def signature_texts(function: Any) -> list[str]:
    """Return all annotations of a function."""
    signature = inspect.signature(function)
    return [str(p.annotation) for p in signature.parameters.values()] + [str(signature.return_annotation)]


def classes_in(texts: list[str], module: str) -> dict[str, type]:
    """Return the classes of core that annotations in a module mention, by their full names."""
    known = imports(inspect.getsource(importlib.import_module(module))) | vars(importlib.import_module(module))
    words = {word for text in texts for word in re.findall(r"(?<![.\w'])[A-Z]\w+", text)}
    found = [known[word] for word in sorted(words) if word in known]
    core = [item for item in found if isinstance(item, type) and item.__module__.startswith("hanami_core")]
    return {name_of(item): item for item in core}


def imports(text: str) -> dict[str, Any]:
    """Return what a module imports from core, also what it does for types only."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hanami_core"):
            module = importlib.import_module(node.module or "")
            found |= {name.asname or name.name: getattr(module, name.name, None) for name in node.names}
    return found
