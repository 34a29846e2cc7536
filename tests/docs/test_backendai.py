"""The page about clients of Backend.AI shows what the released client shows: each of its commands is run."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hanami_sdk import Client
from tests.clients.backendai import RELEASE, REQUIREMENTS, backendai_environment
from tests.docs.conftest import LOGIN
from tests.docs.programs import programs
from tests.docs.reading import Shell, blocks, plain
from tests.lengths import LONG
from tests.local import LocalServer

__all__ = ["backendai_environment"]

PAGE = "docs/backendai.md"
ADDRESS = "http://127.0.0.1:11418"
PROGRESS = re.compile(r"(?m)^(?:.*(?:%\||bytes \[).*)?\n")
"""Empty lines, and what a bar of progress writes."""


class Command(NamedTuple):
    """A command of the page, and what it shows; nothing, if the page does not tell."""

    text: str
    shown: str


def commands() -> Iterator[Command]:
    """Return all commands, but for those that install the client."""
    for block in blocks(PAGE):
        if block.language == "console" and block.mark != "install":
            for part in re.split(r"(?m)^\$ ", block.code)[1:]:
                text, _, shown = part.partition("\n")
                yield Command(text, shown)


def pattern(line: str) -> re.Pattern[str]:
    """Return what a line that is shown stands for: an ellipsis in it for anything."""
    return re.compile(".*".join(map(re.escape, line.split("…"))))


def compare(command: Command, printed: str) -> None:
    found, wanted = (plain(PROGRESS.sub("", text)) for text in (printed, command.shown))
    if wanted:
        assert len(found) == len(wanted), (command, printed)
        for one, two in zip(wanted, found, strict=True):
            assert pattern(one).fullmatch(two), (command, printed)


class Page:
    """Runs commands of the page, with what stands for keys and the address there replaced by what they are."""

    def __init__(self, shell: Shell, address: str) -> None:
        self._shell, self._values = shell, {ADDRESS: address}

    def run(self, command: Command) -> None:
        text = command.text
        for name, value in self._values.items():
            text = text.replace(name, value)
        assert "…" not in text, command
        printed = self._shell.run(f"{{ {text}\n}} 2>&1\n")
        compare(command, printed)
        if "keypair create" in text:
            pair = json.loads(printed)
            self._values |= {"AKIA…": pair["access_key"], "SECRET_KEY=…": f"SECRET_KEY={pair['secret_key']}"}


@pytest.fixture
def page(
    desk: Path, server: LocalServer, backendai_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A user and a file that the page takes for granted, on an empty server."""
    (desk / "bigdata.csv").write_bytes(bytes(1_000_000))
    with Client(server.address, *LOGIN) as client:
        client.create_user("dorothy", "Dorothy", server.passphrase)
    variables = {"PYTHONUNBUFFERED": "1", "COLUMNS": "200", "LC_ALL": "C.UTF-8", "HOME": str(desk)}
    variables["PYTHONWARNINGS"] = ""  # The client is old and warns of what it calls.
    installed = {**os.environ, **variables}
    with contextlib.ExitStack() as stack:
        folder = backendai_environment / "bin"
        if not LONG:
            python, forks = folder / "python", tmp_path_factory.mktemp("backendai")
            folder = stack.enter_context(programs(forks, "backend.ai", python, installed))
        shell = Shell(desk, {**installed, "PATH": os.pathsep.join([os.environ["PATH"], str(folder)])})
        stack.callback(shell.close)
        yield Page(shell, server.address)


def test_commands_show_what_the_page_shows(page: Page) -> None:
    found = list(commands())
    assert len(found) > 20
    for command in found:
        page.run(command)


def test_the_client_is_installed_as_the_tests_do_it() -> None:
    (block,) = (block for block in blocks(PAGE) if block.mark == "install")
    words = block.code.replace("\\\n", " ").split()
    assert [word for word in (RELEASE, *REQUIREMENTS) if word not in words] == []
