"""How long a tenant waits while another one attacks: REST, a small task, a frame of direct IO, and a new websocket.

Each attack runs in a process of its own that leaves the processors to the server, see `tests.bench.attacks`. The same
questions are asked right before and meanwhile, each by its own thread and at its own pace. ``python -m
tests.bench.neighbours`` prints what they took; ``--only`` names attacks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from hanami_core.ids import new_uuid
from hanami_sdk import Client, DirectIO
from hanami_sdk.hanami_exceptions import DirectIOException
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from hanami_server.supervisor import read_state
from tests.bench.attacks import PICTURE, Place, attack, digits, direct
from tests.service.processes import command_line, family
from tests.service.wire import Wire

__all__ = ["GOAL_MS", "GOAL_RATIO", "run", "show"]

SECONDS = 16.0
"""How long is asked without an attack, and as long with one: the slowest answers of a longer time are slower."""
CALM_MS, CALM_SECONDS = 50.0, 20.0
"""What REST may take before the next attack is prepared, and how long that is waited for."""
GOAL_RATIO, GOAL_MS = 2.0, 50.0
"""With an attack, the 99th percentile may be so many times what it is without, or so many milliseconds."""
PATIENCE = 60.0
"""Seconds that whoever still waits at the end waits on."""
PASSPHRASE = "a long passphrase"
FEW_DESCRIPTORS = 256
HELD = 10_000
ALL = ("rest", "task", "frame", "socket")


@dataclass
class Probe:
    """One question, asked again and again. Who still waits at the end waits on, and all of it counts."""

    ask: Callable[[], object]
    pause: float
    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, ended: threading.Event) -> None:
        """Ask until the end."""
        while not ended.wait(self.pause):
            begin = time.perf_counter()
            try:
                self.ask()
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
            self.times.append(time.perf_counter() - begin)

    def figures(self) -> dict[str, float]:
        """Return what half and nearly all of the answers took at most, and how many questions failed."""
        cuts = quantiles(self.times, n=100) if len(self.times) > 1 else [*self.times, *[PATIENCE] * 99][:1] * 99
        return {"p50_ms": 1e3 * cuts[49], "p99_ms": 1e3 * cuts[98], "failed": len(self.failures)}


class Neighbour:
    """Another tenant: a public cluster for tasks, a private one for frames, and the questions that are asked."""

    def __init__(self, server: LocalServer) -> None:
        """Make all that is needed for the questions."""
        self._client = Client(server.address, "neighbour", PASSPHRASE)
        self._wire = Wire(server.address)
        self._wire.token = self._wire.login("neighbour", PASSPHRASE)
        self.public = self._client.create_cluster("public", TEMPLATE)
        data = self._client.upload_mnist("digits", *digits(40))
        bound = {"picture_hex": data["picture"]}, {"label_hex": data["label"]}
        self._client.train(self.public, *bound)
        self._client.set_cluster_visibility(self.public, "public")
        self._training = {"name": "training", "cluster_uuid": self.public.uuid} | {
            where: [{"dataset_uuid": data.uuid, "dataset_column": column, "hexagon_name": f"{column}_hex"}]
            for where, column in (("inputs", "picture"), ("outputs", "label"))
        }
        self._live = direct(self._client, "live")
        self._socket = self._client.open_socket("cluster", self._live, DirectIOException)
        self._socket.keep_alive()
        self._frames = DirectIO(self._socket)

    def close(self) -> None:
        """Leave."""
        self._frames.close()
        self._client.close()

    def probes(self, names: tuple[str, ...]) -> dict[str, Probe]:
        """Return questions that are still to be asked."""
        all = {
            "rest": Probe(self._list, 0.02),
            "task": Probe(self._train, 0.02),
            "frame": Probe(lambda: self._frames.request({"picture_hex": PICTURE}), 0.01),
            "socket": Probe(self._open, 0.05),
        }
        return {name: all[name] for name in names}

    def wait_for_calm(self) -> None:
        """Wait until what the last attack has left behind is done."""
        end = time.monotonic() + CALM_SECONDS
        calm = 0
        while calm < 10 and time.monotonic() < end:
            begin = time.perf_counter()
            self._list()
            calm = calm + 1 if time.perf_counter() - begin < CALM_MS / 1e3 else 0

    def _list(self) -> None:
        answer = self._wire.query("GET", "cluster/all")
        assert answer.status == 200, answer

    def _train(self) -> None:
        answer = self._wire.body("POST", "task/train", self._training)
        assert answer.status == 200, answer
        fields = {"uuid": answer.json["uuid"], "cluster_uuid": self.public.uuid}
        while (state := self._wire.query("GET", "task", **fields).json["state"]) != "finished":
            assert state in ("queued", "active"), state
            time.sleep(0.005)

    def _open(self) -> None:
        self._client.open_socket("cluster", self._live, DirectIOException).close()


# -- attacks and what they need ---------------------------------------------------------------------------------------


@contextmanager
def few_descriptors(server: LocalServer) -> Iterator[None]:
    """Let the processes of a server open few files, as a careless operator may."""
    victims = [pid for pid in family(server.pid) if b"sidecar" in command_line(pid) or b"worker" in command_line(pid)]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in victims}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


@contextmanager
def hung_host(server: LocalServer) -> Iterator[None]:
    """Stop the process of the compute host, until the supervisor notices it or the block ends."""
    state = read_state(server.data_dir)
    assert state is not None
    pid = next(pid for name, pid in state.children.items() if name.startswith("sidecar"))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def held_partitions(server: LocalServer) -> Iterator[None]:
    """Let thousands of clusters in direct mode have a task that waits for the end of it."""
    keys = [new_uuid() for _ in range(HELD)]
    with contextlib.closing(sqlite3.connect(server.data_dir / "hanami.db", timeout=PATIENCE)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(task)") if row[1] != "sequence"]
        own = {"uuid": "?", "partition": "?", "state": "'queued'", "owner_id": "'attacker'", "project_id": "'away'"}
        values = ", ".join(own.get(name, name) for name in columns)
        copy = f"INSERT INTO task ({', '.join(columns)}) SELECT {values} FROM task WHERE sequence = 1"
        order = sorted(("uuid", "partition"), key=columns.index)
        with database:
            host = database.execute("SELECT host FROM partition LIMIT 1").fetchone()[0]
            rows = [(key, host) for key in keys]
            held = (
                "INSERT INTO partition (key, host, paused, closed, enqueued, turn, owed) VALUES (?, ?, 1, 0, 1, 0, 0)"
            )
            database.executemany(held, rows)
            database.executemany(copy, [(new_uuid(), key) if order[0] == "uuid" else (key, new_uuid()) for key in keys])
        try:
            yield
        finally:
            with database:
                mine = [(key,) for key in keys]
                database.executemany("DELETE FROM task WHERE partition = ?", mine)
                database.executemany("DELETE FROM partition WHERE key = ?", mine)


@dataclass(frozen=True)
class Case:
    """An attack by its name, what is done to the server meanwhile, and what is asked."""

    attack: str
    arranged: Callable[[LocalServer], AbstractContextManager[None]] | None = None
    probes: tuple[str, ...] = ALL

    @property
    def name(self) -> str:
        """What it is called in the figures."""
        return self.attack if self.attack != "nothing" or self.arranged is None else self.arranged.__name__


CASES = (
    Case("heavy_frames"),
    Case("closed_sockets"),
    Case("silent_sockets"),
    Case("silent_readers"),
    Case("slow_readers"),
    Case("login_flood"),
    Case("login_flood_from_everywhere"),
    Case("strangers"),
    Case("long_trainings"),
    Case("nothing", held_partitions),
    Case("anonymous_sockets", few_descriptors),
    # Whoever has something on that host waits for its end.
    Case("websocket_requests", hung_host, ("rest",)),
)

# -- measuring --------------------------------------------------------------------------------------------------------


@contextmanager
def _process(name: str, place: Place) -> Iterator[Connection]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=attack, args=(name, place, theirs))
    process.start()
    theirs.close()
    try:
        assert ours.recv() == "ready"
        yield ours
        with contextlib.suppress(BrokenPipeError):
            ours.send("end")
        process.join(2.0)
    finally:
        process.kill()
        process.join()


def ask(probes: dict[str, Probe], seconds: float) -> dict[str, Any]:
    """Ask all questions for some seconds; tells what they took, and how busy the processors were."""
    ended = threading.Event()
    threads = [threading.Thread(target=probe.run, args=(ended,), daemon=True) for probe in probes.values()]
    before = _processors()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    after = _processors()
    ended.set()
    for thread in threads:
        thread.join(PATIENCE)
    busy = 100 * (1 - (after[1] - before[1]) / max(1, after[0] - before[0]))
    return {name: probe.figures() for name, probe in probes.items()} | {"processors_percent": busy}


def _processors() -> tuple[int, int]:
    """Return the ticks of all processors, and those of them that were idle."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def measure(server: LocalServer, neighbour: Neighbour, case: Case, seconds: float) -> dict[str, Any]:
    """Return what each question took without and with an attack."""
    place = Place(server.address, "attacker", PASSPHRASE, neighbour.public.uuid)
    neighbour.wait_for_calm()
    with _process(case.attack, place) as orders:
        quiet = ask(neighbour.probes(case.probes), seconds)
        with case.arranged(server) if case.arranged is not None else contextlib.nullcontext():
            orders.send("go")
            probes = neighbour.probes(case.probes)
            busy = ask(probes, seconds)
    figures: dict[str, Any] = {"processors_percent": busy.pop("processors_percent")}
    for name in busy:
        ratio = busy[name]["p99_ms"] / quiet[name]["p99_ms"]
        fine = (ratio <= GOAL_RATIO or busy[name]["p99_ms"] <= GOAL_MS) and not busy[name]["failed"]
        figures[name] = {"quiet": quiet[name], "attacked": busy[name], "p99_ratio": ratio, "reached": fine}
        figures[name]["failures"] = sorted(set(probes[name].failures))[:3]
    return figures


