"""Speed and accuracy of synapse growth on genuine MNIST, without server, disk or network.

Of several times the best one counts, of accuracies the mean over the seeds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from hanami_core.compute import LiveNetwork
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.cpu_rules import CpuSynapseRules
from hanami_plugins.host_numba.host import CpuHost
from tests.bench.engine import CLASSES, PIXELS, RUN, SEEDS, accuracy, answer, digits, seconds, single_cycles

EPOCHS = 3
REPEATS = 3


def new_network(host: CpuHost, seed: int = 0) -> LiveNetwork:
    """Return a network for digits: input, hidden and output hexagon in a row."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1))
    template = Template(Settings(growth="synapse"), hexagons, (Input("in", 0),), (Output("out", 2),))
    rules = CpuSynapseRules()
    network = rules.open(rules.create(template, seed), host)
    network.resize({"in": PIXELS}, {"out": CLASSES})
    return network


def run_synapse(mnist_dir: Path) -> dict[str, Any]:
    """Measure everything with the MNIST files of a directory; training always takes one thread."""
    train, _ = digits(mnist_dir, "train")
    test, labels = digits(mnist_dir, "t10k")
    one, two = CpuHost("cpu0", 1), CpuHost("cpu1", 2)
    with tempfile.TemporaryDirectory(prefix="hanami-kernels-") as cache:
        one.start(host_context(Path(cache)))
        figures: dict[str, Any] = {"compile_seconds": seconds(lambda: new_network(one))}
        found: dict[int, list[float]] = {epoch: [] for epoch in range(1, EPOCHS + 1)}
        first_epochs = []
        for seed in range(SEEDS):
            network = new_network(one, seed)
            for epoch, accuracies in found.items():
                taken = seconds(lambda network=network: network.train(train, RUN))
                first_epochs += [taken] if epoch == 1 else []
                accuracies.append(accuracy(network, test, labels))
        figures["train_images_per_second"] = train.cycles / min(first_epochs)
        for host in (one, two):
            asked = CpuSynapseRules().open(network.state(), host)
            taken = min(seconds(lambda asked=asked: answer(asked, test)) for _ in range(REPEATS))
            figures[f"request_images_per_second_{host.thread_pool.size}_threads"] = test.cycles / taken
        for epoch in (1, EPOCHS):
            figures[f"accuracy_{epoch}_epochs_percent"] = mean(found[epoch])
        return figures | network.metrics() | single_cycles(network, test, labels)


if __name__ == "__main__":
    import sys

    for name, value in run_synapse(Path(sys.argv[1])).items():
        print(f"{name:36} {value:,.4g}")
