"""What a section network at work asks of the kernels of its kind, be there one hidden hexagon or several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

from hanami_core.compute import Rows
from hanami_core.network import NetworkState
from hanami_plugins.host_numba.segments import OneRow, Plan
from hanami_plugins.networks_section import CycleSpan, Ints, NetworkMemory, Records

__all__ = ["AnswerStrategy", "Computation"]


class AnswerStrategy(NamedTuple):
    """How a request is answered: the kernel, what it is given, and what makes its memory for so many cycles."""

    kernel: Callable[..., int]
    net: Any
    memory: Callable[[int], Any]


class Computation(Protocol):
    """Kernels, the network that they work on, and how they are given its arrays and the rows of a task."""

    @property
    def memory(self) -> NetworkMemory[Any]:
        """The network."""

    @property
    def parts(self) -> int:
        """Among how many threads a cycle of a training can be split."""

    @property
    def answer_kernel(self) -> Callable[..., int]:
        """What answers with all bits of the weights."""

    @classmethod
    def of(cls, state: NetworkState) -> Self:
        """Bring a checked state to memory."""

    def with_memory(self, memory: Any) -> Self:
        """Return the same for another network of the same kind."""

    def plan(self, rows: Rows) -> Plan[Any]:
        """Return where the rows of a task lie."""

    def inputs_of(self, one: OneRow) -> Any:
        """Return where the inputs of a single cycle lie, as `plan` returns those of a task."""

    def scratch(self, length: int, threads: int) -> Any:
        """Return memory of the training kernel for slices of so many cycles."""

    def train(
        self,
        thread: int,
        threads: int,
        sync: Ints,
        net: Any,
        scratch: Any,
        inputs: Any,
        outputs: Records,
        job: CycleSpan,
    ) -> int:
        """Run the training kernel in one of some threads; returns its status."""

    def answers(self, rows: int) -> Any:
        """Return memory of the answering kernel for so many cycles."""

    def answer_strategy(self, net: Any, inputs: Any) -> AnswerStrategy:
        """Return how inputs are answered with the weights of `net`."""
