"""Accuracy and speed of the whole service, measured through its public doors.

``python -m tests.bench [--json FILE] [--data DIR]`` prints a table and writes JSON. The machine may be busy: of several
times the best one counts, of accuracies the mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from hanami_sdk import Client
from hanami_server.demo import digits, story
from hanami_server.demo.local import LocalServer
from tests.bench import engine, rest

ROOT = Path(__file__).parents[2]
SEEDS = 3

TARGETS = {
    "accuracy_percent": ("≥", 97.0),
    "train_seconds": ("≤", 2.0),
    "request_seconds": ("≤", 0.5),
    "direct_io_ms_p50": ("≤", 0.5),
    "ready_seconds": ("≤", 4.0),
    "memory_mb": ("≤", 600.0),
    "rest_requests_per_second": ("≥", 2500.0),
}


def mnist_directory(given: str | None) -> Path:
    """Return where the genuine MNIST files are; the sample of the package if they are nowhere."""
    candidates = [given, os.environ.get("HANAMI_MNIST_DIR"), str(ROOT.parent / "shared" / "data" / "mnist")]
    for directory in (Path(name) for name in candidates if name):
        if directory.is_dir():
            return directory
    return digits.SAMPLE


def measure_service(directory: Path) -> dict[str, Any]:
    """Return what a user meets: each run is a new server, dataset and network."""
    files = digits.find(directory)
    sample = directory == digits.SAMPLE
    epochs, template = (8, story.WIDE_TEMPLATE) if sample else (1, story.TEMPLATE)
    results, ready, memory = [], [], []
    with tempfile.TemporaryDirectory(prefix="hanami-bench-") as base:
        for number in range(SEEDS):
            with LocalServer(Path(base) / f"data{number}") as server:
                ready.append(server.ready_seconds)
                with Client(server.address, server.user, server.passphrase) as client:
                    results.append(story.run(client, files, epochs, lambda *_: None, template, shown=0))
                memory.append(server.memory())
                server.stop()
                server.resume()
                ready.append(server.ready_seconds)
    return {
        "accuracy_percent": mean(result.accuracy for result in results),
        "accuracies": [result.accuracy for result in results],
        "train_seconds": min(result.train_seconds for result in results),
        "request_seconds": min(result.request_seconds for result in results),
        "upload_seconds": min(result.upload_seconds for result in results),
        "direct_io_ms_p50": min(result.direct_io_ms_p50 for result in results),
        "direct_io_ms_p99": min(result.direct_io_ms_p99 for result in results),
        "ready_seconds": min(ready),
        "first_ready_seconds": ready[0],
        "memory_mb": max(memory) / 1e6,
        "epochs": epochs,
    }


def show(title: str, figures: dict[str, Any]) -> None:
    """Print figures, with their targets where there are some."""
    table = Table(title=title)
    for column in ("figure", "value", "target"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in figures.items():
        sign, target = TARGETS.get(name, ("", None))
        text = f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)
        table.add_row(name, text, f"{sign} {target:g}" if target is not None else "")
    Console(width=100).print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", default="bench-results/service.json", help="file to write")
    parser.add_argument("--data", help="directory with the MNIST files")
    arguments = parser.parse_args()
    directory = mnist_directory(arguments.data)
    service = measure_service(directory)
    show(f"service, {'genuine MNIST' if directory != digits.SAMPLE else 'sample of MNIST'}", service)
    lists = rest.run()
    show("lists, 8 clients", lists)
    kernels = engine.run(directory) if directory != digits.SAMPLE else {}
    show("engine", kernels)
    target = Path(arguments.json)
    target.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    target.write_text(
        json.dumps({"machine": machine, "service": service, "rest": lists, "engine": kernels}, indent=2) + "\n"
    )
    print(f"written to {target}")


if __name__ == "__main__":
    main()