def run(only: tuple[str, ...] = (), seconds: float = SECONDS) -> dict[str, Any]:
    """Measure a server of its own, and show each attack when it is over."""
    figures = {}
    with TemporaryDirectory(prefix="hanami-bench-") as base, LocalServer(Path(base) / "data") as server:
        with Client(server.address, server.user, server.passphrase) as admin:
            for user in ("neighbour", "attacker"):
                admin.create_user(user, user, PASSPHRASE)
                admin.create_project(f"project_of_{user}", user)
                admin.add_to_project(user, f"project_of_{user}", "member", is_project_admin=True)
        with contextlib.closing(Neighbour(server)) as neighbour:
            for case in CASES:
                if not only or case.name in only:
                    figures[case.name] = measure(server, neighbour, case, seconds)
                    show({case.name: figures[case.name]})
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print what each question took, without and with each attack."""
    table = Table(title="what a neighbour waits for, in ms" if len(figures) > 1 else None)
    for column in ("attack", "question", "p50", "p99", "attacked p50", "attacked p99", "ratio", "failed", ""):
        table.add_column(column, justify="left" if column in ("attack", "question", "") else "right")
    for name, found in figures.items():
        label = f"{name} ({found['processors_percent']:.0f} % busy)"
        for probe in (probe for probe in ALL if probe in found):
            quiet, attacked = found[probe]["quiet"], found[probe]["attacked"]
            times = [one[cut] for one in (quiet, attacked) for cut in ("p50_ms", "p99_ms")]
            verdict = "" if found[probe]["reached"] else "missed"
            table.add_row(
                label,
                probe,
                *(f"{number:.1f}" for number in [*times, found[probe]["p99_ratio"]]),
                str(attacked["failed"]),
                verdict,
            )
            label = ""
            if found[probe]["failures"]:
                table.add_row("", "", *[""] * 6, found[probe]["failures"][0][:40])
    Console(width=140).print(table)


def main() -> None:
    """Measure some attacks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.neighbours")
    parser.add_argument("--json", default="bench-results/neighbours.json", help="file to write")
    parser.add_argument("--only", choices=[case.name for case in CASES], action="append", default=[])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each attack lasts")
    arguments = parser.parse_args()
    figures = run(tuple(arguments.only), arguments.seconds)
    target = Path(arguments.json)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
