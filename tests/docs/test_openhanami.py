"""The page for users of OpenHanami. The server that things are brought from is a second one of ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.docs.conftest import LOGIN, QUICK
from tests.docs.reading import ROOT, Reader

PAGE = "docs/openhanami.md"


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
