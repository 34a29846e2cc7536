"""Plugins that are single files in a folder: found, named, switched off, and used by all processes of a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanami_sdk import Client
from tests.local import LocalServer
from tests.server.harness import hanami, until

TSV = '''"""Rows of numbers with tabs between them, and a process."""

import numpy as np

from hanami_core import hookimpl
from hanami_core.processes import Process


class Tabs:
    name = "tabs"
    parts = ("input",)

    def decode(self, files, table):
        rows = [list(map(float, line.split())) for line in files["input"]]
        table.begin({"x": len(rows[0])}, np.float32)
        table.append(np.array(rows, np.float32))


def run(context):
    (context.data_dir / "mailed").write_text("x")
    context.ready()
    context.stop.wait()


@hookimpl
def hanami_dataset_formats():
    return [Tabs()]


@hookimpl
def hanami_processes():
    return [Process("mailer", target="my_tabs:run")]
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "plugins"
    found.mkdir()
    (found / "my_tabs.py").write_text(TSV)
    (found / "_helper.py").write_text("raise RuntimeError('is none')")
    (found / "notes.txt").write_text("is none")
    return found


def listed(folder: Path, env: dict[str, str], *options: str) -> dict[str, dict[str, object]]:
    done = hanami("plugins", "--json", *options, env=env)
    assert done.stderr == ""
    files = [plugin for plugin in json.loads(done.stdout) if plugin["distribution"].startswith(f"{folder}/")]
    return {plugin["name"]: plugin for plugin in files}


@pytest.mark.long
def test_files_are_plugins_of_their_names(folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    (folder / "json.py").write_text("raise RuntimeError('hides nothing')")
    (folder / "my-tabs.py").write_text("")
    (folder / "torn.py").write_text("import nothing_like_it")
    options = ("--data-dir", str(tmp_path / "data"), "--plugins-dir", str(folder))
    found = listed(folder, env, *options)
    assert {name: (plugin["state"], plugin["reason"], plugin["version"]) for name, plugin in found.items()} == {
        "json": ("broken", "there is another module json; the file needs another name", "-"),
        "my-tabs": ("broken", "my-tabs.py is not a valid module name: letters, digits and _", "-"),
        "my_tabs": ("active", "", "-"),
        "torn": ("broken", "ModuleNotFoundError: No module named 'nothing_like_it'", "-"),
    }
    assert found["torn"]["where"] == f"{folder}/torn.py:1"
    done = hanami("plugins", "disable", "torn", *options, env=env)
    assert (done.returncode, done.stdout.strip()) == (0, "plugin torn is disabled"), done.stderr
    assert listed(folder, env, *options)["torn"]["reason"] == "disabled by the operator"
    variable = {**env, "HANAMI_PLUGINS_DIR": str(folder)}
    assert listed(folder, variable, *options[:2]).keys() == found.keys()


@pytest.mark.parametrize("command", ["serve", "config", "plugins"])
def test_a_folder_that_is_missing_is_an_error(env: dict[str, str], tmp_path: Path, command: str) -> None:
    none, data_dir = tmp_path / "none", tmp_path / "data"
    data_dir.mkdir()
    done = hanami(command, "--data-dir", str(data_dir), "--plugins-dir", str(none), env=env)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"Error: --plugins-dir {none}: there is no such folder",
    )
    done = hanami(command, "--data-dir", str(data_dir), env={**env, "HANAMI_PLUGINS_DIR": str(none)})
    assert done.returncode == 1
    assert f"{none}: there is no such folder for plugins" in done.stderr


def test_all_processes_of_a_server_find_them(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text("1 2\n3 4\n")
    with LocalServer(tmp_path / "data", "--plugins-dir", str(folder)) as server:
        with Client(server.address, server.user, server.passphrase) as client:
            dataset = client.upload("decoded apart", "tabs", {"input": table})
            assert client.dataset_content(dataset, "x", 2) == [[1.0, 2.0], [3.0, 4.0]]
        until((server.data_dir / "mailed").exists)
