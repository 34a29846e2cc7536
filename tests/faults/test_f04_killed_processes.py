"""F04: any process is killed with SIGKILL while clients work: a worker of the api, its arbiter, the sidecar, the worker
of background work, the supervisor.

Nothing acknowledged is lost, and the server serves again by itself; after the end of a supervisor, which is started
again, its children are gone within two seconds and the port is free.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from hanami_core.errors import StartupError
from hanami_server.local import LocalServer
from hanami_server.supervisor import bind
from tests.faults.campaign import Campaign, times
from tests.faults.victims import (
    QUICK,
    SIDECAR,
    UNHURRIED,
    findings,
    kill_all,
    kill_child,
    leftovers,
    running,
    served,
)
from tests.faults.work import Work
from tests.server.harness import alive, descendants, until

GONE = 2.0
"""Seconds that children may outlive their supervisor."""


def kill_api_worker(server: LocalServer) -> None:
    pid = min(until(lambda: descendants(running(server).children["api"]), 60))
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), 10)


def kill(name: str) -> Callable[[LocalServer], None]:
    return lambda server: served(server, name, kill_child(server, name))


def kill_supervisor(server: LocalServer) -> None:
    port, begin = running(server).port, time.monotonic()
    kill_all(server)
    # A thread that waits for the disk holds the port a little longer than its process is seen.
    until(lambda: is_free(port), GONE)
    assert time.monotonic() - begin < GONE
    server.resume()


def is_free(port: int) -> bool:
    with contextlib.suppress(StartupError):
        bind("127.0.0.1", port).close()
        return True
    return False


VICTIMS = [kill_api_worker, kill("api"), kill(SIDECAR), kill("worker"), kill_supervisor]


@UNHURRIED
def test_nothing_acknowledged_is_lost_whoever_is_killed(tmp_path: Path) -> None:
    seconds: list[float] = []
    with (
        Campaign("F04", "SIGKILL of api worker, arbiter, sidecar, worker and supervisor in turn") as campaign,
        LocalServer(tmp_path / "data", *QUICK) as server,
    ):
        work = Work(server)
        with work:
            for number in range(times(len(VICTIMS), 8 * len(VICTIMS))):
                # Work is under way, and what is killed next has had something to do since the last time.
                worked(work)
                begin = time.monotonic()
                VICTIMS[number % len(VICTIMS)](server)
                campaign.repetitions += 1
                worked(work)
                seconds.append(time.monotonic() - begin)
                campaign.survived += 1
                campaign.remark = (
                    f"served after {statistics.median(seconds):.1f} s (median), {max(seconds):.1f} s (most)"
                )
        lost = work.lost()
        campaign.lost = len(lost)
        assert lost == []
        assert work.surprises == []
        server.stop()
        server.resume()
        assert (findings(server), leftovers(server)) == ([], [])


def worked(work: Work) -> None:
    """Wait until a client got a whole round done: a dataset, a training, a checkpoint."""
    before = len(work.checkpoints)
    until(lambda: len(work.checkpoints) > before or work.surprises, 60)
