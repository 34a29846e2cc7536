"""What the pages about installation and upgrades name exists."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from hanami_core.settings import CORE_SETTINGS
from tests.docs.reading import ROOT, blocks

PAGES = ("docs/installation.md", "docs/upgrading.md")


def extras() -> set[str]:
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(ROOT / "setup.py"))
    return set(setup.call_args.kwargs["extras_require"])


def test_all_extras_are_told() -> None:
    text = (ROOT / "docs/installation.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(extras())


def test_no_document_installs_an_extra_that_is_not_there() -> None:
    for document in ROOT.glob("docs/*.md"):
        named = re.findall(r"pip install '(?:hanami|\.)\[([\w,]+)\]'", document.read_text(encoding="utf-8"))
        assert {extra for names in named for extra in names.split(",")} <= extras(), document.name


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    for block in blocks(page):
        for line in block.code.splitlines() if block.language == "sh" else ():
            words = shlex.split(line, comments=True)
            at = next((n for n, word in enumerate(words) if word.endswith(("bin/hanami", "bin/hanamictl"))), None)
            if at is not None and not words[at + 1].startswith("-"):
                program = Path(sys.executable).with_name(Path(words[at]).name)
                done = subprocess.run([program, words[at + 1], "--help"], capture_output=True, text=True, check=True)
                options = [word for word in words if word.startswith("--") and word != "--system"]
                assert [option for option in options if option not in done.stdout] == []


def test_variables_of_the_service_are_settings() -> None:
    (unit,) = (block.code for block in blocks("docs/installation.md") if block.language == "ini")
    named = re.findall(r"^Environment=(\w+)=", unit, re.M)
    assert named == ["HANAMI_COMPUTE_CACHE"]
    assert set(named) <= {setting.variable for setting in CORE_SETTINGS}
