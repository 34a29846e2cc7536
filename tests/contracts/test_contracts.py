"""The reference of the contracts is up to date, and lacks nothing that hooks, contracts and examples are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_core import hookspecs
from tests.contracts.chapters import INTERNAL
from tests.contracts.mentions import classes_in, imports, mentioned, name_of, signature_texts
from tests.contracts.reference import anchor, documented, heading, render

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contracts.md"
DOCUMENTED = documented()
CLASSES = {place: item for place, item in DOCUMENTED.items() if isinstance(item, type)}


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "python -m tests.contracts.test_contracts writes it"


def test_no_two_entries_have_the_same_link() -> None:
    anchors = [anchor(heading(*place)) for place in DOCUMENTED]
    assert len(anchors) == len(set(anchors))


@pytest.mark.parametrize("place", CLASSES, ids=".".join)
def test_a_class_says_what_it_is(place: tuple[str, str]) -> None:
    entry = PAGE.read_text(encoding="utf-8").partition(f"### {heading(*place)}\n")[2].partition("\n### ")[0]
    assert f"\nfrom {place[0]} import {place[1]}\n" in entry
    assert entry.rpartition("\n```\n")[2].partition("\n## ")[0].strip()


@pytest.mark.parametrize("hook", hookspecs.all_hooks())
def test_what_a_hook_gets_and_returns_is_described(hook: str) -> None:
    missing = classes_in(signature_texts(hookspecs.all_hooks()[hook]), hookspecs.__name__).keys() - public()
    assert missing == set()


@pytest.mark.parametrize("place", CLASSES, ids=".".join)
def test_what_a_contract_mentions_is_described(place: tuple[str, str]) -> None:
    assert set(mentioned(CLASSES[place])) - public() == set()


@pytest.mark.parametrize("example", sorted((ROOT / "docs" / "examples").glob("hanami-*")), ids=lambda path: path.name)
def test_the_classes_that_an_example_imports_are_described(example: Path) -> None:
    imported = {
        name_of(item)
        for path in example.rglob("*.py")
        for item in imports(path.read_text(encoding="utf-8")).values()
        if isinstance(item, type) and item.__module__.startswith("hanami_core")
    }
    assert imported - public() == set()


def public() -> set[str]:
    return {name_of(item) for item in CLASSES.values()} | INTERNAL


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
