"""What a GPU is worth: the same networks on it and on all processors of the machine, with genuine MNIST.

``python -m tests.bench.gpu --data DIRECTORY --out FILE`` prints a line for each figure and writes all of them. Beside
each time stands what the arithmetic allows: multiplications over the rate of the tensor cores, or bytes over the
bandwidth of the memory, whichever takes longer. Times of a device begin when the values are on it, unless said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import threading
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from hanami_core.compute import LiveNetwork, Rows, Run
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_cupy.cuda_rules import CudaSectionRules
from hanami_plugins.host_cupy.device import Device, DeviceError
from hanami_plugins.host_cupy.host import CudaHost
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules
from hanami_plugins.host_numba.host import CpuHost
from tests.bench.engine import CLASSES, PIXELS, digits

RUN = Run(lambda cycle: True)
WIDTH = 64
WIDTHS = (64, 128, 256, 512, 1024, 4096, 16384)
NUMBERS = (1, 8, 32, 132, 1000)
TASKS = 64
"""Tasks that train a network each at the same time."""
CPU_NUMBERS = (1, 8, 32, 132)
MANY = 132
"""Number of networks from which on one measurement is enough."""
TENSOR_RATE = 495e12
"""Multiplications and additions of TF32 per second on an H100; of halves it is twice as many."""
BANDWIDTH = 3.35e12
"""Bytes per second of the memory of an H100."""
REPEATS = 3


def network(host: Any, hidden: int, seed: int = 1) -> LiveNetwork:
    """Return a network for digits with so many hidden neurons, on a host."""
    hexagons = tuple(Position(1 + x, 1, 1) for x in range(3))
    template = Template(Settings(own={"blocks": hidden // WIDTH}), hexagons, (Input("in", 0),), (Output("out", 2),))
    rules = CudaSectionRules() if isinstance(host, CudaHost) else CpuSectionRules()
    made = rules.open(rules.create(template, seed), host)
    made.resize({"in": PIXELS}, {"out": CLASSES})
    return made


def trained(found: LiveNetwork, rows: Rows) -> float:
    """Return how long a network takes for an epoch."""
    begin = perf_counter()
    found.train(rows, RUN)
    return perf_counter() - begin


def share_right(found: LiveNetwork, rows: Rows, labels: Any) -> float:
    """Return the percentage of rows that are answered right."""
    answers = np.zeros((rows.cycles, CLASSES), np.float32)
    found.request(Rows(rows.inputs), {"out": answers}, RUN)
    return round(float((answers.argmax(1) == labels).mean()) * 100, 2)


def seconds(work: Callable[[], Any]) -> float:
    """Return how long work takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def side_by_side(networks: list[LiveNetwork], rows: Rows, threads: int) -> float:
    """Train networks, each once, from so many threads; return the seconds."""
    left = iter(networks)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                mine = next(left, None)
            if mine is None:
                return
            mine.train(rows, RUN)

    workers = [threading.Thread(target=work) for _ in range(min(threads, len(networks)))]
    begin = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return perf_counter() - begin


def floor(hidden: int, networks: int, rows: int, batches: int) -> float:
    """Return the seconds that the arithmetic and the memory of an H100 allow, the longer of the two."""
    operations = 4.0 * rows * hidden * (PIXELS + CLASSES) * networks
    # A network that does not fit the chip is read and written once for each batch.
    traffic = 0.0 if hidden <= 512 else 8.0 * hidden * PIXELS * batches
    return max(operations / TENSOR_RATE, traffic / BANDWIDTH)


def on_device(host: CudaHost, directory: Path, say: Callable[[str, Any], None]) -> None:
    """Measure the device."""
    rows, _ = digits(directory, "train")
    test, labels = digits(directory, "t10k")
    first = network(host, 128)
    say("gpu_first_training_ms", round(seconds(lambda: first.train(rows, RUN)) * 1e3, 1))
    with host.device.use():
        from hanami_plugins.host_cupy.gathering import gatherer_of

        table = gatherer_of(host.device).tables.of(rows, {"in": PIXELS}, {"out": CLASSES})
        table.part(0)
        table.seen(lambda: True)
    for hidden in WIDTHS:
        times, found = [], first
        network(host, hidden).train(rows, RUN)  # compiles the kernels for this width
        for seed in range(1, 1 + REPEATS):
            found = network(host, hidden, seed)
            times.append(trained(found, rows))
        batches = int(rows.cycles / 46)
        say(
            f"gpu_{hidden}",
            {
                "epoch_ms": round(min(times) * 1e3, 2),
                "floor_ms": round(floor(hidden, 1, rows.cycles, batches) * 1e3, 3),
                "accuracy_percent": share_right(found, test, labels),
            },
        )
    for number in NUMBERS:
        times = []
        for _ in range(1 if number > MANY else 2):  # the first time may compile a kernel
            networks = [network(host, 128, seed) for seed in range(number)]
            times.append(gathered(host, networks, rows))
        taken = min(times)
        say(
            f"gpu_{number}_networks",
            {
                "epoch_seconds": round(taken, 4),
                "floor_seconds": round(floor(128, number, rows.cycles, 0), 5),
                "accuracy_percent": share_right(networks[-1], test, labels),
            },
        )
    networks = [network(host, 128, seed) for seed in range(TASKS)]
    say(f"gpu_{TASKS}_tasks_seconds", round(side_by_side(networks, rows, TASKS), 3))
    asked = network(host, 128)
    asked.train(rows, RUN)
    answers = np.zeros((rows.cycles, CLASSES), np.float32)
    given = Rows(rows.inputs)
    asked.request(given, {"out": answers}, RUN)
    say(
        "gpu_requests_per_second",
        round(rows.cycles / min(seconds(lambda: asked.request(given, {"out": answers}, RUN)) for _ in range(REPEATS))),
    )


