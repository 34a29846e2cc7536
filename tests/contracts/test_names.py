"""One name, one class: whoever reads a name in a log, a traceback or a diff knows which class it is."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from .test_house import module_name, sources

SERVER_SIDE = ("hanami_core", "hanami_server", "hanami_plugins")

SHARED = {
    "Settings": "of a server, and of a template: both are contracts, and plugins import them by these names",
}
"""Names that several classes still have, and why; a name that is no longer shared must go."""


@cache
def classes() -> dict[str, list[str]]:
    """Return where the classes of each name are. Migrations are left out: they repeat models as they once were."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources(*SERVER_SIDE):
        for name in names_in(ast.parse(path.read_text(encoding="utf-8"))):
            found[name].append(module_name(path))
    return found


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names of all classes but the options of models, which peewee wants to be called ``Meta``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name != "Meta":
            yield node.name


def test_no_two_classes_share_a_name() -> None:
    shared = {name: places for name, places in classes().items() if len(places) > 1 and name not in SHARED}
    assert not shared


def test_exceptions_are_still_needed() -> None:
    found = classes()
    assert [name for name in SHARED if len(found[name]) < 2] == []


def test_classes_are_found_wherever_they_are() -> None:
    tree = ast.parse("class A:\n class Meta: pass\n class _B: pass\ndef f():\n class C: pass")
    assert sorted(names_in(tree)) == ["A", "C", "_B"]
