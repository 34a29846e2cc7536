"""The policy file: its grammar, and what it says.

An entry is an endpoint followed by rules, ``- METHOD : role, role``. The first entry of an endpoint and the last rule
of a method in it count. What is not listed is denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from hanami_core.errors import HanamiError

Roles = frozenset[str]

_ROLE = re.compile(r"[A-Za-z0-9_]+")


class PolicyError(HanamiError):
    """A policy file breaks the grammar; the text names line and column."""


class Policy:
    """Roles by endpoint and method."""

    def __init__(self, entries: Mapping[str, Mapping[str, Roles]]) -> None:
        """Keep the entries: endpoint, then method, then roles."""
        self.entries = entries

    def roles(self, endpoint: str, method: str) -> Roles:
        """Return who may call an endpoint; nobody, if it is not listed."""
        return self.entries.get(endpoint, {}).get(method, frozenset())


def parse_policy(text: str) -> Policy:
    """Return the policy that a text describes.

    Raises:
        PolicyError: with line and column.
    """
    try:
        return Policy(_Build().transform(_parser().parse(text)))
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedInput as error:
        raise _explain(error) from None


class _Build(Transformer[Token, Any]):
    """From the tree to nested dictionaries."""

    def start(self, entries: list[tuple[str, dict[str, Roles]]]) -> dict[str, dict[str, Roles]]:
        return dict(reversed(entries))

    def entry(self, parts: list[Any]) -> tuple[str, dict[str, Roles]]:
        return str(parts[0]), dict(parts[1:])

    def rule(self, parts: list[Any]) -> tuple[str, Roles]:
        return parts[0], frozenset(_role(word) for word in parts[1:])

    def method(self, parts: list[Token]) -> str:
        return str(parts[0])


@cache
def _parser() -> Lark:
    return Lark.open("policy.lark", rel_to=__file__, parser="lalr", lexer="basic")


def _role(word: Token) -> str:
    if not _ROLE.fullmatch(word):
        raise PolicyError(f"line {word.line}, column {word.column}: '{word}' is not the name of a role")
    return str(word)


def _explain(error: UnexpectedInput) -> PolicyError:
    if isinstance(error, UnexpectedCharacters):
        return PolicyError(f"line {error.line}, column {error.column}: invalid character {error.char!r}")
    assert isinstance(error, UnexpectedToken)
    if error.token.type == "$END":
        return PolicyError(f"line {error.line}, column {error.column}: the file ends too early{_wanted(error)}")
    return PolicyError(f"line {error.line}, column {error.column}: unexpected '{error.token}'{_wanted(error)}")


def _wanted(error: UnexpectedToken) -> str:
    return f", expected {_names(error.accepts or error.expected)}"


def _names(terminals: Iterable[str]) -> str:
    spelled = {"WORD": "a word", "MINUS": "'- '", "COLON": "':'", "COMMA": "','", "$END": "the end"}
    return " or ".join(sorted(spelled.get(terminal, terminal) for terminal in terminals))