def gathered(host: CudaHost, networks: list[LiveNetwork], rows: Rows) -> float:
    """Train networks that are on the device, all at once; return the seconds, without what tasks do around it."""
    from hanami_plugins.host_cupy.device_training import DeviceTraining
    from hanami_plugins.host_cupy.gathering import gatherer_of
    from hanami_plugins.host_cupy.section_shapes import TILE
    from hanami_plugins.networks_section import LAST_RATE, first_rate, ranges

    device, gatherer = host.device, gatherer_of(host.device)
    rates = first_rate(rows.cycles), np.float32(LAST_RATE)
    trainings = []
    with device.use():
        table = gatherer.tables.of(rows, {"in": PIXELS}, {"out": CLASSES})
        seen = table.seen(lambda: True)
        assert seen is not None
        table.part(0)
        for one in networks:
            found: Any = one
            arrays = found._there()
            found._extra.see_outputs(seen.one_hot)
            arrays.set_squashing(found._extra)
            arrays.set_ranges(ranges.after_survey(arrays.ranges(), seen.ranges))
            found._present = None
            training = DeviceTraining(device, arrays, table, 0, rows.cycles, rates, np.zeros(0, np.float32), TILE)
            gatherer.join(training)
            trainings.append(training)
    begin, left = perf_counter(), trainings
    while left:
        gatherer.advance(*left)
        left = [training for training in left if training.done < training.total]
    taken = perf_counter() - begin
    for training in trainings:
        training.allocate_rows()
        gatherer.leave(training)
    return taken


def on_processors(directory: Path, say: Callable[[str, Any], None], cache: Path) -> None:
    """Measure all processors of the same machine."""
    rows, _ = digits(directory, "train")
    cores = len(os.sched_getaffinity(0))
    whole, single = CpuHost("cpu0", 0), CpuHost("cpu1", 1)
    whole.start(host_context(cache))
    single.start(host_context(cache, threads=1))
    for hidden in WIDTHS:
        repeats = REPEATS if hidden < 4096 else 1
        times = [trained(network(whole, hidden, seed), rows) for seed in range(repeats)]
        say(f"cpu_{hidden}", {"epoch_ms": round(min(times) * 1e3, 1), "threads": cores})
    for number in CPU_NUMBERS:
        networks = [network(single, 128, seed) for seed in range(number)]
        say(f"cpu_{number}_networks", {"epoch_seconds": round(side_by_side(networks, rows, cores), 3)})
    single.stop()
    whole.stop()


def moved(host: CudaHost, directory: Path, cache: Path) -> float:
    """Return how far answers are apart before and after a network has moved to the device and back, relatively."""
    rows, _ = digits(directory, "t10k")
    cpu = CpuHost("cpu0", 1)
    cpu.start(host_context(cache))
    here = network(cpu, 128)
    here.train(rows, RUN)
    there = CudaSectionRules().open(here.state(), host)
    back = CpuSectionRules().open(there.state(), cpu)
    assert back.state().digest() == here.state().digest()
    answers = []
    for found in (here, there, back):
        result = np.zeros((rows.cycles, CLASSES), np.float32)
        found.request(Rows(rows.inputs), {"out": result}, RUN)
        answers.append(result)
    cpu.stop()
    np.testing.assert_array_equal(answers[0], answers[2])
    return float((np.abs(answers[1] - answers[0]) / np.maximum(np.abs(answers[0]), 1e-6)).max())


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the MNIST files")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="file for the figures")
    parser.add_argument("--skip", nargs="*", default=[], choices=["gpu", "cpu", "moved"], help="what not to measure")
    options = parser.parse_args()
    figures: dict[str, Any] = {}

    def say(name: str, value: Any) -> None:
        figures[name] = value
        print(name, value, flush=True)
        options.out.write_text(json.dumps(figures, indent=1))

    with tempfile.TemporaryDirectory() as directory:
        cache = Path(directory)
        host = CudaHost("gpu0", 0)
        try:
            Device.open(0, cache / "cupy").close()
        except DeviceError as error:
            raise SystemExit(f"no GPU: {error}") from error
        host.start(host_context(cache))
        runtime = host.device.array_module.cuda.runtime
        say("device", host.device.name)
        say(
            "versions",
            {
                "driver": runtime.driverGetVersion(),
                "cuda": runtime.runtimeGetVersion(),
                "python": platform.python_version(),
                **{name: _version(name) for name in ("numpy", "numba", "cupy-cuda12x", "cupy-cuda13x")},
            },
        )
        parts: dict[str, Callable[[], None]] = {
            "moved": lambda: say("moved_relative_difference", moved(host, options.data, cache)),
            "gpu": lambda: on_device(host, options.data, say),
            "cpu": lambda: on_processors(options.data, say, cache),
        }
        for name, measure in parts.items():
            if name not in options.skip:
                try:
                    measure()
                except Exception as error:  # the other parts have figures, too
                    traceback.print_exc()
                    say(f"{name}_failed", repr(error))
        host.stop()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
