"""What the documents show is run as it stands there, against a server of its own."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hanami_server.local import LocalServer
from tests.docs.reading import ROOT, Reader, alone, blocks


def shell(code: str) -> str:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(300)  # most of it is the estimators, which train some thirty networks
def test_the_user_guide_shows_what_happens(desk: Path) -> None:
    with Reader(desk, os.environ) as reader:
        assert reader.read("docs/user_guide.md") > 20


def test_the_way_from_a_table_to_a_model_can_be_gone(desk: Path) -> None:
    with Reader(desk, os.environ) as reader:
        assert reader.read("docs/first_model.md") == 5
    assert "validation" in (desk / "curve.txt").read_text()
    assert (desk / "first.hanami").stat().st_size > 0


def test_the_notebook_goes_the_same_way(desk: Path) -> None:
    notebook = json.loads((ROOT / "docs/examples/first_model.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    with alone():
        shown = [run_cell(cell, names) for cell in cells]
    names["client"].close()
    assert 1 <= shown[2][1] <= shown[2][0] <= 200
    assert "validation" in shown[3]._repr_html_()
    assert [list(value) for value in shown[4:]] == [[0, 2]] * 3


def run_cell(code: str, names: dict[str, Any]) -> Any:
    """Run a cell and return the value of its last expression, which a notebook shows."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_the_example_of_the_readme_runs(desk: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
    examples = {block.mark: block.code for block in blocks("README.md") if block.mark}
    login = f'"{server.address}", "{server.user}", "{server.passphrase}"'
    code = examples["sdk"].replace('"http://127.0.0.1:11418", "asdf", "asdfasdf"', login)
    assert login in code
    assert len(code.splitlines()) <= 10
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 80


def test_commands_of_the_readme_exist(desk: Path) -> None:
    for block in blocks("README.md"):
        for line in block.code.splitlines() if block.language == "sh" else ():
            words = shlex.split(line)
            program = next((w for w in words if w.endswith((".venv/bin/hanami", ".venv/bin/hanamictl"))), None)
            if program is not None:
                command = words[words.index(program) + 1]
                assert "Usage:" in shell(f"{Path(program).name} {command} --help")


def test_settings_and_policy_of_the_operations_guide_are_read(desk: Path) -> None:
    examples = {block.language: block.code for block in blocks("docs/operations.md")}
    data = desk / "data"
    data.mkdir()
    (data / "hanami.toml").write_text(examples["toml"] + '[policy_file]\npath = "policies"\n')
    (data / "policies").write_text(examples[""])
    listing = shell(f"hanami config --data-dir {data} --json")
    assert '"http.threads"' in listing
    assert "hanami.toml" in listing
