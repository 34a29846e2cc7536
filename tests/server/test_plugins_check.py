"""``hanami plugins check``: what would break is told with its place before anything is installed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hanami_server.plugin_check import read
from tests.server.conftest import HERE, PLUGINS
from tests.server.harness import environment, hanami, install

HEAD = """from hanami_core import hookimpl
from hanami_core.http import Empty, Route
from hanami_core.queue import TaskKind
from hanami_core.settings import Setting
"""
CLASS = """class Tsv:
    name = "tsv"
    parts = ("input",)
    def decode(self, files): ...

@hookimpl
def hanami_dataset_formats(): return [Tsv()]
"""
METHODLESS = CLASS.replace("    def decode(self, files): ...\n", "")
ROUTE = (
    "@hookimpl\ndef hanami_routes(): return [Route('{}', '/note', 'note.get', {}, Empty, lambda call, request: None)]"
)
BROKEN = {
    "absent": ("import no_such_library", 5, "ModuleNotFoundError: No module named 'no_such_library'"),
    "leaves": ("import sys\nsys.exit(3)", 6, "SystemExit: 3"),
    "syntax": ("def wrong(: pass", 5, "SyntaxError: invalid syntax"),
    "starts": ("@hookimpl\ndef hanami_startup(runtime): return [][1]", 6, "IndexError: list index out of range"),
    "unmarked": ("def hanami_routes(): return []", 5, "hanami_routes is not marked with hookimpl"),
    "misspelt": ("def hanami_route(): return []", 5, "there is no hook hanami_route, did you mean hanami_routes?"),
    "unknown": ("@hookimpl\ndef hanami_rutes(): return []", 6, "there is no hook hanami_rutes, did you mean"),
    "greedy": (
        "@hookimpl\ndef hanami_routes(app): return []",
        6,
        "hanami_routes has no argument 'app', it offers runtime",
    ),
    "short": (CLASS, 5, "expected DatasetFormat: its decode does not take (files, table)"),
    "methodless": (METHODLESS, 5, "expected DatasetFormat: it has no decode"),
    "classy": (CLASS.replace("Tsv()]", "Tsv]"), 5, "returned the class Tsv, expected DatasetFormat"),
    "listed": ("@hookimpl\ndef hanami_task_kinds(): return ['x']", 6, "returned str, expected TaskKind"),
    "lonely": ("@hookimpl\ndef hanami_task_kinds(): return TaskKind('x', print)", 6, "expected several TaskKind"),
    "foreign": (
        "@hookimpl\ndef hanami_settings(): return [Setting('x.y', int, 1, '')]",
        6,
        "does not begin with foreign.",
    ),
    "typed": (
        "@hookimpl\ndef hanami_settings():\n    return [Setting('typed.size', int, 'one', '')]",
        7,
        "setting typed.size: its default must be of type int",
    ),
    "models": ("@hookimpl\ndef hanami_models(): raise ValueError('no table')", 6, "the server would not start: plugin"),
    "taken": (
        "@hookimpl\ndef hanami_task_kinds(): return [TaskKind('count', print)]",
        6,
        "count is taken by plugin server_stub",
    ),
    "methods": (ROUTE.format("FETCH", "Empty"), 6, "method must be one of"),
    "loose": (ROUTE.format("GET", "dict"), 6, "request must be None or a struct that forbids unknown fields"),
    "needs": ("requires = ('datasheets',)\n@hookimpl\ndef hanami_task_kinds(): return []", 0, "requires datasheets"),
    "nothing": ("answer = 42", 0, "it implements no hook"),
    "fine": ("@hookimpl\ndef hanami_task_kinds(): return [TaskKind('fine', print)]", 0, ""),
}
PYPROJECT = """[project]
name = "hanami-third"
version = "2.0"
dependencies = [
    "hanami>=99",
    "numpy>=1",
    "no-such-library>=3",
    "no-such-library-either; python_version < '3'",
]

[project.entry-points."hanami.cli"]
words = "third_words"

