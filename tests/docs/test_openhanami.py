"""The page for users of OpenHanami: its examples, and its table of calls.

The server that things are brought from is a second one of ours.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_sdk import Client
from tests.docs.conftest import LOGIN, QUICK
from tests.docs.reading import ROOT, Reader
from tests.local import LocalServer

PAGE = "docs/openhanami.md"
ROW = re.compile(r"^\| `([\w/]+)`" + r" \| ([A-Z, ]+|–)" * 4 + r" \|$", re.M)
ABOUT_THE_API = {("GET", "openapi.json"), ("GET", "docs")}

Calls = set[tuple[str, str]]


@pytest.fixture
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with two people, a project, and a dataset."""
    server = LocalServer(tmp_path_factory.mktemp("old") / "data", *QUICK)
    server.user, server.passphrase = LOGIN
    with server, Client(server.address, *LOGIN) as client:
        client.create_project("flowers", "Flowers of the garden")
        for name in ("ada_", "grace"):
            client.create_user(name, name, "a long passphrase")
        client.add_to_project("grace", "flowers", "member", is_project_admin=True)
        client.upload_csv("petals", b"size[0],size[1],kind\n1.4,0.2,0\n4.7,1.4,1\n")
        yield server


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")
def test_the_page_shows_what_happens(
    reader: Reader, desk: Path, old_server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "docs").symlink_to(ROOT / "docs")
    for name, value in zip(("ADDRESS", "USER", "PASSPHRASE"), (old_server.address, *LOGIN), strict=True):
        monkeypatch.setenv(f"OLD_{name}", value)
    assert reader.read(PAGE) > 10


@pytest.fixture
def routes(tmp_path: Path) -> Iterator[dict[str, Calls]]:
    """Return the calls of each API of the installed plugins."""
    runtime = Runtime.open(tmp_path, "migrate", environ={}, plugins=PluginHost(installed_plugins()))
    try:
        found: dict[str, Calls] = {}
        for bound in runtime.routes:
            found.setdefault(bound.api.name, set()).add((bound.route.method, bound.route.path.lstrip("/")))
        yield found
    finally:
        runtime.close()


def test_the_table_of_calls_has_them_all(routes: dict[str, Calls]) -> None:
    rows = ROW.findall((ROOT / PAGE).read_text(encoding="utf-8"))
    assert len(rows) == len({row[0] for row in rows})
    v04, v05, head, ours = (
        {(method, row[0]) for row in rows for method in row[column].split(", ") if method != "–"}
        for column in (1, 2, 3, 4)
    )
    assert v04 == routes["control_v1"]
    assert v05 | head | ours == routes["native"] - ABOUT_THE_API
    assert head < v05
    assert not ours & (v04 | v05)
