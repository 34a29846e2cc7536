"""Speed and accuracy of the compiled engine on genuine MNIST, without server, disk or network.

Networks are used through `LiveNetwork`, with views of one table of bytes as a dataset gives them. Of several times the
best one counts, of accuracies the mean over the seeds.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules
from hanami_plugins.host_numba.host import CpuHost

PIXELS, CLASSES = 784, 10
REPEATS = 5
SEEDS = 3
EPOCHS = (1, 3, 5)
SINGLES = 5000
BLOCKS = (4, 8, 16)
"""Blocks of 64 hidden neurons of wider networks."""
DEEP = ((2, 1), (3, 1), (2, 2), (3, 2))
"""Numbers of hidden hexagons in a row, and how far each one grows."""

RUN = Run(lambda cycle: True)


def read_idx(directory: Path, name: str, header: int) -> npt.NDArray[np.uint8]:
    """Return the values of an IDX file, compressed or not."""
    packed = directory / f"{name}.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (directory / name).read_bytes()
    return np.frombuffer(data, np.uint8)[header:]


def digits(directory: Path, part: str) -> tuple[Rows, npt.NDArray[np.uint8]]:
    """Return rows with pixels and one-hot labels side by side in one table, and the labels."""
    labels = read_idx(directory, f"{part}-labels-idx1-ubyte", 8)
    table = np.zeros((len(labels), PIXELS + CLASSES), np.uint8)
    table[:, :PIXELS] = read_idx(directory, f"{part}-images-idx3-ubyte", 16).reshape(-1, PIXELS)
    table[np.arange(len(labels)), PIXELS + labels.astype(int)] = 1
    return Rows((Columns("in", table[:, :PIXELS]),), (Columns("out", table[:, PIXELS:]),)), labels


def new_network(host: CpuHost, seed: int = 0, options: Settings | None = None, hidden: int = 1) -> LiveNetwork:
    """Return a network for digits: an input, some hidden and an output hexagon in a row."""
    hexagons = tuple(Position(1 + x, 1, 1) for x in range(hidden + 2))
    options = options or Settings()
    template = Template(options, hexagons, (Input("in", 0),), (Output("out", hidden + 1),))
    rules = CpuSectionRules()
    network = rules.open(rules.create(template, seed), host)
    network.resize({"in": PIXELS}, {"out": CLASSES})
    return network


def answer(network: LiveNetwork, rows: Rows) -> npt.NDArray[np.float32]:
    """Return what a network says to rows."""
    results = np.zeros((rows.cycles, CLASSES), np.float32)
    network.request(Rows(rows.inputs), {"out": results}, RUN)
    return results


def accuracy(network: LiveNetwork, test: Rows, labels: npt.NDArray[np.uint8]) -> float:
    """Return the share of right answers in percent."""
    return 100 * float((answer(network, test).argmax(1) == labels).mean())


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    begin = perf_counter()
    function()
    return perf_counter() - begin


def speed(host: CpuHost, train: Rows, test: Rows, options: Settings | None = None) -> tuple[float, float]:
    """Return images trained and images answered a second, in a network's first epoch and after it."""
    trained, answered = [], []
    for _ in range(REPEATS):
        network = new_network(host, 0, options)
        trained.append(seconds(lambda network=network: network.train(train, RUN)))
        answered.append(seconds(lambda network=network: answer(network, test)))
    return train.cycles / min(trained), test.cycles / min(answered)


