"""The plugin of the guide is written to files, found, tested by its own suite, and used."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from hanami_core import hookimpl, hookspec
from hanami_core.http import Api, BoundRoute, Empty, Route, RouteGroup
from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.runtime import Runtime
from hanami_plugins.openapi import describe
from hanami_sdk import Client
from tests.local import LocalServer

ROOT = Path(__file__).parents[2]
FILE = re.compile(r"^`(?P<name>[\w.]+\.py)`\n```python\n(?P<code>.*?)^```", re.M | re.S)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the guide, as if they were installed."""
    directory = tmp_path / "site"
    info = directory / "hanami_tsv-1.0.dist-info"
    info.mkdir(parents=True)
    for match in FILE.finditer((ROOT / "docs" / "plugin_guide.md").read_text(encoding="utf-8")):
        (directory / match["name"]).write_text(match["code"], encoding="utf-8")
    point = re.search(r'"(hanami\.plugins)": \["(.*?)"\]', (directory / "setup.py").read_text())
    assert point is not None
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanami-tsv\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{point[1]}]\n{point[2]}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(directory), os.environ.get("PYTHONPATH", "")]).rstrip(":"))
    return directory


@pytest.mark.parametrize(
    ("heading", "count", "files"),
    [
        (
            "A compute host and a rule set",
            4,
            ("tests/mine.py", "tests/core/test_compute_lifecycle.py", "docs/examples/hanami-numpy/hanami_numpy/*.py"),
        ),
        ("A blob store", 5, ("docs/examples/hanami-objectstore/**/*.py",)),
        ("Files that leave the server", 1, ("tests/plugins/test_own_export.py",)),
        ("An API of your own", 13, ("docs/examples/hanami-notes/hanami_notes/*.py",)),
        ("A plugin of many parts", 6, ("docs/examples/hanami-echo/**/*.py",)),
        (
            "Suites for what clients reach",
            3,
            ("tests/plugins/test_conformance.py", "tests/plugins/test_native_routes.py"),
        ),
    ],
)
def test_the_code_of_a_chapter_is_code_that_is_tested(heading: str, count: int, files: tuple[str, ...]) -> None:
    text = (ROOT / "docs" / "plugin_guide.md").read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
    tested = "".join(path.read_text() for pattern in files for path in sorted(ROOT.glob(pattern)))
    assert len(blocks) == count
    # Methods stand in the text without their class.
    assert [block for block in blocks if block not in tested and textwrap.indent(block, "    ") not in tested] == []


@pytest.mark.long
def test_its_own_suite_passes(plugin: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_hanami_tsv.py"]
    done = subprocess.run(command, cwd=plugin, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_it_is_listed_and_used_through_api_and_cli(plugin: Path, tmp_path: Path) -> None:
    bin_directory = Path(sys.executable).parent
    table = tmp_path / "table.tsv"
    table.write_text("a\tb\n1\t0\n2\t1\n")
    with LocalServer(tmp_path / "data") as server:
        listing = subprocess.run(
            [bin_directory / "hanami", "plugins", "--json", "--data-dir", server.data_dir],
            capture_output=True,
            text=True,
        )
        rows = {row["name"]: row for row in json.loads(listing.stdout)}
        assert (rows["format_tsv"]["state"], rows["format_tsv"]["distribution"]) == ("active", "hanami-tsv")
        login = {"HANAMI_ADDRESS": server.address, "HANAMI_USER": server.user, "HANAMI_PASSPHRASE": server.passphrase}
        command = [bin_directory / "hanamictl", "dataset", "create", "tsv", "-i", table, "measurements"]
        done = subprocess.run(command, env={**os.environ, **login}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with Client(server.address, server.user, server.passphrase) as client:
            dataset = client.upload("more", "tsv", {"input": table})
            assert client.dataset_content(dataset, "b", 2) == [[0.0], [1.0]]


def test_hooks_of_a_plugin_are_declared_and_called_as_it_is_shown() -> None:
    code = re.search(r"^```python\n(class Hooks.*?)^```", (ROOT / "docs" / "plugin_guide.md").read_text(), re.M | re.S)
    assert code is not None
    notes, guest = ModuleType("notes"), ModuleType("guest")
    vars(notes).update(hookimpl=hookimpl, hookspec=hookspec)
    exec(compile(code[1], "plugin_guide.md", "exec"), vars(notes))
    vars(guest)["notes_panels"] = hookimpl(lambda note: f"beside {note}")
    host = PluginHost([EntryPoint(m.__name__, "third", "1", lambda m=m: m) for m in (guest, notes)])
    assert notes.panels(SimpleNamespace(plugins=host), "a note") == ["beside a note"]


def test_the_document_shows_what_a_struct_says_of_its_fields() -> None:
    code = re.search(r"^```python\n(TEXTS = .*?)^```", (ROOT / "docs" / "plugin_guide.md").read_text(), re.M | re.S)
    assert code is not None
    texts = ModuleType("texts")
    classes = {item.__name__: item for item in (Empty, Meta, Route, RouteGroup, Runtime)}
    vars(texts).update(
        classes, hookimpl=hookimpl, msgspec=msgspec, Annotated=Annotated, create=lambda call, text: Empty()
    )
    exec(compile(code[1], "plugin_guide.md", "exec", dont_inherit=True), vars(texts))
    api = Api("texts", "/texts")
    document = describe(api, [BoundRoute(api, route) for route in texts.hanami_routes(None)], "1.0")
    fields = document["components"]["schemas"]["NewText"]["properties"]
    assert [field["description"] for field in fields.values()] == [
        "The text itself, up to 1000 bytes.",
        "Code of its language; unknown by default.",
    ]
    body = document["paths"]["/texts/text"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"] == {"text": "Good morning", "language": "en"}
    assert document["tags"] == [{"name": "texts", "description": "Keep texts and find them again."}]