[project.entry-points."hanami.plugins"]
lost = "third_lost"
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    own = install(tmp_path / "own", {"hanami.plugins": PLUGINS, "hanami.cli": {"server": "hanami_server.commands"}})
    return environment(own, HERE)


def checked(path: Path, env: dict[str, str], *more: str) -> tuple[int, list[str]]:
    """Return exit code and lines of a check, with places relative to the folder."""
    data_dir = path.parent / "no-data"
    done = hanami("plugins", "check", str(path), "--data-dir", str(data_dir), *more, env=env, timeout=100)
    assert done.stderr == ""
    assert not data_dir.exists()
    return done.returncode, done.stdout.replace(f"{path if path.is_dir() else path.parent}/", "").splitlines()


def test_each_fault_is_told_with_file_and_line(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "hanami-third"
    package = folder / "src"
    package.mkdir(parents=True)
    points = "".join(f'{name} = "third_{name}"\n' for name in BROKEN)
    head, _, _ = PYPROJECT.partition("lost =")
    (folder / "pyproject.toml").write_text(f'{head}{points}lost = "third_lost"\n')
    for name, (text, _, _) in BROKEN.items():
        (package / f"third_{name}.py").write_text(f"{HEAD}{text}\n")
    words = "from hanami_cli import Command, hookimpl\n@hookimpl\ndef hanami_cli_commands():\n"
    (package / "third_words.py").write_text(f'{words}    return [Command("hanami", "serve", "mine", print)]\n')
    before = sorted(folder.rglob("*"))
    code, lines = checked(folder, env)
    assert code == 1
    rows = (folder / "pyproject.toml").read_text().splitlines()
    begin = {name: rows.index(f'{name} = "third_{name}"') + 1 for name in (*BROKEN, "lost", "words")}
    expected = [
        ("pyproject.toml:5", "it needs hanami>=99, and hanami 0.1.0 is installed"),
        ("pyproject.toml:7", "it needs no-such-library>=3, which is not installed"),
        (f"pyproject.toml:{begin['lost']}", "entry point lost: there is no module third_lost"),
        (f"pyproject.toml:{begin['words']}", "skipped command 'serve' of 'words' (third_words): the name is taken"),
        (f"pyproject.toml:{begin['misspelt']}", "it implements no hook"),
        *(
            (f"src/third_{name}.py:{line}" if line else f"pyproject.toml:{begin[name]}", reason)
            for name, (_, line, reason) in BROKEN.items()
            if reason
        ),
    ]
    for place, reason in expected:
        assert any(line.startswith(f"{place}: ") and reason in line for line in lines), (place, reason, lines)
    assert len(lines) == len(expected), "\n".join(lines)
    assert [
        path for path in sorted(folder.rglob("*")) if path.name != "__pycache__" and path.suffix != ".pyc"
    ] == before


def test_a_good_one_is_fine_and_a_file_is_enough(tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "alone" / "third_alone.py"
    file.parent.mkdir()
    (file.parent / "json.py").write_text("raise RuntimeError('of no concern')")
    file.write_text(f"{HEAD}{BROKEN['fine'][0]}\n")
    assert checked(file, env) == (0, ["third_alone 0: nothing would break"])
    file.write_text(f"{HEAD}{METHODLESS}\n")
    code, lines = checked(file, env, "--json")
    found = json.loads("\n".join(lines))
    assert (code, len(found), found[0]["where"]) == (1, 1, "third_alone.py:5")


def test_what_will_be_gone_is_told_and_breaks_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "hanami-notes"
    folder.mkdir()
    points = '[project]\nname = "hanami-notes"\n[project.entry-points."hanami.plugins"]\nnotes = "notes"\nold = "old"\n'
    (folder / "pyproject.toml").write_text(points)
    (folder / "notes.py").write_text(
        "from hanami_core import hookimpl, hookspec\nfrom hanami_core.deprecation import Deprecated\n"
        "class Hooks:\n    notes_lines = hookspec(lambda note: None, warn_on_impl=Deprecated('1.4'))\n"
        "@hookimpl\ndef hanami_hookspecs(): return Hooks\n"
    )
    (folder / "old.py").write_text("from hanami_core import hookimpl\nnotes_lines = hookimpl(lambda note: note)\n")
    warning = "notes_lines: deprecated since 1.4, gone in 1.7"
    assert checked(folder, env) == (0, [f"pyproject.toml:5: {warning}", "hanami-notes 0: nothing would break"])


def test_a_start_that_can_not_be_tried_is_no_good_sign(tmp_path: Path, env: dict[str, str]) -> None:
    file, data_dir = tmp_path / "alone.py", tmp_path / "data"
    file.write_text(f"{HEAD}{BROKEN['fine'][0]}\n")
    data_dir.mkdir()
    (data_dir / "hanami.toml").write_text("[http]\nthreads = 'many'\n")
    done = hanami("plugins", "check", str(file), "--data-dir", str(data_dir), env=env)
    assert done.returncode == 1
    assert "a start could not be tried to its end: " in done.stdout
    assert "http.threads must be of type int" in done.stdout


def test_it_takes_the_place_of_one_that_is_installed(tmp_path: Path, env: dict[str, str]) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "third_words.py").write_text(f"{HEAD}raise OSError('old')\n")
    env = environment(
        install(old, {"hanami.plugins": {"third": "third_words"}}, "hanami-third"), PYTHONPATH=env["PYTHONPATH"]
    )
    env["PYTHONPATH"] += f":{old}"
    new = tmp_path / "new"
    new.mkdir()
    (new / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='hanami-third', entry_points={'hanami.plugins': ['third = third_words']})\n"
    )
    (new / "third_words.py").write_text(f"{HEAD}{BROKEN['fine'][0]}\n")
    assert checked(new, env) == (0, ["hanami-third 0: nothing would break"])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, ["pyproject.toml:1: there is no entry point in the group"]),
        ({"pyproject.toml": "[project\n"}, ["pyproject.toml:1: it cannot be read"]),
        ({"pyproject.toml": "[project]\nentry-points = []\n"}, ["pyproject.toml:1: it cannot be read"]),
        ({"pyproject.toml": "[project]\ndependencies = 7\n"}, ["pyproject.toml:1: it cannot be read"]),
        ({"pyproject.toml": b"\xff\xfe"}, ["pyproject.toml:1: it cannot be read"]),
        (
            {"setup.py": "from setuptools import setup\nsetup(name='x', entry_points={}\n"},
            ["setup.py:2: it cannot be"],
        ),
        (
            {"setup.cfg": "[metadata]\nname = x\n[options.entry_points]\nhanami.plugins =\n    x = some.where\n"},
            ["setup.cfg:5: entry point x: there is no module some.where"],
        ),
        (
            {
                "pyproject.toml": "[build-system]\nrequires = ['setuptools']\n",
                "setup.py": "import setuptools\nsetuptools.setup(python_requires='>=4', "
                "install_requires=['hanami[server]<0.1'],\n    entry_points={'hanami.plugins': ['x=x']})\n",
                "x.py": "",
            },
            ["setup.py:1: it is for Python >=4", "setup.py:2: it needs hanami[server]<0.1, and hanami"],
        ),
    ],
)
def test_what_a_folder_says_of_itself(tmp_path: Path, files: dict[str, str | bytes], expected: list[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = [f"{Path(where).name}: {text}" for where, text, _ in read(tmp_path).complaints()]
    assert all(any(line.startswith(start) for line in found) for start in expected), found


@pytest.mark.parametrize(
    ("path", "reason"), [("nowhere", "no such file or folder"), (".", "expected a .py file, or a")]
)
def test_what_is_no_plugin_is_refused(tmp_path: Path, env: dict[str, str], path: str, reason: str) -> None:
    done = hanami("plugins", "check", str(tmp_path / path), env=env)
    assert done.returncode == 1
    assert re.search(reason, done.stderr)
