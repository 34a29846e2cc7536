"""Many clusters at once, through the service, compared with what the cores can give.

That is what the engine reaches without a server if each core has a network of its own. ``python -m tests.bench.many
[--data DIR]`` prints the figures, for tasks that are as long as a training of some passes, and for those of a single
one. Tasks are queued before the first one is waited for, so that the time is that of the host and not of the client.
All sides take turns, since other programs may take the cores.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import pstdev
from time import perf_counter
from typing import Any

import numpy as np

from hanami_core.compute import Columns, Rows
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.host_numba.thread_pool import processors
from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo import digits, scenario
from hanami_server.local import LocalServer
from tests.bench import engine

CLUSTERS = 8
PASSES = 5
"""Passes of a long task."""
TASKS = 4
"""Long tasks of each cluster."""
REPEATS = 4


def repeated(rows: Rows) -> Rows:
    """Return all rows several times."""
    return Rows(
        *(tuple(Columns(c.name, np.tile(c.values, (PASSES, 1))) for c in part) for part in (rows.inputs, rows.outputs))
    )


def upload(client: Client, name: str, rows: Rows) -> Dataset:
    """Upload digits."""
    pictures, labels = rows.inputs[0].values, rows.outputs[0].values
    return client.upload_mnist(name, pictures.reshape(-1, digits.SIDE, digits.SIDE), labels.argmax(1).astype(np.uint8))


def train_all(client: Client, clusters: list[Cluster], data: Dataset, tasks: int) -> list[float]:
    """Give each cluster some tasks; return the seconds after which each of them was done."""
    inputs, outputs = {"picture_hex": data["picture"]}, {"label_hex": data["label"]}
    begin = perf_counter()
    last = {}
    for _ in range(tasks):
        for cluster in clusters:
            last[cluster.uuid] = client.train(cluster, inputs, outputs, wait=False)
    done = []
    for task in last.values():
        assert client.wait(task).finished
        done.append(perf_counter() - begin)
    return done


def train_kernels(host: CpuHost, rows: Rows) -> float:
    """Return rows trained a second without a server, by a network on each core."""
    cores = processors()
    networks = [engine.new_network(host, seed) for seed in range(cores)]

    def train(number: int) -> None:
        for _ in range(TASKS):
            networks[number].train(rows, engine.RUN)

    with ThreadPoolExecutor(cores) as threads:
        seconds = engine.seconds(lambda: list(threads.map(train, range(cores))))
    return cores * TASKS * rows.cycles / seconds


def measure(client: Client, host: CpuHost, short: Rows) -> dict[str, float]:
    """Return rows trained a second by several clusters and by the cores, best of some times."""
    long = repeated(short)
    figures = {"clusters_rows_per_second": 0.0, "short_tasks_rows_per_second": 0.0, "cores_rows_per_second": 0.0}
    sets = [
        ("clusters", upload(client, "long digits", long), TASKS),
        ("short_tasks", upload(client, "short digits", short), TASKS * PASSES),
    ]
    spread = 0.0
    for repeat in range(REPEATS):
        for name, data, tasks in sets:
            clusters = [
                client.create_cluster(f"{name} {repeat} {place}", scenario.TEMPLATE) for place in range(CLUSTERS)
            ]
            done = train_all(client, clusters, data, tasks)
            figures[f"{name}_rows_per_second"] = max(
                figures[f"{name}_rows_per_second"], CLUSTERS * TASKS * long.cycles / max(done)
            )
            spread = pstdev(done) / max(done) if name == "clusters" else spread
        figures["cores_rows_per_second"] = max(figures["cores_rows_per_second"], train_kernels(host, long))
    cores = figures["cores_rows_per_second"] / 100
    return figures | {
        "clusters_by_cores_percent": figures["clusters_rows_per_second"] / cores,
        "short_tasks_by_cores_percent": figures["short_tasks_rows_per_second"] / cores,
        "spread_of_ends_percent": 100 * spread,
    }


def run(directory: Path) -> dict[str, Any]:
    """Measure with the digits of a directory."""
    rows, _ = engine.digits(directory, "train")
    host = CpuHost("cpu0", 1)
    with tempfile.TemporaryDirectory(prefix="hanami-bench-") as base, LocalServer(Path(base) / "data") as server:
        host.start(host_context(Path(base) / "kernels"))
        with Client(server.address, server.user, server.passphrase, timeout=600) as client:
            return measure(client, host, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.many")
    parser.add_argument("--data", help="directory with the MNIST files", default=str(digits.SAMPLE))
    for name, value in run(Path(parser.parse_args().data)).items():
        print(f"{name:32} {value:,.1f}")


if __name__ == "__main__":
    main()
