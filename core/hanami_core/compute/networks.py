"""Contracts of networks: the data that they are given, the rule sets that make them, and networks in memory.

A *rule set* decides how a network grows and learns; `NetworkRules` is a rule set on one kind of host. A *live network*
is a network in the memory of a host. Only the sidecar of a host calls `NetworkRules.open` and what lies behind it, so a
plugin imports its compute library inside that function, never at the top of a module that registers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from hanami_core.compute.hosts import ComputeHost
from hanami_core.network import NetworkState, StateHead, Template

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Columns:
    """Values of one interface for all rows of a task.

    `values` has the shape (rows, columns) and the type uint8 or float32. It is read-only, may be memory-mapped and may
    have a row stride, so that a column range of a dataset needs no copy.
    """

    name: str
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Data of a task. Cycle ``c`` reads input rows ``c .. c + time_length - 1``, time-major, and output row ``c``.

    `weights` has a number, 0 or greater, for each cycle, by which its learning step is multiplied; None means 1 for
    all. Only networks of rule sets that support weights receive any, see `TakesWeights`.
    """

    inputs: tuple[Columns, ...]
    outputs: tuple[Columns, ...] = ()
    time_length: int = 1
    weights: Values | None = None

    @classmethod
    def single(cls, inputs: Mapping[str, Values], outputs: Mapping[str, Values] | None = None) -> Rows:
        """Return a single cycle as the rows of a task."""
        given, expected = (
            tuple(Columns(name, np.asarray(values, np.float32)[None]) for name, values in side.items())
            for side in (inputs, outputs or {})
        )
        return cls(given, expected)

    @property
    def cycles(self) -> int:
        """Number of cycles that the rows allow, not negative."""
        rows = min(len(columns.values) for columns in (*self.inputs, *self.outputs))
        return max(0, rows - self.time_length + 1)

    def sizes(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the number of values of each input and each output."""
        return (
            {columns.name: columns.values.shape[1] * self.time_length for columns in self.inputs},
            {columns.name: columns.values.shape[1] for columns in self.outputs},
        )


@dataclass(frozen=True)
class Run:
    """The progress of a task, and how a live network reports it.

    `step` is called between two cycles, at least four times a second, with the number of cycles done so far, counted
    from the beginning of the task. It may take a snapshot with `LiveNetwork.state`. Returning False, or raising, ends
    the run there. A run that starts at `start` with the state of that moment ends bit-identical to one that was never
    interrupted.
    """

    step: Callable[[int], bool]
    start: int = 0


@runtime_checkable
class LiveNetwork(Protocol):
    """A network in the memory of a host. Methods are called by one thread at a time, and never after `close`."""

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed; read by any thread at any time."""

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the interfaces to the given numbers of values before data of that shape is used.

        An input grows and never shrinks; missing values of a shorter row count as zero. An output keeps its first size.

        Raises:
            BadRequest: if a name is unknown or a size is impossible; nothing has changed then.
        """

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles of `rows` from `run.start` on, without shuffling.

        Weights of 1 change nothing: the network ends bit-identical to one that was trained without weights.

        Raises:
            FloatingPointError: if values are no longer finite; the text names the cycle.
        """

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles of `rows` from `run.start` on into `results` and change nothing in the network.

        `results` maps names of outputs to arrays of the shape (cycles, values of the output).
        """

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of an open-ended stream; arrays have the interfaces' sizes."""

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing; returns the values of every output."""

    def state(self) -> NetworkState:
        """Return a consistent copy of everything that the network is."""

    def metrics(self) -> dict[str, float]:
        """Return metrics that cost nothing to compute: at least ``blocks``, ``sections`` and ``synapses``."""

    def close(self) -> None:
        """Free what the network holds on its host; called when the network leaves memory, possibly twice.

        Nothing is stored: changes since the last `state` are lost.
        """


@runtime_checkable
class NetworkRules(Protocol):
    """A rule set on one kind of host.

    A rule set may be there for several kinds of hosts, as one object with the same `name` for each. Its states belong
    to the rule set, not to a host: all of these objects declare the same settings, make the same new networks, and
    read and write the same states, so that clusters move between the hosts. A host that cannot run some of the
    templates refuses those.
    """

    @property
    def name(self) -> str:
        """Value of the template setting ``growth`` that selects the rules."""

    @property
    def host_kind(self) -> str:
        """Kind of hosts that the rules run on."""

    @property
    def settings(self) -> type[msgspec.Struct]:
        """Struct whose fields are the template settings that the rules have in addition to the common ones.

        See `hanami_core.network.declared` for the types of fields; `NoSettings` there has none. Templates are checked
        against it before `refuses` sees them, and ``template.settings.of(...)`` reads them.
        """

    def refuses(self, template: Template) -> str | None:
        """Return why the rules cannot run a template, or None if they can.

        Called often and by many processes; `Topology.of` caches what it computes for a template.
        """

    def create(self, template: Template, seed: int) -> NetworkState:
        """Return the state of an untrained network. Needs no compute library."""

    def open(self, state: NetworkState, host: ComputeHost) -> LiveNetwork:
        """Open a state as a live network on a started host.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
        """


@runtime_checkable
class TakesWeights(Protocol):
    """Rules whose networks go by `Rows.weights`. Trainings with weights are refused for all others."""

    @property
    def takes_weights(self) -> bool:
        """Whether they do."""


def takes_weights(rules: NetworkRules) -> bool:
    """Tell whether networks of a rule set learn rows by their weights."""
    return isinstance(rules, TakesWeights) and rules.takes_weights
