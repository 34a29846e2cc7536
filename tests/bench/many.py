"""Many clusters at once, through the service: what the cores give to all, compared with one cluster that has them.

``python -m tests.bench.many [--data DIR]`` prints the figures. Trainings are queued before the first one is waited for,
so that the time is that of the host and not of the client.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import pstdev
from time import perf_counter
from typing import Any

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo import digits, story
from hanami_server.demo.local import LocalServer

CLUSTERS = 8
EPOCHS = 6
REPEATS = 3


def train_all(client: Client, clusters: list[Cluster], data: Dataset, epochs: int) -> list[float]:
    """Train each cluster for some epochs; return the seconds after which each of them was done."""
    inputs, outputs = {"picture_hex": data["picture"]}, {"label_hex": data["label"]}
    begin = perf_counter()
    last = {}
    for _ in range(epochs):
        for cluster in clusters:
            last[cluster.uuid] = client.train(cluster, inputs, outputs, wait=False)
    done = []
    for task in last.values():
        assert client.wait(task).finished
        done.append(perf_counter() - begin)
    return done


def new_clusters(client: Client, name: str, count: int) -> list[Cluster]:
    """Create clusters of 128 hidden neurons."""
    return [client.create_cluster(f"{name} {number}", story.TEMPLATE) for number in range(count)]


def measure(client: Client, data: Dataset, rows: int) -> dict[str, float]:
    """Return rows trained a second by one cluster and by several, best of some times."""
    one, many, spread = 0.0, 0.0, 0.0
    for number in range(REPEATS):
        alone = train_all(client, new_clusters(client, f"one {number}", 1), data, CLUSTERS * EPOCHS)
        together = train_all(client, new_clusters(client, f"many {number}", CLUSTERS), data, EPOCHS)
        one = max(one, CLUSTERS * EPOCHS * rows / max(alone))
        many = max(many, CLUSTERS * EPOCHS * rows / max(together))
        spread = pstdev(together) / max(together)
    return {
        "one_cluster_rows_per_second": one,
        "many_clusters_rows_per_second": many,
        "many_by_one_percent": 100 * many / one,
        "spread_of_ends_percent": 100 * spread,
    }


def run(directory: Path) -> dict[str, Any]:
    """Measure with the digits of a directory."""
    files = digits.find(directory)
    with tempfile.TemporaryDirectory(prefix="hanami-bench-") as base, LocalServer(Path(base) / "data") as server:
        with Client(server.address, server.user, server.passphrase, timeout=600) as client:
            data = client.upload_mnist("train", files.train_images, files.train_labels)
            rows = client.train(
                new_clusters(client, "warm", 1)[0], {"picture_hex": data["picture"]}, {"label_hex": data["label"]}
            ).total_number_of_cycles
            return measure(client, data, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.many")
    parser.add_argument("--data", help="directory with the MNIST files", default=str(digits.SAMPLE))
    for name, value in run(Path(parser.parse_args().data)).items():
        print(f"{name:32} {value:,.1f}")


if __name__ == "__main__":
    main()
