"""The documentation site has every page, and its links are those of GitHub. MkDocs is not needed for that."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable

import pytest

from tests.docs.reading import ROOT

NAMED = re.compile(r"^ +- [^:\n]+: (\S+\.md)$", re.M)


@pytest.fixture(scope="module")
def for_the_site() -> Callable[[str, str], str]:
    return runpy.run_path(str(ROOT / "docs" / "site_hook.py"))["for_the_site"]


def test_every_page_is_in_the_navigation_once() -> None:
    named = NAMED.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    pages += [f"project/{path.name}" for path in ROOT.glob("*.md")]
    assert sorted(named) == sorted(pages)


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("concepts.md", "[a](user_guide.md#tasks)", "[a](user_guide.md#tasks)"),
        ("concepts.md", "[a](#growth)", "[a](#growth)"),
        ("concepts.md", "![a](images/grid.svg)", "![a](images/grid.svg)"),
        ("upgrading.md", "[a](../CHANGELOG.md)", "[a](project/CHANGELOG.md)"),
        ("reference/host.md", "[a](../../SECURITY.md#reporting)", "[a](../project/SECURITY.md#reporting)"),
        ("reference/host.md", "[`a`](../policies.md)", "[`a`](../policies.md)"),
        ("project/README.md", "[a](docs/README.md)", "[a](../README.md)"),
        ("project/README.md", "[a](CONTRIBUTING.md)", "[a](CONTRIBUTING.md)"),
        ("project/README.md", "[a](docs/examples/hanami-echo)", "[a](../examples/hanami-echo/README.md)"),
        ("project/SECURITY.md", "[a](tests/docs/test_site.py) [b](LICENSE)", "a b"),
        ("concepts.md", "[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("upgrading.md", "```sh\n[a](../CHANGELOG.md)\n```\n", "```sh\n[a](../CHANGELOG.md)\n```\n"),
        ("concepts.md", "<!-- example: setup -->\n```sh\n```\n", "```sh\n```\n"),
    ],
)
def test_links_lead_to_pages_of_the_site(
    for_the_site: Callable[[str, str], str], page: str, written: str, shown: str
) -> None:
    assert for_the_site(written, page) == shown


def test_items_keep_what_belongs_to_them(for_the_site: Callable[[str, str], str]) -> None:
    written = "* one\n  more\n\n  of it\n* two\n\n1. first\n   more\n\nplain\n  text\n"
    shown = "* one\n    more\n\n    of it\n\n* two\n\n1. first\n    more\n\nplain\n  text\n"
    assert for_the_site(written, "concepts.md") == shown
