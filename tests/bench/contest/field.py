"""Who takes part. Nothing heavy is imported before a contender is made."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer[Any]]

ALL = 60_000


class Contender(Protocol):
    """A learner that holds the digits in the form that it likes best; making that form is not timed."""

    def fit(self, epochs: int, seed: int) -> None:
        """Forget everything, then learn the training images this many times."""

    def answer(self) -> Labels:
        """Return the label of every test image."""


@dataclass(frozen=True)
class Entry:
    """A contender on the list.

    Attributes:
        key: short name without blanks.
        title: name in tables.
        module: module of this package with a function `make(directory, images, **options)`.
        options: what `make` is given.
        images: training images it learns; fewer than all stand for all of them, and accuracy is not measured then.
        threads: threads it may use.
    """

    key: str
    title: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    images: int = ALL
    threads: int = 1

    def make(self, directory: Path) -> Contender:
        """Import the library and load the data.

        Raises:
            ImportError: if the library is not installed.
        """
        make: Callable[..., Contender] = importlib.import_module(f"tests.bench.contest.{self.module}").make
        return make(directory, self.images, **self.options)


def _torch(optimizer: str, batch: int, rate: float, threads: int, images: int = ALL) -> Entry:
    options = {"optimizer": optimizer, "batch": batch, "rate": rate, "threads": threads}
    plural = "s" if threads > 1 else ""
    title = f"torch, {'Adam' if optimizer == 'adam' else 'SGD'}, batch {batch}, {threads} thread{plural}"
    return Entry(f"torch-{optimizer}-{batch}-{threads}", title, "pytorch", options, images, threads)


# Rates are those with the best accuracy after one epoch, of a dozen that were tried for each batch size.
ENTRIES = (
    Entry("section-1", "section growth, 1 thread", "growing", {"growth": "section", "threads": 1}),
    Entry("section-2", "section growth, 2 threads", "growing", {"growth": "section", "threads": 2}, threads=2),
    Entry("synapse-1", "synapse growth, 1 thread", "growing", {"growth": "synapse", "threads": 1}),
    Entry("synapse-2", "synapse growth, 2 threads", "growing", {"growth": "synapse", "threads": 2}, threads=2),
    Entry("dense-1", "dense Numba loops, batch 1", "dense"),
    *(_torch("sgd", 1, 0.03, threads, images=3000) for threads in (1, 2)),
    *(_torch("sgd", 32, 0.08, threads) for threads in (1, 2)),
    *(_torch("sgd", 64, 0.1, threads) for threads in (1, 2)),
    *(_torch("adam", 32, 0.006, threads) for threads in (1, 2)),
    *(_torch("adam", 64, 0.008, threads) for threads in (1, 2)),
    Entry("sklearn-64", "scikit-learn MLPClassifier, batch 64", "scikit", {"batch": 64, "rate": 0.003}),
    Entry("sklearn-200", "scikit-learn MLPClassifier, batch 200", "scikit", {"batch": 200, "rate": 0.006}),
)
