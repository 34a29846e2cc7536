"""``hanami plugins new``: what it makes is complete, passes its own tests, and can be installed as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hanami_core.errors import PluginError
from hanami_server.plugin_check import read
from hanami_server.plugin_check.trial import write_metadata
from hanami_server.plugin_new import KINDS, TEMPLATE, render
from tests.server.harness import hanami

RULES = ["--isolated", "--no-cache", "--line-length", "120"]
LINT = ["--select", "E,F,W,I,B,UP,SIM,RET,PIE,RUF", "--config", 'src = ["hanami-*"]']


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each kind."""
    found = tmp_path_factory.mktemp("new")
    for kind in KINDS:
        render(kind, f"my-{kind}", found)
    return found


def run(command: list[str | Path], cwd: Path, **variables: str) -> None:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]


def test_the_template_can_make_what_the_command_offers() -> None:
    questions = yaml.safe_load((TEMPLATE / "copier.yml").read_text())
    assert (
        sorted(questions["kind"]["choices"]) == sorted(KINDS) == sorted(f.name for f in (TEMPLATE / "kinds").iterdir())
    )


def test_each_is_complete(folder: Path) -> None:
    for kind in KINDS:
        made = folder / f"hanami-my-{kind}"
        candidate = read(made)
        assert list(candidate.complaints()) == []
        assert (candidate.name, candidate.version) == (made.name, "0.1.0")
        texts = {file: file.read_text() for file in made.rglob("*") if file.is_file()}
        assert not [file for file, text in texts.items() if re.search(r"\{[{%]|[%}]\}(?!\})|\bundefined\b", text)], kind
        assert {"README.md", ".gitignore", "pyproject.toml"} <= {file.name for file in texts}


def test_each_is_written_as_one_would(folder: Path) -> None:
    run([sys.executable, "-m", "ruff", "check", *RULES, *LINT, folder], folder)
    run([sys.executable, "-m", "ruff", "format", "--check", *RULES, folder], folder)


@pytest.mark.timeout(600)  # as many suites as kinds; a busy machine takes its time
def test_each_passes_its_own_tests(folder: Path, tmp_path: Path) -> None:
    made = sorted(folder.iterdir())
    for one in made:
        write_metadata(read(one), tmp_path / "site")
    path = os.pathsep.join([str(tmp_path / "site"), *map(str, made), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    own = ["-p", "no:cacheprovider", "-W", "error", "--rootdir", folder]
    run([sys.executable, "-m", "pytest", "-q", *own, *(one / "tests" for one in made)], folder, PYTHONPATH=path)


@pytest.mark.long
def test_one_is_made_checked_installed_and_active(tmp_path: Path) -> None:
    done = hanami("plugins", "new", "format", "tabs", "--into", str(tmp_path), env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    made = tmp_path / "hanami-tabs"
    assert str(made) in done.stdout
    done = hanami("plugins", "check", str(made), "--data-dir", str(tmp_path / "data"), env=os.environ, timeout=100)
    assert (done.returncode, done.stdout) == (0, "hanami-tabs 0.1.0: nothing would break\n")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", tmp_path / "site"]
    run([sys.executable, "-m", "pip", "install", *options, made], tmp_path)
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONPATH": path}
    done = hanami("plugins", "--data-dir", str(tmp_path / "data"), env=env, timeout=100)
    assert re.search(r"^tabs +hanami-tabs +0\.1\.0 +active +dataset_formats", done.stdout, re.M), done.stdout


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("sauce", "mine", "there is no kind sauce, known are: api, authenticator"),
        ("format", "My Format", "'My Format' is not a valid plugin name"),
        ("format", "class", "'class' is not a valid plugin name"),
        ("format", "../up", "is not a valid plugin name"),
        ("format", "there", "hanami-there is there already"),
        ("route", "auth-jwt", "there is a plugin auth-jwt already, of hanami"),
    ],
)
def test_what_can_not_be_made_is_refused(tmp_path: Path, kind: str, name: str, reason: str) -> None:
    (tmp_path / "hanami-there").mkdir()
    with pytest.raises(PluginError, match=re.escape(reason)):
        render(kind, name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["hanami-there"]


def test_the_prefix_need_not_be_written_twice(tmp_path: Path) -> None:
    assert render("page", "hanami-start", tmp_path) == tmp_path / "hanami-start"


def test_the_kinds_are_explained() -> None:
    done = hanami("plugins", "--help", env=os.environ)
    assert all(f"    {kind:<18}{what}\n" in done.stdout for kind, what in KINDS.items())
