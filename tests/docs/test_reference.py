"""The pages of the reference: every example is run, and nothing that can be done is left out."""

from __future__ import annotations

import inspect
import re
import shutil

import pytest
import requests

import hanami_sdk
from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.docs.reading import ROOT, Reader

PAGES = sorted(path.name for path in (ROOT / "docs" / "reference").glob("*.md"))
INDEX = "docs/reference/README.md"
BASICS = {"close", "from_environment", "open_socket", "open_stream", "retry", "timeout"}
"""Of a client, what is of no use for a single noun."""
MODULES = (
    "hanami_token",
    "user",
    "project",
    "keypair",
    "quota",
    "dataset",
    "request_result",
    "cluster",
    "task",
    "checkpoint",
    "folder",
    "folder_sharing",
    "hosts",
    "measurements",
    "logs",
    "direct_io",
)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")


@needs_curl
@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_happens(reader: Reader, page: str) -> None:
    assert reader.read(f"docs/reference/{page}") > 5


def text_of_all() -> str:
    return "\n".join((ROOT / "docs" / "reference" / page).read_text(encoding="utf-8") for page in PAGES)


def test_the_index_names_every_page() -> None:
    named = re.findall(r"^\| \[\w[\w ]*\]\((\w+\.md)\)", (ROOT / INDEX).read_text(encoding="utf-8"), re.M)
    assert sorted([*named, "README.md"]) == PAGES


def test_every_call_stands_in_a_table(server: LocalServer) -> None:
    paths = requests.get(f"{server.address}/openapi.json", timeout=10).json()["paths"]
    calls = {
        f"`{method.upper()} {path.removeprefix('/v1.0alpha')}`"
        for path, entry in paths.items()
        for method in entry
        if path.startswith("/v1.0alpha/")
    }
    text = text_of_all()
    assert len(calls) > 35
    assert [call for call in sorted(calls) if call not in text] == []


def test_every_command_stands_in_a_table() -> None:
    listed = re.findall(r"^Usage:\n((?:    hanamictl .*\n)+)", (ROOT / "docs/cli.md").read_text(encoding="utf-8"), re.M)
    usages = re.findall(r"^    hanamictl ([a-z]+(?: [a-z][a-z-]*)*)", "".join(listed), re.M)
    text = text_of_all()
    assert len(usages) > 30
    assert [usage for usage in usages if f"`{usage}" not in text and not usage.startswith("completion")] == []


def test_every_method_and_function_stands_in_a_table() -> None:
    methods = {f"`{name}`" for name in dir(Client) if not name.startswith("_") and name not in BASICS}
    functions = {f"`{name}.{function}`" for name in MODULES for function in public(name)}
    text = text_of_all().replace("`client.", "`")
    assert [name for name in sorted(methods | functions) if name not in text] == []


def public(module: str) -> list[str]:
    found = __import__(f"{hanami_sdk.__name__}.{module}", fromlist=["__all__"])
    names = getattr(found, "__all__", None) or [n for n, f in inspect.getmembers(found, inspect.isfunction)]
    return [name for name in names if not name.startswith("_")]
