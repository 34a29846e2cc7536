"""F26: a second server wants a data directory, or a port, that a first one has.

It is refused with one line that names the process or the address, also if it comes to the directory by a symbolic link,
and of several that start at the same moment one wins. Whoever is there goes on, and nothing changes.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hanami_core.errors import StartupError
from hanami_server.paths import state_path
from hanami_server.process_control import hold
from tests.faults.campaign import Campaign, times
from tests.faults.victims import QUICK, UNHURRIED, connect, findings, leftovers, running
from tests.faults.work import Work
from tests.local import LocalServer
from tests.server.harness import PROGRAM, environment, hanami, until
from tests.service.wire import holdings, settled


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("first") / "data", *QUICK) as server:
        yield server


def refusal(data_dir: Path, port: int = 0) -> str:
    """Start another server, which must end by itself, and return what it has to say."""
    done = hanami("serve", "--data-dir", str(data_dir), "--port", str(port), env=environment())
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.removesuffix("\n")


@UNHURRIED
def test_a_second_server_is_refused_and_harms_nothing(first: LocalServer, tmp_path: Path) -> None:
    link, parent = tmp_path / "link", tmp_path / "parent"
    link.symlink_to(first.data_dir)
    parent.symlink_to(first.data_dir.parent)
    ways = [first.data_dir, link, parent / "data"]
    with Campaign("F26", "a second server on a data directory, by its name and by symbolic links") as campaign:
        work = Work(first)
        with work:
            for number in range(times(3, 20)):
                way = ways[number % len(ways)]
                campaign.repetitions += 1
                assert refusal(way) == f"data directory {way} is in use by process {first.pid}"
                campaign.survived += 1
        assert running(first).pid == first.pid
        lost = work.lost()
        campaign.lost = len(lost)
        assert (lost, work.surprises, findings(first), leftovers(first)) == ([], [], [], [])


@pytest.mark.parametrize("former", ["", "4194304\n"], ids=["nobody", "one that is gone"])
def test_the_line_names_whoever_has_just_come(tmp_path: Path, former: str) -> None:
    lock = tmp_path / "lock"
    lock.write_text(former)
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        naming = threading.Timer(0.2, lock.write_text, [f"{os.getpid()}\n"])
        naming.start()
        with pytest.raises(StartupError, match=f"^the door is in use by process {os.getpid()}$"):
            with hold(lock, "the door"):
                pass
        naming.join()


@UNHURRIED
def test_a_second_server_on_a_port_is_refused(first: LocalServer, tmp_path: Path) -> None:
    port = running(first).port
    other = LocalServer(tmp_path / "data", *QUICK)
    with other:
        settled(other.data_dir)  # what a server writes at its first start is there when it ends
    before, mine = settled(other.data_dir), settled(first.data_dir)
    with Campaign("F26", "a second server on the port of another one") as campaign:
        for _ in range(times(1, 10)):
            campaign.repetitions += 1
            line = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
            assert refusal(other.data_dir, port) == line
            campaign.survived += 1
        assert (holdings(other.data_dir), holdings(first.data_dir)) == (before, mine)
        with connect(first) as client:
            assert client.hosts()


@UNHURRIED
def test_of_several_that_start_together_one_wins(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "data", *QUICK)
    server.make()
    command = [*PROGRAM, "serve", "--data-dir", str(server.data_dir), "--port", "0", *QUICK]
    pipe = subprocess.PIPE
    with Campaign("F26", "three servers that start at the same moment on one data directory") as campaign:
        for _ in range(times(1, 10)):
            with ExitStack() as ends:
                rivals = [ends.enter_context(subprocess.Popen(command, stderr=pipe, text=True)) for _ in range(3)]
                for rival in rivals:
                    ends.callback(rival.kill)  # whatever the test finds
                until(lambda rivals=rivals: sum(rival.poll() is None for rival in rivals) == 1, 60)
                (winner,) = (rival for rival in rivals if rival.poll() is None)
                for rival in rivals:
                    if rival is not winner:
                        assert rival.stderr is not None
                        said = rival.stderr.read().rstrip("\n")
                        assert said == f"data directory {server.data_dir} is in use by process {winner.pid}"
                until(state_path(server.data_dir).exists, 60)
                campaign.repetitions += 1
                until(lambda: running(server).ready, 60)
                assert running(server).pid == winner.pid
                campaign.survived += 1
                winner.send_signal(signal.SIGTERM)
                assert winner.wait(20) == 0
        assert findings(server) == []
