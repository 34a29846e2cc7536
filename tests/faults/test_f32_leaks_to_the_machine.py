"""F32 log and error leakage: what a server knows stays with its user: modes, core dumps, environment, command lines."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.server.conftest import env
from tests.server.harness import ServerProcess, descendants, hanami, until

__all__ = ["env"]

CANARY = "canary of a secret"
PASSPHRASE = "canary of a passphrase"


def modes(directory: Path) -> dict[str, str]:
    """Return what others than the user may use."""
    paths = [directory, *directory.rglob("*")]
    return {str(path): oct(path.lstat().st_mode) for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o077}


@pytest.fixture
def opened(env: dict[str, str], tmp_path: Path) -> Path:
    """A data directory of an installation that let others read."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o755)
    (data_dir / "blobs").mkdir(mode=0o755)
    for name in ("hanami.toml", "own.policy", "blobs/stray"):
        (data_dir / name).touch(mode=0o644)
    sqlite3.connect(data_dir / "hanami.db").close()
    (data_dir / "hanami.db").chmod(0o644)
    return data_dir


def test_what_others_could_use_is_theirs_no_more(env: dict[str, str], opened: Path) -> None:
    assert len(modes(opened)) == 6
    with ServerProcess(opened, env) as server:
        server.request("POST", "/v1/task", {"cycles": 1, "partition": "p", "host": "cpu0"}, token="good")
        assert modes(opened) == {}
        lines = [json.loads(line) for line in server.text().splitlines() if line.startswith("{")]
        assert [line["mended"] for line in lines if "mended" in line] == [6]


def test_init_closes_a_directory_that_was_there(env: dict[str, str], opened: Path) -> None:
    (opened / "hanami.toml").write_text("[server_stub]\nadmin = false\n")
    admin = {"HANAMI_ADMIN_ID": "root", "HANAMI_ADMIN_NAME": "Root", "HANAMI_ADMIN_PASSPHRASE": "long enough"}
    done = hanami("init", "--data-dir", str(opened), env=env | admin)
    assert done.returncode == 0, done.stderr
    assert modes(opened) == {}


def test_doctor_names_an_open_directory(env: dict[str, str], opened: Path) -> None:
    done = hanami("doctor", "--data-dir", str(opened), env=env)
    assert "other users of the machine can use it (0755)" in done.stdout + done.stderr
    assert len(modes(opened)) == 6, "looking changes nothing"


def memory_of(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")


@pytest.mark.usefixtures("fresh")
def test_secrets_leave_the_environment_and_cores_are_off(env: dict[str, str], tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    given = {"HANAMI_SERVER_STUB_KEY": CANARY, "HANAMI_ADMIN_PASSPHRASE": PASSPHRASE, "HANAMI_HTTP_THREADS": "3"}
    with ServerProcess(data_dir, env | given, {"server_stub.processes": "good,program"}) as server:
        until(lambda: "process program" in server.state()["children"])
        pids = {server.pid, *descendants(server.pid)}
        assert len(pids) >= 6
        for pid in pids:
            for name in ("environ", "cmdline"):
                text = memory_of(pid, name)
                assert CANARY not in text, (pid, name)
                assert PASSPHRASE not in text, (pid, name)
            core = next(line for line in memory_of(pid, "limits").splitlines() if line.startswith("Max core"))
            assert core.split()[4:6] == ["0", "0"]
        assert "HANAMI_HTTP_THREADS=3" in memory_of(server.pid, "environ")
        assert server.request("GET", "/v1/key", token="good")[1] == {"text": CANARY}
        worker = server.child("worker")
        os.kill(worker, 9)
        until(lambda: server.state()["children"].get("worker", worker) != worker)
        assert CANARY not in memory_of(server.child("worker"), "environ")
