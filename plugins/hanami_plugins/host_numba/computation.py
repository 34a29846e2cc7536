"""What a section network at work asks of the kernels of its kind, be there one hidden hexagon or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba.segments import OneRow
from hanami_plugins.networks_section import CycleSpan, Floats, Ints, NetworkMemory

__all__ = ["Answerer", "Computation", "TaskComputation", "Trainer"]


class Trainer(Protocol):
    """A training kernel with the memory and the rows that it is given."""

    def run(self, thread: int, threads: int, sync: Ints, job: CycleSpan, *, average: bool = False) -> int:
        """Train in one of some threads, the network or the average of its stream; returns the kernel's status."""

    @property
    def cycle(self) -> int:
        """The cycle that the status is about."""


class Answerer(Protocol):
    """An answering kernel with the memory and the rows that it is given, for one thread."""

    @property
    def results(self) -> Floats:
        """Outputs of the cycles of the last run, shape (cycles, lanes), with room for more."""

    def run(self, first: int, last: int) -> int:
        """Answer the cycles ``first .. last - 1``; returns `last`, or a cycle whose inputs are not finite."""


class TaskComputation(Protocol):
    """Rows of a task as the kernels take them."""

    @property
    def weights(self) -> Floats:
        """How much each cycle counts, empty if all count 1."""

    def training(self, length: int, threads: int) -> Trainer:
        """Return what trains the rows in slices of so many cycles."""

    def answering(self) -> Callable[[int], Answerer]:
        """Return what makes, for each thread, what answers so many of the rows at a time."""


class Computation(Protocol):
    """A network in memory, and the kernels of its kind."""

    @property
    def memory(self) -> NetworkMemory[Any]:
        """The network."""

    @property
    def parts(self) -> int:
        """Among how many threads a cycle of a training can be split."""

    @classmethod
    def of(cls, state: NetworkState) -> Self:
        """Bring a checked state to memory."""

    def resized(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Self:
        """Return the same with the network's interfaces fitted to numbers of values, see `LiveNetwork.resize`."""

    def task(self, rows: Rows) -> TaskComputation:
        """Return rows of a task as the kernels take them.

        Raises:
            BadRequest: if a name is unknown or used twice, or the values do not fit.
        """

    def single(self, one: OneRow) -> TaskComputation:
        """Return the same for single cycles, whose values change between two runs."""
