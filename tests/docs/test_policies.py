"""The guide about policies, with a server that is started in the middle of it, and the files that it speaks of."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_plugins.policy_file import PolicyError, parse_policy
from tests.docs.reading import ROOT, Block, Reader, compare, parts, runs
from tests.local import LocalServer

GUIDE = "docs/policies.md"
BROKEN = re.compile(r"^\| `(.*)` \| `(line .*)` \|$", re.M)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")
def test_the_guide_shows_what_happens(tmp_path: Path, search_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", search_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    server = LocalServer(tmp_path / "hanami-data")
    try:
        with Reader(tmp_path, {**os.environ, "HANAMI_ADDRESS": ""}) as reader:
            for part in parts((ROOT / GUIDE).read_text(encoding="utf-8")):
                if isinstance(part, Block) and part.mark == "serve":
                    server.resume()
                    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
                    reader.shell.run(f"export HANAMI_ADDRESS={server.address}\n")
                elif runs(part):
                    compare(GUIDE, part, reader.run(part))
    finally:
        server.stop()


def test_messages_are_those_of_the_parser() -> None:
    rows = BROKEN.findall((ROOT / GUIDE).read_text(encoding="utf-8"))
    assert len(rows) > 5
    for text, message in rows:
        with pytest.raises(PolicyError) as caught:
            parse_policy(text)
        assert str(caught.value) == message


def test_the_policy_to_begin_with_says_what_the_routes_suggest(tmp_path: Path) -> None:
    host = PluginHost(installed_plugins())
    runtime = Runtime.open(tmp_path, "migrate", environ={}, plugins=host)
    try:
        wanted: dict[str, dict[str, frozenset[str]]] = {}
        for bound in runtime.routes:
            if not bound.route.anonymous:
                action = bound.action
                wanted.setdefault(action.endpoint, {})[action.method] = frozenset(action.roles)
    finally:
        runtime.close()
    policy = parse_policy((ROOT / "docs/hanami.policy").read_text(encoding="utf-8"))
    built_in = {
        name: rules for name, rules in wanted.items() if "dataset/upload" not in name or name.endswith(("csv", "mnist"))
    }
    assert policy.entries == built_in
