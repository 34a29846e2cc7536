"""What a process may do is said by its role; one that only looks changes nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hanami_core.roles import Role
from tests.whole import Whole

LOOK = """
import json, os, pathlib, sys
directory, log = sys.argv[1], []
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        if arguments[2] & WRITING and os.fsdecode(arguments[0]).startswith(directory):
            log.append([event, os.fsdecode(arguments[0])])
    elif event.startswith("os.") and event[3:] in "mkdir remove rename rmdir link symlink chmod truncate".split():
        if any(str(argument).startswith(directory) for argument in arguments):
            log.append([event, *map(str, arguments)])

sys.addaudithook(watch)
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
runtime = Runtime.open(pathlib.Path(directory), Role.INSPECT, environ={})
states = {name: [plugin.state, plugin.reason] for name, plugin in runtime.plugins.plugins.items()}
rows = {name: model.select().count() for name, model in runtime.models.items()}
runtime.close()
print(json.dumps({"log": log, "states": states, "rows": rows}))
"""


def traces(folder: Path) -> dict[str, tuple[int, str]]:
    """Return the time and content of everything in a folder."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in [folder, *sorted(folder.rglob("*"))]
    }


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A data directory as a server leaves it, with a file that nobody knows in each of its folders."""
    with Whole(tmp_path / "data") as whole:
        whole.call("POST", "dataset/upload/csv", name="table", input_data_size=10)
    for folder in ("uploads", "staging", "blobs/00"):
        (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / folder / "00000000-0000-0000-0000-000000000000").write_text("whose is it")
    return tmp_path / "data"


@pytest.mark.parametrize("key", ["with a key", "without"])
def test_a_look_changes_nothing(directory: Path, key: str) -> None:
    if key == "without":
        (directory / "token.key").unlink()
    before = traces(directory)
    command = [sys.executable, "-c", LOOK, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["log"] == []
    assert traces(directory) == before
    assert found["rows"]["upload"] == 1
    broken = {name: reason for name, (state, reason) in found["states"].items() if state != "active"}
    if key == "without":
        assert "'hanami init' creates the token key" in broken["auth_jwt"]
    else:
        assert broken == {}


def test_what_a_role_may_do() -> None:
    assert [role for role in Role if role.prepares] == [Role.MIGRATE]
    assert [role for role in Role if not role.writes] == [Role.INSPECT]
    assert not [role for role in Role if role.prepares and not role.writes]


def test_every_role_is_documented() -> None:
    import hanami_core.roles

    assert [role for role in Role if f"`{role.name}`" not in (hanami_core.roles.__doc__ or "")] == []


def test_whoever_closes_an_application_leaves_no_thread_behind(tmp_path: Path) -> None:
    """A thread might still have the database open, and whoever looks next would see it come and go."""
    before = set(threading.enumerate())
    with Whole(tmp_path / "data") as whole:
        whole.call("POST", "dataset/upload/csv", name="table", input_data_size=10)
        assert set(threading.enumerate()) - before
    assert set(threading.enumerate()) <= before
