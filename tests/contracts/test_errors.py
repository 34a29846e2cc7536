"""Errors carry codes, and the Api that answers has a sentence for each.

Read from the sources: whoever raises a code without a sentence, or a sentence in place of a code, learns it here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

from hanami_core import errors
from hanami_core.errors import VisibleError
from hanami_plugins.api_backendai.sentences import SENTENCES as SENTENCES_OF_BACKENDAI
from hanami_plugins.api_control_v1.sentences import SENTENCES as SENTENCES_OF_V04
from hanami_plugins.api_inference.sentences import SENTENCES as SENTENCES_OF_INFERENCE
from hanami_plugins.api_v1_0alpha.sentences import SENTENCES
from hanami_plugins.backendai_admin.sentences import SENTENCES as SENTENCES_OF_GRAPHQL
from hanami_plugins.backendai_dotfiles.sentences import SENTENCES as SENTENCES_OF_DOTFILES
from hanami_plugins.backendai_folders.sentences import SENTENCES as SENTENCES_OF_VIRTUAL_FOLDERS
from hanami_plugins.backendai_templates.sentences import SENTENCES as SENTENCES_OF_TEMPLATES
from tests.contracts.test_house import PACKAGES, sources

CODE = re.compile(r"[a-z][a-z0-9_]*")
EXPLAINED = {"InvalidFile", "TaskError", "TemplateError"}
"""Errors of parsers, which explain a place and a rule in a sentence, and of tasks, whose reason may be one."""
VISIBLE = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, VisibleError)
} - EXPLAINED


@dataclass(frozen=True)
class Site:
    """A place where an error gets its code. `code` is None for a sentence or nothing, `known` are its parameters."""

    place: str
    code: str | None
    known: frozenset[str] | None


def sentences_at(place: str) -> Mapping[str, str]:
    """Return the sentences of the Api that answers what is raised at a place: for features, those of the native one."""
    own = {"api_control_v1": SENTENCES_OF_V04, "api_inference": SENTENCES_OF_INFERENCE}
    own["api_backendai"] = SENTENCES_OF_BACKENDAI
    own["backendai_admin"] = SENTENCES_OF_BACKENDAI | SENTENCES_OF_GRAPHQL
    own["backendai_dotfiles"] = SENTENCES_OF_BACKENDAI | SENTENCES_OF_DOTFILES
    own["backendai_folders"] = SENTENCES_OF_BACKENDAI | SENTENCES_OF_VIRTUAL_FOLDERS
    own["backendai_templates"] = SENTENCES_OF_BACKENDAI | SENTENCES_OF_TEMPLATES
    return own.get(place.split("/")[1], SENTENCES)


def place_of(path: Path) -> str:
    package = next(part for part in path.parts if part in PACKAGES)
    return "/".join(path.parts[path.parts.index(package) :])


def name_of(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def text_of(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_sentence(node: ast.expr) -> bool:
    """Tell whether an argument is a text that is put together, which a code never is."""
    literal = text_of(node)
    return isinstance(node, ast.JoinedStr | ast.BinOp) or (literal is not None and not CODE.fullmatch(literal))


def site_of(node: ast.AST, place: str) -> Site | None:
    where = f"{place}:{getattr(node, 'lineno', 0)}"
    if isinstance(node, ast.Raise) and name_of(node.exc) in VISIBLE:
        return Site(where, None, None)
    if not isinstance(node, ast.Call):
        return None
    if name_of(node.func) in VISIBLE:
        if not node.args or is_sentence(node.args[0]):
            return Site(where, None, None)
        code, named = text_of(node.args[0]), [keyword.arg for keyword in node.keywords]
        known = None if None in named else frozenset(name for name in named if name)
        return Site(where, code, known) if code is not None else None
    if name_of(node.func) == "get" and len(node.args) >= 3 and isinstance(node.func, ast.Attribute):
        code = text_of(node.args[2])
        return Site(where, code, frozenset({"id", "uuid"})) if code is not None else None
    return None


@cache
def sites(path: Path) -> list[Site]:
    """Return where a file raises errors that a client sees, except for codes that are variables."""
    found = (site_of(node, place_of(path)) for node in ast.walk(ast.parse(path.read_text())))
    return [site for site in found if site is not None]


def files() -> list[Path]:
    # The suites for plugins raise errors of all kinds to see what becomes of them.
    found = sources("hanami_core", "hanami_plugins", "hanami_server")
    return [path for path in found if not place_of(path).startswith("hanami_core/testing/")]


def test_every_error_has_a_code_with_a_sentence() -> None:
    found = [site for path in files() for site in sites(path)]
    assert len({site.code for site in found}) > 40
    assert [site.place for site in found if site.code is None] == []
    assert [f"{site.place}: {site.code}" for site in found if site.code not in sentences_at(site.place)] == []


def test_every_sentence_is_used() -> None:
    used = {
        node.value
        for path in files()
        if path.name != "sentences.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(SENTENCES) | set(SENTENCES_OF_V04) <= used
    assert [code for code in {*SENTENCES, *SENTENCES_OF_V04} if not CODE.fullmatch(code)] == []


def test_every_placeholder_of_a_sentence_is_given() -> None:
    found = [
        f"{site.place}: {site.code} has no {name}"
        for path in files()
        for site in sites(path)
        if site.code in sentences_at(site.place) and site.known is not None
        for _, name, _, _ in Formatter().parse(sentences_at(site.place)[site.code])
        if name is not None and name not in site.known
    ]
    assert found == []
