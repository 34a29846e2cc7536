"""A plugin of somebody else: hosts of a kind of their own, and a rule set ``mine`` with a setting of its own.

Its networks answer with the mean of what they were trained with, in steps of ``1 / depth``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from hanami_core import hookimpl
from hanami_core.compute import ComputeHost, HostContext, HostDescription, NetworkRules, Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead, Template
from hanami_core.settings import Setting, Settings

CHECK_CYCLES = 64


class MineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the templates."""

    depth: Annotated[int, Meta(ge=1, le=100)] = 10


class MineHost:
    """Counts its open networks and all that it had, so that a test sees which were not closed.

    A test may let it be out of order for a `reason`, or take clusters on request. One of another process says of itself
    what stands in a file of its data directory, see `pretend`.
    """

    kind = "mine"
    on_request = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.uuid = ""
        self.networks = self.opened = 0
        self.reason = ""
        self._told: Path | None = None

    def start(self, context: HostContext) -> None:
        self.uuid = context.uuid
        self._told = _told(context.data_dir, self.name)

    def stop(self) -> None:
        self.uuid = ""

    def describe(self) -> HostDescription:
        found = HostDescription(self.name, self.kind, self.uuid, 1 << 20, 1 << 19, 1, not self.reason, self.reason)
        if self._told is None or not self._told.exists():
            return found
        return msgspec.structs.replace(found, **msgspec.json.decode(self._told.read_bytes()))


def pretend(data_dir: Path, name: str, **fields: object) -> None:
    """Let a host of a server describe itself with other values of some fields of `HostDescription`."""
    path = _told(data_dir, name)
    path.with_suffix(".part").write_bytes(msgspec.json.encode(fields))
    path.with_suffix(".part").replace(path)


def _told(data_dir: Path, name: str) -> Path:
    return data_dir / f"{name}.told"


class MineNetwork:
    """Sums of what each output was trained with."""

    def __init__(self, state: NetworkState, host: MineHost) -> None:
        self.head = msgspec.convert(msgspec.to_builtins(state.head), StateHead)
        self._sums = {name: values.copy() for name, values in state.arrays.items()}
        self._depth = self.head.template.settings.of(MineSettings).depth
        self._host: MineHost | None = host
        host.networks += 1
        host.opened += 1

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        known = {item.name for item in self.head.template.inputs}, {item.name for item in self.head.template.outputs}
        if not (inputs.keys() <= known[0] and outputs.keys() <= known[1]):
            raise BadRequest("no such input or output")
        self.head.inputs.update(inputs)
        self.head.outputs.update(outputs)
        for name, size in outputs.items():
            self._sums.setdefault(name, np.zeros(size))

    def train(self, rows: Rows, run: Run) -> None:
        for cycle in range(run.start, rows.cycles):
            for columns in rows.outputs:
                self._sums[columns.name] += columns.values[cycle]
            self.head.cycles += 1
            if cycle % CHECK_CYCLES == 0 and not run.step(cycle + 1):
                return

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        for name, values in outputs.items():
            self._sums[name] += values
        self.head.cycles += 1

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        for name, result in results.items():
            result[:] = self._answer(name)
        run.step(rows.cycles)

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        return {name: self._answer(name) for name in self._sums}

    def _answer(self, name: str) -> Values:
        mean = self._sums[name] / max(1, self.head.cycles)
        return (np.round(mean * self._depth) / self._depth).astype(np.float32)

    def state(self) -> NetworkState:
        head = msgspec.convert(msgspec.to_builtins(self.head), StateHead)
        return NetworkState(head, {name: values.copy() for name, values in self._sums.items()})

    def metrics(self) -> dict[str, float]:
        return {"blocks": 1, "sections": len(self._sums), "synapses": 0, "depth": self._depth}

    def close(self) -> None:
        if self._host is not None:
            self._host.networks -= 1
        self._host = None
        self._sums.clear()


class MineRules:
    """Runs what has one input."""

    name = "mine"
    host_kind = "mine"
    settings = MineSettings

    def refuses(self, template: Template) -> str | None:
        return None if len(template.inputs) == 1 else "mine has one input"

    def create(self, template: Template, seed: int) -> NetworkState:
        return NetworkState(StateHead(self.name, template, seed))

    def open(self, state: NetworkState, host: ComputeHost) -> MineNetwork:
        assert isinstance(host, MineHost)
        return MineNetwork(state, host)


@hookimpl
def hanami_settings() -> list[Setting]:
    return [Setting("mine.hosts", int, 1, "Hosts", 0)]


@hookimpl
def hanami_compute_hosts(settings: Settings) -> list[ComputeHost]:
    return [MineHost(f"mine{number}") for number in range(settings["mine.hosts"])]


@hookimpl
def hanami_network_rules() -> list[NetworkRules]:
    return [MineRules()]
