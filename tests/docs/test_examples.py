"""What the documents show is run as it stands there, against a server of its own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_server.demo import digits
from hanami_server.demo.local import LocalServer

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^(?:<!-- example: (?P<mark>\w+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```", re.M | re.S)


def blocks(document: str) -> Iterator[tuple[str, str, str]]:
    """Return mark, language and code of each block of a document."""
    for match in BLOCK.finditer((ROOT / document).read_text(encoding="utf-8")):
        yield match["mark"] or "", match["language"], match["code"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("docs") / "data") as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the MNIST files, and the environment that the documents ask for."""
    for file in digits.find(digits.SAMPLE):
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def shell(code: str) -> str:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_user_guide_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    seen = {"sh": 0, "python": 0}
    for _, language, code in blocks("docs/user_guide.md"):
        seen[language] += 1
        if language == "python":
            exec(compile(code, "user_guide.md", "exec"), names)
        elif not code.startswith("export"):
            shell(code)
    assert seen["sh"] >= 5
    assert seen["python"] >= 8
    output = capsys.readouterr().out
    assert "5000 {" in output
    assert "'picture': range(0, 784)" in output
    assert "is what it reads" in output
    assert float(output.partition(" of the points")[0].split()[-1]) > 0.8
    assert "line" in output
    assert "not found" in output


def test_the_example_of_the_readme_runs(desk: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
    examples = {mark: code for mark, _, code in blocks("README.md") if mark}
    (desk / "digits.template").write_text(examples["template"])
    login = f'"{server.address}", "{server.user}", "{server.passphrase}"'
    code = examples["sdk"].replace('"http://127.0.0.1:11418", "asdf", "asdfasdf"', login)
    assert login in code
    assert len(code.splitlines()) <= 10
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 80


def test_commands_of_the_readme_exist(desk: Path) -> None:
    for _, language, code in blocks("README.md"):
        for line in code.splitlines() if language == "sh" else ():
            words = shlex.split(line)
            program = next((w for w in words if w.endswith((".venv/bin/hanami", ".venv/bin/hanamictl"))), None)
            if program is not None:
                command = words[words.index(program) + 1]
                assert "Usage:" in shell(f"{Path(program).name} {command} --help")


def test_settings_and_policy_of_the_operations_guide_are_read(desk: Path) -> None:
    examples = {language: code for _, language, code in blocks("docs/operations.md")}
    data = desk / "data"
    data.mkdir()
    (data / "hanami.toml").write_text(examples["toml"] + '[policy_file]\npath = "policies"\n')
    (data / "policies").write_text(examples[""])
    listing = shell(f"hanami config --data-dir {data} --json")
    assert '"http.threads"' in listing
    assert "hanami.toml" in listing


def test_files_that_documents_link_to_exist() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document.name}: {link}"
