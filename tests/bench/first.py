"""How long the first start on a machine takes, and a first training with ``growth: synapse``: nothing is compiled yet.

``python -m tests.bench --only first`` takes the best of a few new caches, because the machine may be busy.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from hanami_sdk import Client
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer

__all__ = ["run"]

ROUNDS = 3
SYNAPSE = TEMPLATE.replace("settings:\n", "settings:\n    growth: synapse\n")


def run() -> dict[str, float]:
    """Return the seconds until a server is ready, and until the training that comes at once has its first progress."""
    ready, progress = [], []
    for _ in range(ROUNDS):
        with TemporaryDirectory(prefix="hanami-bench-") as base:
            with LocalServer(Path(base) / "data", settings={"compute.cache": str(Path(base) / "cache")}) as server:
                ready.append(server.ready_seconds)
                progress.append(_first_progress(server))
    return {"first_ready_seconds": min(ready), "first_synapse_progress_seconds": min(progress)}


def _first_progress(server: LocalServer) -> float:
    """Return the seconds from the creation of a synapse training to its first progress."""
    with Client(server.address, server.user, server.passphrase) as client:
        table = client.upload_csv("table", b"value,kind\n1,1\n2,0\n3,1\n")
        cluster = client.create_cluster("first", SYNAPSE)
        begin = perf_counter()
        task = client.train(cluster, {"picture_hex": table["value"]}, {"label_hex": table["kind"]}, wait=False)
        while not client.task(task.uuid, cluster).current_cycle:
            sleep(0.02)
        return perf_counter() - begin
