"""Every message of the troubleshooting page, and of that about upgrades, is one that the product gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.reading import ROOT, blocks

PAGE = "docs/troubleshooting.md"
OF_THE_SYSTEM = ("Address already in use", "Connection refused", "RUNNING ACCURACY")
"""What the operating system says, and a row of a table whose words are those of the JSON."""
LEAST = 8
"""Letters that a part of a text has at least that was put together."""
VARIABLE = re.compile(r"\{[^{}]*\}|%[sdr]|\n")


@cache
def literals() -> str:
    """Return all texts in the code of the product, without what differs."""
    found = []
    for package in ("cli", "core", "plugins", "sdk", "server"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and is_text(node)]
    return "\0".join(part for text in found for part in VARIABLE.split(text))


def is_text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def messages() -> Iterator[str]:
    for block in blocks(PAGE):
        if block.language == "text":
            yield from block.code.splitlines()


def unknown(message: str) -> list[str]:
    """Return the pieces of a message that nothing in the product says."""
    for other in OF_THE_SYSTEM:
        message = message.replace(other, "…")
    pieces = [piece for piece in message.split("…") if len(piece.strip(" :,.()'")) > 1]
    return [piece for piece in pieces if not is_said(piece)]


def is_said(piece: str) -> bool:
    """Tell whether a piece is part of a text, or of several that the product puts together, longest ones first."""
    for end in range(len(piece), LEAST - 1, -1):
        if piece[:end] in literals():
            return end == len(piece) or (len(piece) - end >= LEAST and is_said(piece[end:]))
    return len(piece) < LEAST and piece in literals()


@pytest.mark.parametrize("message", list(messages()))
def test_a_message_is_one_of_the_product(message: str) -> None:
    assert unknown(message) == []


def test_a_message_that_is_gone_would_be_found() -> None:
    assert unknown("there is no data directory …, run 'hanami init' first") == []
    assert unknown("there is no data folder …, run 'hanami init' first") == ["there is no data folder "]


def test_commands_exist() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    usages = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    named = re.findall(r"`hanamictl ([a-z]+ [a-z]+)", text)
    assert len(named) > 5
    assert [name for name in named if f"hanamictl {name}" not in usages] == []


def test_there_is_something_to_do_about_all_of_them() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    entries = re.split(r"^### ", text, flags=re.M)[1:]
    assert 20 <= len(entries) <= 40
    assert [entry.splitlines()[0] for entry in entries if "\n```" not in entry] == []
    assert [entry.splitlines()[0] for entry in entries if len(entry.split("```")[2].split()) < 15] == []
