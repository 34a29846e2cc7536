"""``hanami plugins``: what a start would do to plugins that end processes, and what running processes say of theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hanami_server.plugin_states import read
from tests.server.conftest import HERE, PLUGINS
from tests.server.harness import ServerProcess, environment, hanami, install, until

HEAD = """
import ctypes, os, sys, time
from hanami_core import hookimpl
from hanami_core.errors import StartupError
from hanami_core.queue import TaskKind
from hanami_core.settings import Setting
"""
NASTY = {
    "leaves": "sys.exit(3)",
    "crashes": "ctypes.string_at(0)",
    "vanishes": "@hookimpl\ndef hanami_startup(): os._exit(4)",
    "hangs": "@hookimpl\ndef hanami_routes():\n    while True: time.sleep(1)",
    "quits": "@hookimpl\ndef hanami_task_kinds(): sys.exit('enough')",
    "raises": "@hookimpl\ndef hanami_routes(runtime): raise ValueError(f'no {runtime.settings.data_dir}/x')",
    "apart": "@hookimpl\ndef hanami_startup(runtime):\n    if runtime.role == 'sidecar': raise OSError('no sensor')",
    "needs": "requires = ('crashes',)",
    "fine": "@hookimpl\ndef hanami_task_kinds(): return [TaskKind('fine', print)]",
}


def distribution(folder: Path, plugins: dict[str, str], name: str = "third") -> dict[str, str]:
    """Install plugins of a third party beside those of the stub, and return the environment in which they are."""
    folder.mkdir()
    for plugin, text in plugins.items():
        (folder / f"third_{plugin}.py").write_text(HEAD + text + "\n")
    install(folder, {"hanami.plugins": {plugin: f"third_{plugin}" for plugin in plugins}}, name)
    own = install(folder / "own", {"hanami.plugins": PLUGINS, "hanami.cli": {"server": "hanami_server.commands"}})
    return environment(own, folder, HERE)


def tree(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")])


def listed(env: dict[str, str], data_dir: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    done = hanami("plugins", "--json", *options, "--data-dir", str(data_dir), env=env, timeout=100)
    return done.returncode, {plugin["name"]: plugin for plugin in json.loads(done.stdout)}, done.stderr


@pytest.mark.long
def test_who_ends_a_process_or_does_not_return_is_named_and_can_be_disabled(tmp_path: Path) -> None:
    env, data_dir = distribution(tmp_path / "third", NASTY), tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "hanami.toml").write_text("[leaves]\nnobody_knows_this = 1\n[http]\nthreads = 3\n")
    before = tree(tmp_path / "data")
    code, plugins, errors = listed(env, data_dir, "--timeout=4")
    assert (code, errors) == (1, "")
    assert {name: (plugins[name]["state"], plugins[name]["reason"]) for name in NASTY} == {
        "leaves": ("broken", "SystemExit: 3"),
        "crashes": ("broken", "ends the process with SIGSEGV while it is imported"),
        "vanishes": ("broken", "ends the process with exit code 4 in hanami_startup"),
        "hangs": ("broken", "takes longer than 4 seconds in hanami_routes"),
        "quits": ("broken", "SystemExit: enough"),
        "raises": ("broken", f"ValueError: no {data_dir}/x"),
        "apart": ("broken", "sidecar: OSError: no sensor"),
        "needs": ("disabled", "requires crashes, which is broken"),
        "fine": ("active", ""),
    }
    assert plugins["apart"]["processes"]["api"]["state"] == "active"
    assert plugins["server_stub"]["state"] == "active"
    assert not plugins["fine"]["running"]
    assert tree(data_dir) == before
    for name in ("leaves", "crashes", "vanishes", "hangs"):
        done = hanami("plugins", "disable", name, "--data-dir", str(data_dir), env=env)
        assert (done.returncode, done.stdout.strip()) == (0, f"plugin {name} is disabled"), done.stderr
    code, plugins, _ = listed(env, data_dir)
    assert {plugins[name]["reason"] for name in ("leaves", "crashes", "vanishes", "hangs")} == {
        "disabled by the operator"
    }


@pytest.mark.long
@pytest.mark.parametrize("text", ["import absent\nessential = True", "essential: bool = True\nsys.exit(1)"])
def test_an_essential_plugin_is_known_without_being_imported(tmp_path: Path, text: str) -> None:
    env, data_dir = distribution(tmp_path / "third", {"vital": text}), tmp_path / "data"
    code, plugins, errors = listed(env, data_dir)
    assert (code, plugins["vital"]["essential"]) == (1, True)
    assert errors.startswith("the server would not start: plugin vital: ")
    done = hanami("plugins", "disable", "vital", "--data-dir", str(data_dir), env=env)
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "plugin vital is essential, without it the server cannot start",
    )
    refused = hanami("init", "--data-dir", str(data_dir), env=env)
    assert (refused.returncode, refused.stderr.strip()) == (1, f"plugin vital: {plugins['vital']['reason']}")


def test_files_that_settings_name_are_there_when_a_start_is_tried(tmp_path: Path) -> None:
    text = (
        "@hookimpl\ndef hanami_settings(): return [Setting('reader.file', str, '', 'A file')]\n"
        "@hookimpl\ndef hanami_startup(runtime):\n"
        "    assert (runtime.settings.data_dir / runtime.settings['reader.file']).read_text() == 'text'\n"
    )
    env, data_dir = distribution(tmp_path / "third", {"reader": text}), tmp_path / "data"
    (data_dir / "deep").mkdir(parents=True)
    (data_dir / "deep" / "file").write_text("text")
    (data_dir / "hanami.toml").write_text("[reader]\nfile = 'deep/file'\n")
    code, plugins, _ = listed(env, data_dir)
    assert (code, plugins["reader"]["state"], plugins["reader"]["reason"]) == (0, "active", "")


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf"])
def test_a_timeout_is_a_number_of_seconds(env: dict[str, str], tmp_path: Path, seconds: str) -> None:
    done = hanami("plugins", f"--timeout={seconds}", "--data-dir", str(tmp_path), env=env)
    assert (done.returncode, done.stderr.strip()) == (1, f"--timeout {seconds}: expected a number of seconds")


@pytest.mark.long
def test_the_states_of_the_running_processes_are_listed(tmp_path: Path) -> None:
    plugins = {
        "apart": NASTY["apart"],
        "watches": "@hookimpl\ndef hanami_event(event):\n"
        "    if event.name == 'call.allowed': raise LookupError(type(event).__name__)",
        "later": "",
        "helper": "from hanami_core.processes import Process\n"
        "def run(context): context.runtime, context.ready(), context.stop.wait()\n"
        "@hookimpl\ndef hanami_processes(): return [Process('helper', 'third_helper:run')]",
    }
    env, data_dir = distribution(tmp_path / "third", plugins), tmp_path / "data"
    data_dir.mkdir()
    with ServerProcess(data_dir, env, {"http.workers": 2}) as server:
        code, found, errors = listed(env, data_dir)
        assert (code, errors) == (1, "")
        assert (found["apart"]["state"], found["apart"]["reason"]) == ("broken", "sidecar cpu0: OSError: no sensor")
        processes = found["apart"]["processes"]
        assert sorted(name.split()[0] for name in processes) == ["api", "api", "process", "sidecar", "worker"]
        assert {states.process for states in read(data_dir)} == {"api", "process helper", "sidecar cpu0", "worker"}
        assert {view["state"] for name, view in processes.items() if name.startswith("api")} == {"active"}
        assert found["watches"]["state"] == "active"
        assert found["watches"]["running"]
        assert server.request("POST", "/v1/echo", {}, "good")[0] == 200
        seen = until(lambda: (found := listed(env, data_dir)[1]["watches"])["state"] == "degraded" and found)
        assert seen["reason"].endswith("failed in hanami_event: LookupError: CallAllowed")
        assert hanami("plugins", "disable", "later", "--data-dir", str(data_dir), env=env).returncode == 0
        assert listed(env, data_dir)[1]["later"]["reason"] == "will be disabled by the next start"
        table = hanami("plugins", "--data-dir", str(data_dir), env=env)
        assert table.stderr.startswith("as the running processes have them: api ")
        os.kill(server.child("sidecar cpu0"), 9)
        until(lambda: "nothing is known of" not in hanami("plugins", "--data-dir", str(data_dir), env=env).stderr)
        assert server.stop() == 0
    assert list((data_dir / "run" / "plugins").glob("*")) == []
    assert listed(env, data_dir)[1]["apart"]["running"] is False
