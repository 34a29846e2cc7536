"""``hanami doctor``: it sees everything and changes nothing, and ``--repair`` loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest

import hanami_plugins.logs
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_server.bootstrap import prepare
from hanami_server.process import Options
from tests.core.test_roles import traces
from tests.server.forks import hanami
from tests.server.harness import ServerProcess, alive, descendants, environment, until
from tests.whole import Whole

ENV = environment()
UNKNOWN = "00000000-0000-0000-0000-000000000000"
CLUSTER, CHECKPOINT = f"c{UNKNOWN[1:]}", f"d{UNKNOWN[1:]}"
CLUSTER_TEXT = f"cluster 'digits' ({CLUSTER}) of user 'tsugumi'"
CHECKPOINT_TEXT = f"checkpoint 'best' ({CHECKPOINT}) of user 'tsugumi'"
BOTH = f"{CHECKPOINT_TEXT} and {CLUSTER_TEXT}"
TODAY = time.strftime("lost+found/%Y-%m-%d", time.gmtime())


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of all plugins, with a cluster, whose network is also a checkpoint."""
    folder = tmp_path_factory.mktemp("sound") / "data"
    with Whole(folder) as whole:
        whole.member("tsugumi")
        with whole.runtime.blobs.staging() as path, atomic():
            path.write_text("a network")
            blob = whole.runtime.blobs.link(path)
            owned = {"owner_id": "tsugumi", "project_id": "test_project", "template": "", "seed": 1, "host": "cpu0"}
            cluster = Cluster.create(**owned, name="digits", uuid=CLUSTER, blob=blob)
            whole.runtime.queue.create_partition(cluster.uuid, cluster.host)
            owned = {"owner_id": "tsugumi", "project_id": "test_project", "name": "best", "uuid": CHECKPOINT}
            Checkpoint.create(**owned, blob=whole.runtime.blobs.incref(blob))
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
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(f"content of {file.name}")
        file.chmod(0o600)
    return files


def the_blob(data_dir: Path) -> Path:
    """Return the file of the network."""
    (file,) = (file for file in (data_dir / "blobs").glob("*/????????-*") if file.name != UNKNOWN)
    return file


STEPS = sorted(file.stem for file in (Path(hanami_plugins.logs.__file__).parent / "migrations").glob("0*.py"))
STRAYS = (
    f"staging/{UNKNOWN}",
    f"uploads/{UNKNOWN}",
    f"uploads/{UNKNOWN}.journal",
    f"blobs/00/{UNKNOWN}",
    "blobs/lost.txt",
    "blobs/ab/cd",
)