def single_cycles(network: LiveNetwork, test: Rows, labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return the microseconds of a single request and a single training."""
    images = test.inputs[0].values[:SINGLES].astype(np.float32)
    expected = np.eye(CLASSES, dtype=np.float32)[labels[:SINGLES]]

    def ask() -> None:
        for image in images:
            network.request_one({"in": image})

    def learn() -> None:
        for image, one_hot in zip(images, expected, strict=True):
            network.train_one({"in": image}, {"out": one_hot})

    asked = min(seconds(ask) for _ in range(REPEATS))
    return {"request_one_us": 1e6 * asked / SINGLES, "train_one_us": 1e6 * seconds(learn) / SINGLES}


def epochs(
    host: CpuHost, train: Rows, test: Rows, labels: npt.NDArray[np.uint8], options: Settings | None = None
) -> dict[int, float]:
    """Return the mean accuracy after some numbers of epochs, each epoch a task of its own."""
    found: dict[int, list[float]] = {number: [] for number in EPOCHS}
    for seed in range(SEEDS):
        network = new_network(host, seed, options)
        for number in range(1, max(EPOCHS) + 1):
            network.train(train, RUN)
            if number in found:
                found[number].append(accuracy(network, test, labels))
    return {number: mean(values) for number, values in found.items()}


def wide(host: CpuHost, train: Rows, test: Rows, labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return speed and accuracy of wider networks than usual."""
    figures = {}
    for blocks in BLOCKS:
        options = Settings(own={"blocks": blocks})
        name = f"{blocks}_blocks"
        figures[f"train_{name}_images_per_second"], figures[f"request_{name}_images_per_second"] = speed(
            host, train, test, options
        )
        for number, found in epochs(host, train, test, labels, options).items():
            figures[f"accuracy_{name}_{number}_epochs_percent"] = found
    return figures


def small(host: CpuHost, train: Rows, test: Rows, labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return speed and accuracy of answers from weights of 8 bits, and how many of them are those of all bits."""
    exact, rounded = new_network(host), new_network(host, 0, Settings(own={"precision": "int8"}))
    for network in (exact, rounded):
        network.train(train, RUN)
    times = [seconds(lambda: answer(rounded, test)) for _ in range(REPEATS)]
    same = answer(rounded, test).argmax(1) == answer(exact, test).argmax(1)
    return {
        "request_int8_images_per_second": test.cycles / min(times),
        "accuracy_int8_percent": accuracy(rounded, test, labels),
        "int8_answers_like_float_percent": 100 * float(same.mean()),
    }


def deep(host: CpuHost, train: Rows, test: Rows, labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return speed and mean accuracy after an epoch with several hidden hexagons in a row."""
    figures = {}
    for hidden, distance in DEEP:
        times, found = [], []
        for seed in range(SEEDS):
            network = new_network(host, seed, Settings(max_connection_distance=distance), hidden)
            times.append(seconds(lambda network=network: network.train(train, RUN)))
            found.append(accuracy(network, test, labels))
        name = f"{hidden}_hidden_distance_{distance}"
        figures[f"accuracy_{name}_percent"] = mean(found)
        figures[f"train_{name}_images_per_second"] = train.cycles / min(times)
    return figures


def stream(host: CpuHost, train: Rows, test: Rows, labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return the accuracy after the first epoch as an open-ended stream of single cycles."""
    network = new_network(host)
    images = train.inputs[0].values
    for image, expected in zip(images, train.outputs[0].values, strict=True):
        network.train_one({"in": image}, {"out": expected})
    return {"accuracy_stream_percent": accuracy(network, test, labels)}


def run(directory: Path) -> dict[str, Any]:
    """Measure everything with the MNIST files of a directory."""
    train, _ = digits(directory, "train")
    test, labels = digits(directory, "t10k")
    one, two = CpuHost("cpu0", 1), CpuHost("cpu1", 2)
    with tempfile.TemporaryDirectory(prefix="hanami-kernels-") as cache:
        figures: dict[str, Any] = {"compile_seconds": seconds(lambda: one.start(host_context(Path(cache))))}
        for host, threads in ((one, 1), (two, 2)):
            trained, answered = speed(host, train, test)
            figures[f"train_images_per_second_{threads}_threads"] = trained
            figures[f"request_images_per_second_{threads}_threads"] = answered
        for number, found in epochs(one, train, test, labels).items():
            figures[f"accuracy_{number}_epochs_percent"] = found
        figures |= wide(one, train, test, labels)
        figures |= small(one, train, test, labels)
        figures |= deep(one, train, test, labels)
        figures |= stream(one, train, test, labels)
        network = new_network(one)
        network.train(train, RUN)
        return figures | single_cycles(network, test, labels)
