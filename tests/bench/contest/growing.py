"""The networks of this project, through the interface that tasks use; images stay bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hanami_core.compute import LiveNetwork
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from tests.bench import engine, synapse
from tests.bench.contest.field import Labels

NETWORKS: dict[str, Callable[[CpuHost, int], LiveNetwork]] = {
    "section": engine.new_network,
    "synapse": synapse.new_network,
}


class Growing:
    """A network of the default size, 128 hidden neurons of section growth."""

    def __init__(self, directory: Path, growth: str, threads: int) -> None:
        self._new_network = NETWORKS[growth]
        self._train, _ = engine.digits(directory, "train")
        self._test, _ = engine.digits(directory, "t10k")
        self._host = CpuHost("cpu0", threads)
        self._cache = tempfile.TemporaryDirectory(prefix="hanami-kernels-")
        self._host.start(host_context(Path(self._cache.name)))
        self._network = self._new_network(self._host, 0)

    def fit(self, epochs: int, seed: int) -> None:
        self._network = self._new_network(self._host, seed)
        for _ in range(epochs):
            self._network.train(self._train, engine.RUN)

    def answer(self) -> Labels:
        return engine.answer(self._network, self._test).argmax(1)


def make(directory: Path, images: int, growth: str, threads: int) -> Growing:
    return Growing(directory, growth, threads)
