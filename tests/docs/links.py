"""Links and headings of the documents, read as GitHub and the documentation site read them."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.docs.reading import ROOT

FENCED = re.compile(r"^(```+|~~~+).*?^\1`*$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\((?!https?:|mailto:)<?([^)#>\s]*)#?([^)>\s]*)>?\)")
HEADING = re.compile(r"^#+ +(.*?) *#*$", re.M)
HIDDEN = {".git", ".venv", ".tox", "build", "site", "node_modules", "bench-results"}


class Link(NamedTuple):
    """A link to a file, relative to that of the document or empty, and to a heading in it, perhaps empty."""

    path: str
    anchor: str


def documents() -> list[Path]:
    """Return every document of the repository, without those of other projects and those that were built."""
    return sorted(path for path in ROOT.rglob("*.md") if not HIDDEN & set(path.relative_to(ROOT).parts))


def prose(document: Path) -> str:
    """Return the text of a document without its blocks of code."""
    return FENCED.sub("", document.read_text(encoding="utf-8"))


def links(document: Path) -> list[Link]:
    """Return where a document links to, on this machine."""
    return [Link(*found) for found in LINK.findall(prose(document))]


@cache
def anchors(document: Path) -> set[str]:
    """Return what links may name behind a `#`; a heading that is there twice has a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(prose(document)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(anchor if not seen[anchor] else f"{anchor}-{seen[anchor]}")
        seen[anchor] += 1
    return found


def broken(document: Path) -> list[str]:
    """Return the links of a document that lead nowhere."""
    found = []
    for path, anchor in links(document):
        target = (document.parent / path).resolve() if path else document.resolve()
        inside = target.suffix == ".md" and target.is_file()
        if not target.exists() or (anchor and not (inside and anchor in anchors(target))):
            found.append(f"{path}#{anchor}" if anchor else path)
    return found
