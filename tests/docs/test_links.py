"""Every link between documents leads to a file and a heading that exist. No site has to be built for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.links import anchors, broken, documents, links
from tests.docs.reading import ROOT


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    assert broken(document) == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("# One `two`\n\n## Twice\n\n## Twice\n\n```sh\n# no heading, [no link](nowhere.md)\n```\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[file](other.md) [heading](other.md#one-two) [second](other.md#twice-1) [web](https://example.org#x)\n"
        "[lost](gone.md) [lost heading](other.md#three) ![lost picture](gone.svg) [here](#nowhere)\n"
    )
    assert anchors(other) == {"one-two", "twice", "twice-1"}
    assert broken(other) == []
    assert broken(page) == ["gone.md", "other.md#three", "gone.svg", "#nowhere"]


def test_all_documents_can_be_reached_from_the_readme() -> None:
    found, left = set(), [ROOT / "README.md"]
    while left:
        document = left.pop().resolve()
        if document in found or document.suffix != ".md" or not document.exists():
            continue
        found.add(document)
        left += [document.parent / link.path for link in links(document) if link.path]
    pages = {path.resolve() for path in (ROOT / "docs").rglob("*.md") if "examples" not in path.parts}
    assert sorted(pages - found) == []


def test_both_lists_of_pages_name_all_of_them() -> None:
    listed = {(ROOT / "docs" / link.path).resolve() for link in links(ROOT / "docs" / "README.md")}
    pages = {path.resolve() for path in (ROOT / "docs").glob("*.md")} - {(ROOT / "docs" / "README.md").resolve()}
    assert sorted(pages - listed) == []
