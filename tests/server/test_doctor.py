"""``hanami doctor``: it sees everything and changes nothing, and ``--repair`` loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

import hanami_plugins.logs
from tests.core.test_roles import traces
from tests.server.harness import ServerProcess, alive, descendants, environment, hanami, until
from tests.whole import Whole

ENV = environment()
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of all plugins, with a blob."""
    folder = tmp_path_factory.mktemp("sound") / "data"
    with Whole(folder) as whole:
        whole.member("tsugumi")
        with whole.runtime.blobs.staging() as path:
            path.write_text("a blob")
            whole.runtime.blobs.adopt(path)
    return folder


@pytest.fixture
def data_dir(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "data", ignore=shutil.ignore_patterns("run"))


def doctor(data_dir: Path, *options: str, env: dict[str, str] = ENV) -> tuple[int, dict[str, str], list[str]]:
    """Return exit code, findings and repairs."""
    done = hanami("doctor", "--json", *options, "--data-dir", str(data_dir), env=env)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return done.returncode, {f["where"]: f["what"] for f in report["findings"]}, report.get("repaired", [])


def sql(data_dir: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(data_dir / "hanami.db", isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def stray(data_dir: Path, *names: str) -> list[Path]:
    """Put files where nobody knows them."""
    files = [data_dir / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {file.name}")
    return files


STEPS = sorted(file.stem for file in (Path(hanami_plugins.logs.__file__).parent / "migrations").glob("0*.py"))
STRAYS = (f"uploads/{UNKNOWN}", f"uploads/{UNKNOWN}.journal", f"blobs/00/{UNKNOWN}", "blobs/lost.txt", "blobs/ab/cd")


def damage(data_dir: Path) -> dict[str, str]:
    """Damage a directory in every way that can be repaired, and return what is to be found."""
    stray(data_dir, *STRAYS)
    sql(
        data_dir, "drop table checkpoint", "delete from migrations_logs", "drop table audit_log", "drop table error_log"
    )
    return {
        f"upload {UNKNOWN}": "no upload is known for this file",
        f"upload {UNKNOWN}.journal": "no upload is known for this file",
        f"blob {UNKNOWN}": "nothing refers to this file; the next start of the server removes it",
        "file blobs/lost.txt": "no blob can lie there",
        "file blobs/ab/cd": "no blob can lie there",
        "table checkpoint": "it is missing; with --repair it is made again, empty",
        **{f"migration {step} of logs": "it has not run yet; the next start of the server runs it" for step in STEPS},
    }


def test_a_sound_directory_is_left_as_it_is(data_dir: Path) -> None:
    before = traces(data_dir)
    assert doctor(data_dir) == (0, {}, [])
    assert traces(data_dir) == before


def test_everything_is_seen_and_nothing_is_changed(data_dir: Path) -> None:
    expected = damage(data_dir)
    before = traces(data_dir)
    assert doctor(data_dir) == (1, expected, [])
    assert traces(data_dir) == before


def test_what_can_be_repaired_is_and_nothing_is_lost(data_dir: Path) -> None:
    damage(data_dir)
    code, findings, repaired = doctor(data_dir, "--repair")
    assert (code, findings) == (0, {})
    moved = [f"moved: {name} to lost+found/{name}" for name in STRAYS]
    steps = [f"migrated: {step}" for step in STEPS]
    assert sorted(repaired) == sorted(["migrated: checkpoint made again", *steps, *moved])
    assert {(data_dir / "lost+found" / name).read_text() for name in STRAYS} == {
        f"content of {Path(name).name}" for name in STRAYS
    }
    # The same name again gets another one.
    stray(data_dir, STRAYS[0])
    assert doctor(data_dir, "--repair")[2] == [f"moved: {STRAYS[0]} to lost+found/{STRAYS[0]}.1"]
    assert doctor(data_dir, "--repair") == (0, {}, [])


def test_it_looks_at_what_a_killed_server_has_left(env: dict[str, str], tmp_path: Path) -> None:
    with ServerProcess(tmp_path, env) as server:
        assert server.request("POST", "/v1/task", {"cycles": 3}, "good")[0] == 200
        processes = descendants(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        until(lambda: not any(map(alive, processes)))
    assert (tmp_path / "hanami.db-wal").exists()
    before = traces(tmp_path)
    assert doctor(tmp_path, env=env) == (0, {}, [])
    assert traces(tmp_path) == before


def test_it_looks_beside_a_running_server_and_repairs_nothing_there(env: dict[str, str], tmp_path: Path) -> None:
    with ServerProcess(tmp_path, env) as server:
        stray(tmp_path, "blobs/lost.txt")
        for process in descendants(server.pid):  # what changes now is not the server's doing
            os.kill(process, signal.SIGSTOP)
        before = traces(tmp_path)
        try:
            assert doctor(tmp_path, env=env) == (1, {"file blobs/lost.txt": "no blob can lie there"}, [])
            refused = hanami("doctor", "--repair", "--data-dir", str(tmp_path), env=env)
            again = hanami("init", "--data-dir", str(tmp_path), env=env)
        finally:
            after = traces(tmp_path)
            for process in descendants(server.pid):
                os.kill(process, signal.SIGCONT)
        assert after == before
        line = f"data directory {tmp_path} is in use by process {server.pid}"
        assert (refused.returncode, refused.stdout, refused.stderr.strip()) == (1, "", line)
        assert (again.returncode, again.stdout.strip()) == (0, f"{tmp_path} is ready, a server uses it")


def test_a_blob_that_is_damaged_names_what_needs_it(data_dir: Path) -> None:
    (blob,) = (data_dir / "blobs").glob("*/*")
    values = {"uuid": "uuid-of-it", "project_id": "p", "owner_id": "tsugumi", "name": "best", "blob": blob.name}
    texts = ", ".join(f"'{value}'" for value in values.values())
    sql(
        data_dir,
        f"insert into checkpoint ({', '.join(values)}, status, deleted_at, created_at, visibility)"
        f" values ({texts}, 'active', '-', '-', 'private')",
    )
    blob.write_bytes(b"rotten")
    text = f"blob {blob.name} was changed after it had been stored"
    owner = "; it belongs to checkpoint 'best' (uuid-of-it) of user 'tsugumi'"
    assert doctor(data_dir) == (1, {f"blob {blob.name}": text + owner}, [])


@pytest.mark.parametrize("name", ["hanami.db", "token.key"])
def test_what_is_missing_is_told_and_not_made(data_dir: Path, name: str) -> None:
    (data_dir / name).unlink()
    before = traces(data_dir)
    done = hanami("doctor", "--data-dir", str(data_dir), env=ENV)
    assert done.returncode == 1
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert traces(data_dir) == before
    assert hanami("doctor", "--repair", "--data-dir", str(data_dir), env=ENV).returncode == 1
    assert not (data_dir / name).exists()


def test_a_file_that_is_no_database_is_told_in_lines(data_dir: Path) -> None:
    (data_dir / "hanami.db").write_bytes(b"garbage" * 1000)
    done = hanami("doctor", "--data-dir", str(data_dir), env=ENV)
    assert done.returncode == 1
    assert "file is not a database" in done.stderr
    assert "Traceback" not in done.stderr
    for command in (["doctor", "--repair"], ["init"], ["serve", "--port", "0"]):
        done = hanami(*command, "--data-dir", str(data_dir), env=ENV)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1), done.stderr


def test_a_server_does_not_start_on_a_lost_table_and_does_not_make_it(data_dir: Path) -> None:
    sql(data_dir, "drop table checkpoint", "drop table blob")
    done = hanami("serve", "--port", "0", "--data-dir", str(data_dir), env=ENV)
    assert (done.returncode, done.stderr.strip()) == (1, "the table blob of core is missing, see 'hanami doctor'")
    assert set(doctor(data_dir)[1]) == {"table blob", "table checkpoint"}


@pytest.mark.parametrize("command", [["config"], ["plugins"], ["doctor"]])
@pytest.mark.parametrize("state", ["sound", "damaged", "empty", "absent"])
def test_looking_never_writes(data_dir: Path, command: list[str], state: str) -> None:
    if state == "damaged":
        damage(data_dir)
        (data_dir / "token.key").unlink()
    elif state != "sound":
        shutil.rmtree(data_dir)
        if state == "empty":
            data_dir.mkdir()
    before = traces(data_dir.parent)
    done = hanami(*command, "--data-dir", str(data_dir), env=ENV)
    assert "Traceback" not in done.stderr
    assert traces(data_dir.parent) == before
