"""Twenty minutes of what 16 clients do all day, and a look at what a server must not gather meanwhile.

``python -m tests.faults.soak`` makes, trains, asks, saves, restores, streams to and deletes networks, and watches the
descriptors and the memory of all processes and the size of the data directory, without the log, which whoever starts a
server keeps. What is deleted or has ended leaves the database after a minute, so that it comes to its size within the
first quarter. It ends with 1 if a call fails, or if something grows: what the last quarter needed, compared with the
second one. It says of each process that was there all the time how much memory it has, and how much of that came on
top.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

from hanami_sdk import Client, Dataset
from hanami_server.local import LocalServer
from tests.service.processes import family, own_memory, title

R = TypeVar("R")

CLIENTS = 16
PAUSE = 5.0
"""Seconds between two looks."""
TABLE = b"a,b,c\n" + b"".join(b"%d,%d,%d\n" % (n % 2, n % 3, (n + 1) % 2) for n in range(60))
TEMPLATE = """version: 1
settings:
    max_connection_distance: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    x: 1,1,1
outputs:
    y: 3,1,1
"""
RETENTION = (
    "--set=retention.days=0.0007",
    "--set=retention.interval=5",
    "--set=logs.audit_rows=1000",
    "--set=http.keys=60",
)
MOST_DESCRIPTORS, MOST_MEMORY, MOST_DISK = 20, 16 << 20, 8 << 20
"""What may come on top from the second quarter to the last one."""


@dataclass
class Look:
    """What a server has at a moment; memory by process, in bytes."""

    descriptors: int
    memory: dict[int, int]
    titles: dict[int, str]
    disk: int

    @classmethod
    def at(cls, server: LocalServer) -> Look:
        """Look at all processes and files."""
        pids = family(server.pid)
        return cls(
            sum(_count(pid) for pid in pids),
            {pid: _memory(pid) for pid in pids},
            {pid: title(pid) for pid in pids},
            sum(_size(path) for path in server.data_dir.rglob("*") if path != server.log),
        )


def _count(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:  # a decoder that has just ended
        return 0


def _memory(pid: int) -> int:
    try:
        return own_memory(pid)
    except (OSError, StopIteration):
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # a file that has just been deleted
        return 0


@dataclass
class Load:
    """The work of all clients."""

    server: LocalServer
    end: float
    calls: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, number: int) -> None:
        """Do what a client does until the end."""
        chance = random.Random(number)
        try:
            with Client(self.server.address, self.server.user, self.server.passphrase) as client:
                data = client.upload_csv(f"table {number}", TABLE)
                while time.monotonic() < self.end:
                    self.round(client, data, f"client {number}", chance)
        except Exception as error:
            with self.lock:
                self.errors.append(f"client {number}: {type(error).__name__}: {error}")

    def round(self, client: Client, data: Dataset, name: str, chance: random.Random) -> None:
        """The life of a network."""
        network = client.create_cluster(name, TEMPLATE)
        links = {"x": data["a"]}, {"y": data["c"]}
        self.count("train", lambda: client.train(network, *links))
        for _ in range(chance.randint(1, 4)):
            answers = self.count("request", lambda: client.request(network, links[0], {"y": "answer"}))
            client.dataset_content(answers, "answer", 5)
            client.delete_dataset(answers)
        saved = self.count("save", lambda: client.save(network, name))
        with client.direct(network) as live:
            for _ in range(chance.randint(5, 50)):
                self.count("frame", lambda: live.request({"x": [1.0]}))
            live.train({"x": [1.0]}, {"y": [0.0]})
        self.count("restore", lambda: client.restore(network, saved))
        if chance.random() < 0.2:
            self.count("upload", lambda: client.delete_dataset(client.upload_csv(f"{name} again", TABLE)))
        self.count("list", lambda: [client.clusters(), client.tasks(network)])
        client.delete_checkpoint(saved)
        client.delete_cluster(network)

    def count(self, what: str, call: Callable[[], R]) -> R:
        """Make a call and count it."""
        result = call()
        with self.lock:
            self.calls[what] += 1
        return result


class Quarters:
    """The second and the last quarter of what was seen."""

    def __init__(self, looks: list[Look]) -> None:
        """Choose them; memory is that of processes that were there all the time: how many decoders work is chance."""
        size = max(1, len(looks) // 4)
        self._early, self._late = looks[size : 2 * size] or looks[:1], looks[-size:]
        self._lasting = set.intersection(*(set(look.memory) for look in self._early + self._late))

    def grown(self) -> dict[str, int]:
        """Return what the last one needed more than the second one."""
        return {
            "descriptors": self._more(lambda look: look.descriptors),
            "memory": self._more(lambda look: sum(look.memory[pid] for pid in self._lasting)),
            "disk": self._more(lambda look: look.disk),
        }

    def processes(self) -> list[dict[str, object]]:
        """Return the bytes of each lasting process in the last one, and how many of them came on top; most first."""
        last = self._late[-1]
        return [
            {"title": last.titles[pid], "memory": last.memory[pid], "more": more}
            for more, pid in sorted(((self._grown(pid), pid) for pid in self._lasting), reverse=True)
        ]

    def _grown(self, pid: int) -> int:
        return self._more(lambda look: look.memory[pid])

    def _more(self, read: Callable[[Look], int]) -> int:
        return int(median(map(read, self._late)) - median(map(read, self._early)))


def main() -> int:
    """Load a server, watch it, and say what has grown."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long")
    seconds = 60 * parser.parse_args().minutes
    looks = []
    with (
        tempfile.TemporaryDirectory(prefix="hanami-soak-") as folder,
        LocalServer(Path(folder) / "data", *RETENTION) as server,
    ):
        load = Load(server, time.monotonic() + seconds)
        clients = [threading.Thread(target=load.work, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            time.sleep(min(PAUSE, seconds / 12))
            looks.append(Look.at(server))
        for client in clients:
            client.join()
    quarters = Quarters(looks)
    more = quarters.grown()
    limits = {"descriptors": MOST_DESCRIPTORS, "memory": MOST_MEMORY, "disk": MOST_DISK}
    grew = [name for name, limit in limits.items() if more[name] > limit]
    report = {"minutes": seconds / 60, "calls": load.calls, "more": more, "processes": quarters.processes()}
    print(json.dumps(report | {"errors": load.errors}, indent=2))
    for name in grew:
        print(f"{name} grew by {more[name]}, {limits[name]} is allowed")
    return 1 if grew or load.errors else 0


if __name__ == "__main__":
    sys.exit(main())
