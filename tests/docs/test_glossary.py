"""The glossary has every term once, in order, with a definition that leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.links import LINK, broken
from tests.docs.reading import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
CONCEPTS = ROOT / "docs" / "concepts.md"
SENTENCE = re.compile(r"[.?!)](?:\s|$)")
HOUSE = (
    "blob",
    "checkpoint",
    "cluster",
    "contract",
    "cycle",
    "direct mode",
    "fence",
    "folder",
    "fork server",
    "growth",
    "hexagon",
    "hook",
    "host",
    "lease",
    "membership",
    "partition",
    "plugin",
    "policy",
    "project",
    "quota",
    "resume point",
    "role",
    "rule set",
    "section",
    "sidecar",
    "worker",
)


def entries(text: str) -> list[tuple[str, str]]:
    """Return the terms of a glossary and their definitions, as they come."""
    parts = re.split(r"^## +(.*)$", text, flags=re.M)[1:]
    return [(term.strip("`"), body.strip()) for term, body in zip(parts[::2], parts[1::2], strict=True)]


def faults(text: str) -> list[str]:
    """Return what is wrong with a glossary."""
    found = []
    terms = [term.casefold() for term, _ in entries(text)]
    for before, term in zip(["", *terms], terms, strict=False):
        if terms.count(term) > 1:
            found.append(f"{term} is there twice")
        elif term < before:
            found.append(f"{term} stands behind {before}")
    for term, body in entries(text):
        if not body:
            found.append(f"{term} has no definition")
        elif not LINK.search(body):
            found.append(f"{term} links to no page")
        elif len(SENTENCE.findall(body)) > 4:
            found.append(f"{term} has a long definition")
    return found


def test_the_glossary_is_sound() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    assert len(entries(text)) > 60
    assert faults(text) == []
    assert broken(GLOSSARY) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("## axon\n\n## block\n\nA [b](b.md).\n", "axon has no definition"),
        ("## axon\n\nSomething.\n", "axon links to no page"),
        ("## axon\n\nAn [a](a.md).\n\n## Axon\n\nAn [a](a.md).\n", "axon is there twice"),
        ("## block\n\nA [b](b.md).\n\n## axon\n\nAn [a](a.md).\n", "axon stands behind block"),
    ],
)
def test_faults_are_found(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "glossary.md"
    page.write_text("## axon\n\nAn [a](nothing.md).\n")
    assert broken(page) == ["nothing.md"]


def test_words_of_the_house_are_in_the_glossary() -> None:
    terms = {term for term, _ in entries(GLOSSARY.read_text(encoding="utf-8"))}
    assert sorted(set(HOUSE) - terms) == []


def test_what_the_concepts_introduce_is_in_the_glossary() -> None:
    bold = re.findall(r"\*\*`?([^*`]+)`?\*\*", CONCEPTS.read_text(encoding="utf-8"))
    terms = {term.casefold() for term, _ in entries(GLOSSARY.read_text(encoding="utf-8"))}
    assert len(bold) > 15
    assert sorted(term for term in bold if term.casefold() not in terms) == []
