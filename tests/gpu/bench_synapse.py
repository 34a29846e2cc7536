"""How fast synapse networks are trained and asked on a GPU, and how good they become, with the genuine MNIST files.

Run it on a machine with a GPU, where the project's packages and CuPy can be imported:

    python tests/gpu/bench_synapse.py --data DIRECTORY

The directory holds the four files of MNIST, packed or not. It prints figures as JSON and ends with 1 if answers or
growth differ from those of the references in NumPy.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core.clock import SystemClock
from hanami_core.compute import Columns, HostContext, Rows, Run
from hanami_core.network import in_a_line
from hanami_core.settings import Settings
from hanami_plugins.host_cupy.host import CudaHost, device_of
from hanami_plugins.host_cupy.synapse_answers import answer, potentials
from hanami_plugins.host_cupy.synapse_arrays import SynapseArrays
from hanami_plugins.host_cupy.synapse_batches import SLICE, BatchPlan
from hanami_plugins.host_cupy.synapse_rows import DeviceRows
from hanami_plugins.host_cupy.synapse_rules import CudaSynapseRules
from hanami_plugins.host_cupy.synapse_training import SynapseTraining
from hanami_plugins.networks_synapse import SynapseMemory
from hanami_plugins.networks_synapse.synapse_reference import Reference

ONE_CORE = {"requests": 250_000, "training": 98_000}
"""Images that one core of a processor answers and learns in a second, as `tox -e bench` measured it."""
ALWAYS = Run(lambda cycle: True)
RULES = CudaSynapseRules()
Table = npt.NDArray[np.uint8]


def read(directory: Path, name: str, header: int) -> Table:
    """Return the values of a file in IDX format."""
    path = next(path for path in (directory / f"{name}.gz", directory / name) if path.exists())
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return np.frombuffer(data, np.uint8, offset=header)


def images(directory: Path, part: str) -> tuple[Table, Table]:
    """Return the images of a part of MNIST, a row each, and what digits they are."""
    values = read(directory, f"{part}-images-idx3-ubyte", 16).reshape(-1, 784)
    return values, read(directory, f"{part}-labels-idx1-ubyte", 8)


def started() -> CudaHost:
    """Return the first GPU as a host."""
    host, directory = CudaHost("gpu0", 0), Path(tempfile.mkdtemp())
    host.start(
        HostContext(
            uuid="0d5c0e3a-6f1a-4b0e-9d5c-7c1f6d0b8a42",
            cache=directory,
            data_dir=directory,
            settings=Settings(directory, {}, {}, {}),
            clock=SystemClock(),
            threads=1,
            background=False,
        )
    )
    return host


def seconds(host: CudaHost, work: Callable[[], object], times: int = 5) -> float:
    """Return how long some work takes, at best."""
    best = float("inf")
    for _ in range(times):
        device_of(host).synchronize()
        begin = time.perf_counter()
        work()
        device_of(host).synchronize()
        best = min(best, time.perf_counter() - begin)
    return best


class Bench:
    """The measurements."""

    def __init__(self, host: CudaHost, directory: Path, count: int) -> None:
        """Read the images, of which `count` are trained."""
        self.host, self.figures = host, dict[str, Any]()
        values, digits = images(directory, "train")
        self.inputs, self.expected = values[:count], np.eye(10, dtype=np.uint8)[digits[:count]]
        self.test, self.digits = images(directory, "t10k")
        self.rows = Rows((Columns("in", self.inputs),), (Columns("out", self.expected),))

    def opened(self, seed: int) -> Any:
        """Return a new network."""
        network = RULES.open(RULES.create(in_a_line(["in"], ["out"]), seed), self.host)
        network.resize({"in": 784}, {"out": 10})
        return network

    def answers(self, network: Any, values: Table) -> npt.NDArray[np.float32]:
        """Return what a network says to images."""
        result = np.zeros((len(values), 10), np.float32)
        network.request(Rows((Columns("in", values),)), {"out": result}, ALWAYS)
        return result

    def growth(self, cycles: int = 48) -> None:
        """Compare the first cycles of a network with the reference."""
        network = self.opened(3)
        network.train(Rows((Columns("in", self.inputs[:cycles]),), (Columns("out", self.expected[:cycles]),)), ALWAYS)
        reference = Reference(in_a_line(["in"], ["out"]), 3, {"in": 784}, {"out": 10})
        for values, expected in zip(self.inputs[:cycles], self.expected[:cycles], strict=True):
            reference.train({"in": values}, {"out": expected})
        sections = sorted((s for b in reference.blocks for s in b.sections), key=lambda section: section.place)
        arrays = network.state().arrays
        same = [len(section.synapses) for section in sections] == arrays["section_size"].tolist()
        weights = np.array([synapse.weight for section in sections for synapse in section.synapses], np.float32)
        found = arrays["synapse_weight"]
        self.figures["growth"] = {
            "cycles": cycles,
            "same": same,
            "largest_difference": float(np.abs(weights - found).max()) if same else None,
        }

    def training(self, epochs: int = 3) -> Any:
        """Train a network and return it."""
        found: dict[str, Any] = {"accuracy": [], "images_per_second": []}
        network = self.opened(1)
        for _ in range(epochs):
            took = seconds(self.host, lambda: network.train(self.rows, ALWAYS), 1)
            found["images_per_second"].append(round(self.rows.cycles / took))
            right = self.answers(network, self.test).argmax(1) == self.digits
            found["accuracy"].append(float(right.mean()))
        found["network"] = network.metrics()
        found["times_one_core"] = found["images_per_second"][-1] / ONE_CORE["training"]
        self.figures["training"] = found
        return network

    def seeds(self, seeds: tuple[int, ...]) -> None:
        """Measure the accuracy of other networks after one and three epochs."""
        self.figures["accuracy"] = {}
        for seed in seeds:
            network, found = self.opened(seed), []
            for _ in range(3):
                network.train(self.rows, ALWAYS)
                found.append(float((self.answers(network, self.test).argmax(1) == self.digits).mean()))
            self.figures["accuracy"][seed] = [found[0], found[2]]

    def kernels(self, network: Any) -> None:
        """Measure the kernels alone, with rows that are on the device."""
        device, state = device_of(self.host), network.state()
        arrays = SynapseArrays(device, SynapseMemory(state))
        with device.use():
            rows = DeviceRows(device, Rows(self.rows.inputs), (0, self.rows.cycles), arrays.memory)
            room = potentials(arrays, self.rows.cycles)
            took = seconds(self.host, lambda: answer(arrays, rows, room))
            training = SynapseTraining(arrays)
            training.begin()
            count = min(16 * SLICE, self.rows.cycles // SLICE * SLICE)
            some = DeviceRows(device, self.rows, (0, count), arrays.memory)
            none = np.zeros(0, np.float32)
            batches = BatchPlan.of((0, count), 1 << 20, none, 64)
            batched = seconds(self.host, lambda: self.run(training, some, batches), 3)
            single = DeviceRows(device, self.rows, (0, SLICE), arrays.memory)
            cycles = BatchPlan.of((0, SLICE), -(1 << 20), none, 64)
            alone = seconds(self.host, lambda: self.run(training, single, cycles), 3)
        self.figures["kernels"] = {
            "requests_per_second": round(self.rows.cycles / took),
            "trained_per_second": round(count / batched),
            "microseconds_per_batch_of_64": batched / (count / 64) * 1e6,
            "microseconds_per_single_cycle": alone / SLICE * 1e6,
        }

    @staticmethod
    def run(training: SynapseTraining, rows: DeviceRows, schedule: BatchPlan) -> None:
        """Train rows that are on the device."""
        training.start(rows, 0, schedule)
        training.finish()

    def requests(self, network: Any) -> None:
        """Measure requests from the memory of the processor and back, and compare answers with the formula."""
        took = seconds(self.host, lambda: self.answers(network, self.inputs))
        one = self.inputs[0].astype(np.float32)
        single = seconds(self.host, lambda: network.request_one({"in": one}), 20)
        state = network.state()
        expected = RULES.formula(state).evaluate({"in": self.test[:500].astype(np.float32)})["out"]
        found = self.answers(network, self.test[:500])
        difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-6)
        rate = len(self.inputs) / took
        self.figures["requests"] = {
            "images_per_second": round(rate),
            "times_one_core": rate / ONE_CORE["requests"],
            "microseconds_of_a_single_one": single * 1e6,
            "largest_relative_difference": float(difference.max()),
        }

    def moving(self, network: Any) -> None:
        """Measure how long a network takes to the device and back."""
        state = network.state()
        self.figures["moving"] = {
            "state_milliseconds": 1e3 * seconds(self.host, network.state, 3),
            "open_milliseconds": 1e3 * seconds(self.host, lambda: RULES.open(state, self.host), 3),
            "same_after_a_round_trip": RULES.open(state, self.host).state().digest() == state.digest(),
        }


def main() -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="directory with the files of MNIST")
    parser.add_argument("--images", type=int, default=60_000, help="images that are trained")
    parser.add_argument("--seeds", type=int, default=3, help="networks whose accuracy is measured")
    given = parser.parse_args()
    begin = time.perf_counter()
    host = started()
    bench = Bench(host, given.data, given.images)
    device = device_of(host)
    bench.figures["device"] = {"name": device.name, "multiprocessors": device.multiprocessors}
    bench.growth()
    network = bench.training()
    bench.requests(network)
    bench.kernels(network)
    bench.moving(network)
    bench.seeds(tuple(range(2, 1 + given.seeds)))
    bench.figures["seconds"] = round(time.perf_counter() - begin, 1)
    host.stop()
    print(json.dumps(bench.figures, indent=2))
    good = bench.figures["growth"]["same"] and bench.figures["requests"]["largest_relative_difference"] < 1e-4
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
