"""Section growth, through the interface that tasks use; images stay bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hanami_core.compute import LiveNetwork
from hanami_plugins.host_numba.host import CpuHost
from tests.bench import engine
from tests.bench.contest.field import Labels


class Section:
    """A network of the default size: 128 hidden neurons."""

    def __init__(self, directory: Path, threads: int) -> None:
        self._train, _ = engine.digits(directory, "train")
        self._test, _ = engine.digits(directory, "t10k")
        self._host = CpuHost("cpu0", threads)
        self._cache = tempfile.TemporaryDirectory(prefix="hanami-kernels-")
        self._host.start(Path(self._cache.name))
        self._network: LiveNetwork = engine.new_network(self._host)

    def fit(self, epochs: int, seed: int) -> None:
        self._network = engine.new_network(self._host, seed)
        for _ in range(epochs):
            self._network.train(self._train, engine.RUN)

    def answer(self) -> Labels:
        return engine.answer(self._network, self._test).argmax(1)


def make(directory: Path, images: int, threads: int) -> Section:
    return Section(directory, threads)
