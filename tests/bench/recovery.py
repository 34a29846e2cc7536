"""How long a server takes to be back after `kill -9` of one of its processes, or of all of them with its supervisor.

It is back when it says that it is ready, which means that a request ran through every host, and a small task has ended.
On a machine that others use, the time on its processors says more: what the new processes have used until then.
``python -m tests.bench.recovery`` prints both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from hanami_sdk import Client
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.faults.victims import SIDECAR, kill_all, kill_child, served
from tests.server.harness import descendants

__all__ = ["GOAL_SECONDS", "run", "show"]

ROUNDS = 5
GOAL_SECONDS = 3.0
"""What a sidecar, and a supervisor, may take on an idle machine."""
PATIENCE = 60.0
ROWS = 40


def _digits() -> tuple[bytes, bytes]:
    pictures, labels = os.urandom(ROWS * 784), bytes(n % 10 for n in range(ROWS))
    return struct.pack(">IIII", 2051, ROWS, 28, 28) + pictures, struct.pack(">II", 2049, ROWS) + labels


def _child(name: str) -> Callable[[LocalServer], None]:
    return lambda server: served(server, name, kill_child(server, name))


def _supervisor(server: LocalServer) -> None:
    kill_all(server)
    server.resume()


VICTIMS: dict[str, Callable[[LocalServer], None]] = {
    "api": _child("api"),
    "sidecar": _child(SIDECAR),
    "worker": _child("worker"),
    "supervisor": _supervisor,
}


def _processors(pids: set[int]) -> dict[int, float]:
    """Return the seconds that processes have used."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            found[pid] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return found


class _Site:
    """A server with a trained cluster."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        with self._client() as client:
            self._data = client.upload_mnist("digits", *_digits())
            self._cluster = client.create_cluster("digits", TEMPLATE)
        self.task()

    def _client(self) -> Client:
        # A new one each time, because a server that is started again has another port.
        return Client(self.server.address, self.server.user, self.server.passphrase, retry=PATIENCE)

    def task(self) -> None:
        """Train a little, and wait for that."""
        with self._client() as client:
            client.train(self._cluster, {"picture_hex": self._data["picture"]}, {"label_hex": self._data["label"]})

    def killed(self, victim: Callable[[LocalServer], None]) -> dict[str, float]:
        """Kill a process; tell how long it takes until the server is ready, and until a task has ended."""
        pid = self.server.pid
        before = _processors({pid, *descendants(pid)})
        begin = time.perf_counter()
        victim(self.server)
        ready = time.perf_counter() - begin
        pid = self.server.pid
        after = _processors({pid, *descendants(pid)})
        used = sum(seconds for one, seconds in after.items() if one not in before)
        self.task()
        return {"ready_s": ready, "task_s": time.perf_counter() - begin, "processor_s": used}


def run(rounds: int = ROUNDS, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Measure each victim so many times."""
    figures: dict[str, Any] = {}
    with TemporaryDirectory(prefix="hanami-bench-") as base, LocalServer(Path(base) / "data") as server:
        site = _Site(server)
        for name, victim in VICTIMS.items():
            if only and name not in only:
                continue
            # A process that dies soon after its start is started again a little later.
            found = []
            for _ in range(rounds):
                time.sleep(1.0)
                found.append(site.killed(victim))
            figures[name] = {key: [one[key] for one in found] for key in found[0]}
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print medians, and the longest."""
    table = Table(title="seconds until a server is back after kill -9")
    for column in ("killed", "ready", "most", "a task has ended", "on the processors"):
        table.add_column(column, justify="left" if column == "killed" else "right")
    for name, found in figures.items():
        numbers = median(found["ready_s"]), max(found["ready_s"]), median(found["task_s"]), median(found["processor_s"])
        table.add_row(name, *(f"{number:.2f}" for number in numbers))
    Console(width=100).print(table)


def main() -> None:
    """Measure some, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recovery")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=sorted(VICTIMS), action="append", default=[])
    arguments = parser.parse_args()
    show(run(arguments.rounds, tuple(arguments.only)))


if __name__ == "__main__":
    main()