def damage(data_dir: Path) -> dict[str, str]:
    """Damage a directory in every way that can be repaired, and return what is to be found."""
    stray(data_dir, *STRAYS)
    sql(
        data_dir,
        "drop table error_log",
        "delete from migrations_logs",
        "drop table audit_log",
        'update blob set "references" = 1',
    )
    return {
        f"staged file {UNKNOWN}": "it was never completed; the next start of the server removes it",
        f"upload {UNKNOWN}": "no upload is known for this file",
        f"upload {UNKNOWN}.journal": "no upload is known for this file",
        f"blob {UNKNOWN}": "nothing refers to this file; the next start of the server moves it to lost+found",
        "file blobs/lost.txt": "no blob can lie there",
        "file blobs/ab/cd": "no blob can lie there",
        f"blob {the_blob(data_dir).name}": (
            f"it is counted 1 times, and needed 2 times, by {BOTH}; --repair corrects that"
        ),
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
    moved = [f"moved: {name} to {TODAY}/{name}" for name in STRAYS]
    steps = [f"migrated: {step}" for step in STEPS]
    counted = f"mended: blob {the_blob(data_dir).name} is counted 2 times, not 1 times"
    assert sorted(repaired) == sorted([*steps, counted, *moved])
    assert {(data_dir / TODAY / name).read_text() for name in STRAYS} == {
        f"content of {Path(name).name}" for name in STRAYS
    }
    # The same name again gets another one.
    stray(data_dir, STRAYS[0])
    assert doctor(data_dir, "--repair")[2] == [f"moved: {STRAYS[0]} to {TODAY}/{STRAYS[0]}.1"]
    assert doctor(data_dir, "--repair") == (0, {}, [])


def test_a_lost_table_is_made_again_and_what_its_rows_held_is_left_alone(data_dir: Path) -> None:
    sql(data_dir, "drop table checkpoint")
    assert doctor(data_dir) == (1, {"table checkpoint": "it is missing; with --repair it is made again, empty"}, [])
    blob = the_blob(data_dir)
    code, findings, repaired = doctor(data_dir, "--repair")
    assert (code, findings) == (0, {})
    assert repaired == ["migrated: checkpoint made again", f"mended: blob {blob.name} is counted 1 times, not 2 times"]
    assert blob.read_text() == "a network"


LOST_ROW = "its blob {} has lost its row, with --repair it gets it back"
LOST_BLOB = {
    CLUSTER_TEXT: "its blob {} is lost: load a checkpoint into it, or delete it",
    CHECKPOINT_TEXT: "its blob {} is lost: delete it, what was saved is lost",
}


def test_what_names_a_blob_that_is_lost_is_told_with_what_can_be_done(data_dir: Path) -> None:
    blob = the_blob(data_dir)
    sql(data_dir, "delete from blob")
    blob.unlink()
    expected = {name: text.format(blob.name) for name, text in LOST_BLOB.items()}
    assert doctor(data_dir) == (1, expected, [])
    assert doctor(data_dir, "--repair") == (1, expected, [])


def test_a_blob_that_has_lost_its_row_gets_it_back(data_dir: Path) -> None:
    blob = the_blob(data_dir)
    sql(data_dir, "delete from blob")
    expected = dict.fromkeys((CLUSTER_TEXT, CHECKPOINT_TEXT), LOST_ROW.format(blob.name))
    assert doctor(data_dir) == (1, expected, [])
    assert doctor(data_dir, "--repair") == (0, {}, [f"mended: blob {blob.name} has its row again"])
    assert blob.read_text() == "a network"


@pytest.mark.parametrize("counted", [1, 3])
def test_a_count_that_is_wrong_is_corrected(data_dir: Path, counted: int) -> None:
    blob = the_blob(data_dir)
    sql(data_dir, f'update blob set "references" = {counted}')
    times = f"it is counted {counted} times, and needed 2 times, by {BOTH}; --repair corrects that"
    assert doctor(data_dir) == (1, {f"blob {blob.name}": times}, [])
    assert doctor(data_dir, "--repair") == (
        0,
        {},
        [f"mended: blob {blob.name} is counted 2 times, not {counted} times"],
    )


def test_a_blob_that_nothing_needs_is_moved_aside(data_dir: Path) -> None:
    blob = the_blob(data_dir)
    sql(data_dir, "update cluster set blob = null", "update checkpoint set status = 'deleted'")
    assert doctor(data_dir) == (
        1,
        {f"blob {blob.name}": "nothing needs it; with --repair it goes to lost+found"},
        [],
    )
    place = f"{TODAY}/blobs/{blob.name}"
    moved = f"mended: blob {blob.name}, which nothing needs, to {place}"
    assert doctor(data_dir, "--repair") == (0, {}, [moved])
    assert (data_dir / place).read_text() == "a network"
    assert not blob.exists()


def test_a_blob_that_an_unknown_table_names_is_left_alone(data_dir: Path) -> None:
    """It may be that of a plugin which is disabled, or does not say which of its columns hold blobs."""
    blob = the_blob(data_dir)
    sql(
        data_dir,
        "update cluster set blob = null",
        "update checkpoint set status = 'deleted'",
        "create table strange (number integer, content varchar(36))",
        f"insert into strange values (1, '{blob.name}')",
    )
    assert doctor(data_dir, "--repair") == (0, {}, [])
    assert blob.exists()


def test_what_the_start_of_a_server_does_not_know_is_kept(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost row is a lost network only if somebody removes the file, too."""
    blob, (strange,) = the_blob(data_dir), stray(data_dir, f"blobs/00/{UNKNOWN}")
    stray(data_dir, "staging/unfinished")
    sql(data_dir, "delete from blob")
    prepare(Options(data_dir=data_dir))
    assert blob.read_text() == "a network"
    assert not strange.exists()
    assert (data_dir / TODAY / "blobs" / UNKNOWN).read_text() == f"content of {UNKNOWN}"
    assert list((data_dir / "staging").iterdir()) == []


def test_tasks_that_wait_for_ever_end(data_dir: Path) -> None:
    blob = the_blob(data_dir)
    task = {"uuid": UNKNOWN, "kind": "train", "payload": "{}", "state": "queued", "partition": "gone", "name": "stuck"}
    task |= {"project_id": "p", "owner_id": "tsugumi", "visibility": "private", "status": "active", "error": ""}
    task |= {"fault": "", "caller": "", "lease_owner": "", "lease_boot": "", "blobs": json.dumps([blob.name])}
    numbers = dict.fromkeys(
        ["created_at", "current_cycle", "total_cycles", "cursor", "lease_until", "fence", "priority", "attempts"], "0"
    )
    values = ", ".join([*(f"'{value}'" for value in task.values()), *numbers.values()])
    sql(
        data_dir,
        f"insert into task ({', '.join([*task, *numbers])}) values ({values})",
        'update blob set "references" = 3',
        "insert into partition (key, host, paused, closed, enqueued, turn, owed) values ('old', 'cpu0', 0, 1, 1, 0, 0)",
    )
    waits = "it waits in a queue that does not exist; the next start of the server ends it"
    over = "what it belongs to was deleted; the next start of the server removes it"
    assert doctor(data_dir) == (1, {f"task {UNKNOWN}": waits, "queue old": over}, [])
    assert doctor(data_dir, "--repair") == (0, {}, [f"ended: task {UNKNOWN}, which had no queue"])


def test_files_that_others_may_use_are_told_and_closed(data_dir: Path) -> None:
    (data_dir / "hanami.db").chmod(0o644)
    (data_dir / "blobs").chmod(0o755)
    assert doctor(data_dir) == (0, {}, []), "nobody comes into the directory around them"
    data_dir.chmod(0o755)
    what = "other users of the machine can use it (0755), and 2 files and folders in it; --repair keeps them out"
    assert doctor(data_dir) == (1, {f"directory {data_dir}": what}, [])
    closed = "closed: 3 files and folders are for their owner only now"
    assert doctor(data_dir, "--repair") == (0, {}, [closed])
    modes = [path.stat().st_mode & 0o777 for path in (data_dir, data_dir / "blobs", data_dir / "hanami.db")]
    assert modes == [0o700, 0o700, 0o600]


@pytest.mark.parametrize("page", [1, 2, 5, 20, 50])
def test_a_database_with_a_damaged_page_is_told_in_one_line(data_dir: Path, page: int) -> None:
    with (data_dir / "hanami.db").open("r+b") as file:
        file.seek(page * 4096 - (4096 if page > 1 else 3996))
        file.write(os.urandom(3000))
    done = hanami("doctor", "--data-dir", str(data_dir), env=ENV)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    before = traces(data_dir)
    repaired = hanami("doctor", "--repair", "--data-dir", str(data_dir), env=ENV)
    assert (repaired.returncode, len(repaired.stderr.strip().splitlines())) == (1, 1), repaired.stderr
    after = traces(data_dir)
    assert {name: trace for name, trace in after.items() if name in before and "lock" not in name}.keys() >= {
        name for name in before if "blobs" in name or name.endswith("hanami.db")
    }


def test_a_database_of_a_newer_version_is_told_and_not_touched(data_dir: Path) -> None:
    sql(data_dir, "insert into migrations_clusters (name, applied) values ('0099_later', '2030-01-01')")
    found = {"migration 0099_later of clusters": "it is unknown; a newer version has used the database"}
    assert doctor(data_dir) == (1, found, [])
    done = hanami("doctor", "--repair", "--data-dir", str(data_dir), env=ENV)
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "the database has seen 0099_later of clusters, which this version does not know; it was used by a newer one",
    )


def test_it_looks_at_what_a_killed_server_has_left(env: dict[str, str], tmp_path: Path) -> None:
    with ServerProcess(tmp_path, env, {"http.workers": 1}) as server:
        assert server.request("POST", "/v1/task", {"cycles": 3}, "good")[0] == 200
        processes = descendants(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        until(lambda: not any(map(alive, processes)))
    assert (tmp_path / "hanami.db-wal").exists()
    before = traces(tmp_path)
    assert doctor(tmp_path, env=env) == (0, {}, [])
    assert traces(tmp_path) == before


@pytest.mark.long
def test_it_looks_beside_a_running_server_and_repairs_nothing_there(env: dict[str, str], tmp_path: Path) -> None:
    with ServerProcess(tmp_path, env, {"http.workers": 1}) as server:
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
    blob = the_blob(data_dir)
    sql(data_dir, "update checkpoint set status = 'deleted'", 'update blob set "references" = 1')
    blob.write_bytes(b"rotten")
    text = f"blob {blob.name} was changed after it had been stored"
    owner = f"; it belongs to {CLUSTER_TEXT}: load a checkpoint into it, or delete it"
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


@pytest.mark.long
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
