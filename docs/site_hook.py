"""What MkDocs has to know of this repository: documents outside of docs/, links as GitHub reads them.

The documents in the root of the repository become pages below ``project/``. Links are written for GitHub, relative to
the file; here they are pointed to pages of the site. What is not a page, such as a file of the code, loses its link.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS, PROJECT = "docs/", "project/"
OF_THE_ROOT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")

FENCE = re.compile(r"(^(`{3,}|~{3,}).*?^\2`*$)", re.M | re.S)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
ITEM = re.compile(r"([*-]|\d+\.) ")
MARK = re.compile(r"^<!-- example: \w+ -->\n", re.M)


def on_files(files: Any, *, config: Any) -> Any:
    """Add the documents of the root."""
    from mkdocs.structure.files import File

    for name in OF_THE_ROOT:
        files.append(File.generated(config, PROJECT + name, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Point the links of a page to pages of the site, and write its lists as Python-Markdown reads them."""
    return for_the_site(markdown, page.file.src_uri)


def for_the_site(markdown: str, page: str) -> str:
    """Return a document as it has to be written for the page of the site with this path."""
    parts = FENCE.split(MARK.sub("", markdown))
    # Three parts for each fence: what is before it, itself, and what it begins with.
    for number in range(0, len(parts), 3):
        parts[number] = _with_wide_items(LINK.sub(lambda found: _link(found, page), parts[number]))
    return "".join(part for number, part in enumerate(parts) if number % 3 < 2)


def _link(found: re.Match[str], page: str) -> str:
    mark, text, path, anchor = found[1], found[2], found[3], found[4] or ""
    if not path:
        return found[0]
    target = _page_of(posixpath.normpath(posixpath.join(posixpath.dirname(_source_of(page)), path)))
    if target is None:
        return text
    return f"{mark}[{text}]({posixpath.relpath(target, posixpath.dirname(page) or '.')}{anchor})"


def _with_wide_items(text: str) -> str:
    """Indent what belongs to an item of a list by four, where GitHub is content with two or three."""
    lines: list[str] = []
    in_item = loose = False
    for line in text.split("\n"):
        if ITEM.match(line):
            if loose:
                lines.append("")
            in_item, loose = True, False
        elif line.startswith("  ") and in_item:
            loose = loose or lines[-1] == ""
            line = "    " + line.lstrip()
        elif line:
            in_item = loose = False
        lines.append(line)
    return "\n".join(lines)


def _source_of(page: str) -> str:
    """Return the path of a page in the repository."""
    return page.removeprefix(PROJECT) if page.startswith(PROJECT) else DOCS + page


def _page_of(source: str) -> str | None:
    """Return the path in the site of something in the repository, None if it has none."""
    if source in OF_THE_ROOT:
        return PROJECT + source
    if not f"{source}/".startswith(DOCS):
        return None
    if (ROOT / source).is_dir():
        readme = posixpath.join(source, "README.md")
        return _page_of(readme) if (ROOT / readme).exists() else None
    return source.removeprefix(DOCS)
