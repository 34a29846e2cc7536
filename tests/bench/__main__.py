"""Accuracy and speed of the whole service, measured through its public doors.

``python -m tests.bench`` prints tables and writes JSON and a plot: the service as its users meet it, the engine alone,
and the engine beside other libraries. The machine may be busy: of several times the best one counts, of accuracies the
mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from time import perf_counter, sleep
from typing import Any

from rich.console import Console
from rich.table import Table

from hanami_sdk import Client
from hanami_server.demo import digits, scenario
from hanami_server.local import LocalServer
from tests.bench import backendai, bricks, cli, engine, first, loop, many, neighbours, pages, predict, recovery, rest
from tests.bench.contest import report, result

ROOT = Path(__file__).parents[2]
SEEDS = 3
PARTS = (
    *("service", "bricks", "predict", "rest", "backendai", "loop", "cli", "engine", "many", "neighbours", "recovery"),
    *("first", "contest"),
)

# Times and rates are those of the processor that docs/benchmarks.md names; ratios hold on any.
TARGETS = {
    "accuracy_percent": ("≥", 97.0),
    "train_seconds": ("≤", 0.4),
    "request_seconds": ("≤", 0.12),
    "direct_io_ms_p50": ("≤", 0.25),
    "ready_seconds": ("≤", 4.0),
    "memory_mb": ("≤", 600.0),
    "direct_io_ms_p99": ("≤", 0.6),
    "v04_accuracy_percent": ("≥", 97.0),
    "v04_train_seconds": ("≤", 0.4),
    "v04_direct_io_ms_p50": ("≤", 0.25),
    "predict_row_ms_p50": ("≤", 1.5),
    "predict_by_hello": ("≥", 0.6),
    "predict_by_hop": ("≥", 0.6),
    "predict_100_in_bytes_by_bare_and_kernel": ("≤", 2.0),
    "predict_1000_in_bytes_by_bare_and_kernel": ("≤", 2.0),
    "v04_train_by_native": ("≤", 1.1),
    "v04_direct_io_by_native": ("≤", 1.1),
    "v04_train_by_demo": ("≤", 2.7),
    "v04_direct_io_by_echo": ("≤", 2.0),
    "rest_by_hello": ("≥", 0.5),
    "backendai_ps_by_native": ("≤", 3.0),
    "backendai_upload_by_copy": ("≥", 0.5),
    "backendai_download_by_copy": ("≥", 0.5),
    "request_frames_by_echo": ("≤", 2.0),
    "train_frames_by_echo": ("≤", 2.0),
    "help_by_python": ("≤", 5.0),
    "page_ms_admin": ("≤", 50.0),
    "page_ms_member": ("≤", 50.0),
    "first_training_ms": ("≤", 500.0),
    "first_ready_seconds": ("≤", 4.0),
    "first_synapse_progress_seconds": ("≤", 5.0),
    "task_mode_flood_ratio": ("≤", 2.0),
    "reopen_longest_frame_ms": ("≤", 20.0),
    "clusters_by_cores_percent": ("≥", 90.0),
    "train_images_per_second_1_threads": ("≥", 400_000),
    "request_images_per_second_1_threads": ("≥", 800_000),
    "request_one_us": ("≤", 5.0),
    "accuracy_1_epochs_percent": ("≥", 97.0),
    "accuracy_3_epochs_percent": ("≥", 97.8),
    "accuracy_5_epochs_percent": ("≥", 98.0),
    "accuracy_8_blocks_5_epochs_percent": ("≥", 98.3),
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
    epochs, template = (8, scenario.WIDE_TEMPLATE) if sample else (1, scenario.TEMPLATE)
    results, ready, memory, first = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="hanami-bench-") as base:
        for number in range(SEEDS):
            with LocalServer(Path(base) / f"data{number}") as server:
                ready.append(server.ready_seconds)
                with Client(server.address, server.user, server.passphrase) as client:
                    results.append(scenario.run(client, files, epochs, lambda *_: None, template, shown=0))
                memory.append(server.memory())
                server.stop()
                server.resume()
                ready.append(server.ready_seconds)
                first.append(first_training(server))
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
        "first_training_ms": 1e3 * min(first),
        "memory_mb": max(memory) / 1e6,
        "epochs": epochs,
    }


def first_training(server: LocalServer) -> float:
    """Return the seconds after which the first training of a server that has just started is on its way."""
    with Client(server.address, server.user, server.passphrase) as client:
        cluster = client.clusters()[0]
        data = next(dataset for dataset in client.datasets() if dataset.name == "demo train")
        begin = perf_counter()
        task = client.train(cluster, {"picture_hex": data["picture"]}, {"label_hex": data["label"]}, wait=False)
        while not client.task(task.uuid, cluster).current_cycle:
            sleep(0.005)
        return perf_counter() - begin


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


def measure_contest(directory: Path, rounds: int, plot: Path) -> list[result.Result]:
    """Compare section growth with others, and draw the outcome."""
    results = result.run(directory, rounds, print)
    report.print_table(results)
    print(f"drawn to {plot}" if report.plot(results, plot) else "matplotlib is missing, nothing is drawn")
    return results


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", default="bench-results/bench.json", help="file to write")
    parser.add_argument("--data", help="directory with the MNIST files")
    parser.add_argument("--only", choices=PARTS, action="append", help="what to measure, all if not given")
    parser.add_argument("--rounds", type=int, default=result.ROUNDS, help="rounds of the contest")
    parser.add_argument("--docs", action="store_true", help="write the outcome of the contest to the documents")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    arguments = parse_arguments()
    directory = mnist_directory(arguments.data)
    genuine = directory != digits.SAMPLE
    parts = arguments.only or PARTS
    target = Path(arguments.json)
    target.parent.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    }
    if "service" in parts:
        figures["service"] = measure_service(directory)
        show(f"service, {'genuine MNIST' if genuine else 'sample of MNIST'}", figures["service"])
    if "bricks" in parts and genuine:
        figures["bricks"] = bricks.run(directory)
        show("v0.4: the manual's network", figures["bricks"])
    if "predict" in parts and genuine:
        figures["predict"] = predict.run(directory)
        show("Predictions over HTTP", figures["predict"])
    if "rest" in parts:
        figures["rest"] = rest.run()
        show("lists, 8 clients", figures["rest"])
        figures["pages"] = pages.run()
        show("100,000 datasets, page by page", figures["pages"])
    if "cli" in parts:
        figures["cli"] = cli.run()
        show("command line", figures["cli"])
    if "backendai" in parts:
        figures["backendai"] = backendai.run()
        show("clients of Backend.AI", figures["backendai"])
    if "loop" in parts:
        figures["loop"] = loop.run()
        show("a neighbour of the event loop", figures["loop"])
    if "engine" in parts and genuine:
        figures["engine"] = engine.run(directory)
        show("engine", figures["engine"])
    if "many" in parts:
        figures["many"] = many.run(directory)
        show("several clusters at once", figures["many"])
    if "neighbours" in parts:
        figures["neighbours"] = neighbours.run()
    if "recovery" in parts:
        figures["recovery"] = recovery.run()
        recovery.show(figures["recovery"])
    if "first" in parts:
        figures["first"] = first.run()
        show("nothing compiled yet", figures["first"])
    if "contest" in parts and genuine:
        results = measure_contest(directory, arguments.rounds, target.with_name("benchmarks.png"))
        figures["contest"] = [asdict(one) | {"seconds_to_goal": one.seconds_to_goal} for one in results]
        figures["ratios"] = result.ratios(results)
        if arguments.docs:
            report.write_docs(results, ROOT / "docs", arguments.rounds, os.cpu_count() or 0, figures.get("predict"))
            report.plot(results, ROOT / "docs" / "benchmarks.png")
    if not genuine:
        print("bricks, predict, engine and contest are left out: they need the genuine MNIST files, see --data")
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
