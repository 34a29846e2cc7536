"""F30: upgrades, starts and backups.

``hanami init`` is killed at any call that makes something durable, on an empty directory and on the database of the
first edition; a server is killed at any moment of its start. Doing it again ends as if nobody had been killed, with
nothing for doctor to find. A copy of a stopped server's directory serves the same networks and tables.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import pytest

from hanami_server.examination import examine
from hanami_server.local import LocalServer
from tests.core.test_base_columns import first_edition, insert
from tests.faults.campaign import Campaign, times
from tests.faults.shims import Killer
from tests.faults.victims import QUICK, UNHURRIED, connect, findings, leftovers, state_of
from tests.faults.work import Work
from tests.server.harness import PROGRAM, alive, descendants, until

ADMIN = {"HANAMI_ADMIN_ID": "boss", "HANAMI_ADMIN_NAME": "The Boss", "HANAMI_ADMIN_PASSPHRASE": "a long passphrase"}
INIT = "init --data-dir"
"""What tells the program from others."""


def init(data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "init", "--data-dir", str(data_dir)]
    return subprocess.run(command, env={**os.environ, **ADMIN}, capture_output=True, text=True, timeout=60)


def nothing(data_dir: Path) -> None:
    """Make no directory: there was no edition before."""


def old_database(data_dir: Path) -> None:
    """Make the database of the first edition, with tasks that wait."""
    data_dir.mkdir(mode=0o700)
    with contextlib.closing(first_edition(data_dir)) as db:
        owned = {"owner_id": "o", "project_id": "p", "kind": "train", "payload": "{}", "blobs": "[]"}
        insert(db, "lane", key="busy", host="cpu0", held=0)
        for number, state in enumerate(("finished", "active", "queued", "queued")):
            times_of_it = {"started_at": "-", "ended_at": "-"}
            insert(
                db, "task", uuid=f"t{number}", name=f"task {number}", lane="busy", state=state, **times_of_it, **owned
            )


def dump(data_dir: Path) -> list[object]:
    """Return the tables, the steps that made them, and the rows that were there before, with the only user."""
    with contextlib.closing(sqlite3.connect(data_dir / "hanami.db")) as db:
        tables = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'migrations_%' ORDER BY name"
        names = [name for (name,) in db.execute(query)]
        steps = [sorted(row[1] for row in db.execute(f'SELECT * FROM "{name}"')) for name in names]
        rows = [sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in ("task", "partition")]
        return [tables, steps, rows, db.execute("SELECT id, is_admin FROM user").fetchall()]


@UNHURRIED
@pytest.mark.parametrize("before", [nothing, old_database], ids=["of an empty directory", "of the first edition"])
def test_a_killed_init_can_be_done_again(tmp_path: Path, before: Callable[[Path], None]) -> None:
    data_dir = tmp_path / "data"
    title = f"SIGKILL of 'hanami init' {'and its migrations' if before is old_database else ''}"
    with Campaign("F30", title.strip()) as campaign, Killer(tmp_path, data_dir) as killer, killer.loaded():
        before(data_dir)
        killer.arm(INIT)
        assert init(data_dir).returncode == 0
        counts = killer.disarm()
        expected = dump(data_dir)
        points = [(call, number) for call, count in counts.items() for number in range(1, count + 1)]
        random.Random(30).shuffle(points)
        for call, number in islice(cycle(points), times(3, 30)):
            shutil.rmtree(data_dir)
            before(data_dir)
            killer.arm(INIT, call, number)
            done = init(data_dir)
            assert killer.killed == (done.returncode == -signal.SIGKILL), done.stderr
            campaign.repetitions += killer.killed
            killer.disarm()
            again = init(data_dir)
            assert again.returncode == 0, again.stderr
            same = dump(data_dir) == expected
            campaign.lost += not same
            assert same, (call, number)
            assert examine(data_dir, alone=True)[1] == []
            campaign.survived += killer.killed
        campaign.remark = f"{len(points)} different calls"


@UNHURRIED
def test_a_killed_start_can_be_done_again_and_a_copy_serves_the_same(tmp_path: Path) -> None:
    chance = random.Random(30)
    server = LocalServer(tmp_path / "data", *QUICK)
    with Campaign("F30", "SIGKILL of a server at a random moment of its start") as campaign, server:
        work = Work(server)
        with work:
            until(lambda: len(work.checkpoints) > 1 or work.surprises, 60)
        server.stop()
        command = [*PROGRAM, "serve", "--data-dir", str(server.data_dir), "--port", "0", *QUICK]
        for _ in range(times(3, 30)):
            starting = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, 1.2 * server.ready_seconds))
            family = descendants(starting.pid)
            starting.kill()
            starting.wait()
            until(lambda family=family: not any(map(alive, family)))
            campaign.repetitions += 1
        server.resume()
        campaign.survived = campaign.repetitions
        lost = work.lost()
        campaign.lost = len(lost)
        assert (lost, work.surprises, findings(server), leftovers(server)) == ([], [], [], [])
        server.stop()
        copy = LocalServer(tmp_path / "copy", *QUICK)
        copy.passphrase = server.passphrase
        subprocess.run(["cp", "-a", server.data_dir, copy.data_dir], check=True)
        states = {uuid: state_of(server, "cluster", uuid) for uuid in work.cycles}
        try:
            copy.resume()
            work.server = copy
            assert (work.lost(), findings(copy)) == ([], [])
            assert {uuid: state_of(copy, "cluster", uuid) for uuid in work.cycles} == states
            with connect(copy) as client:
                assert {row.uuid for row in client.checkpoints()} == set(work.checkpoints)
        finally:
            copy.stop()
