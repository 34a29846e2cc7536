"""A plugin with a rule set that runs on processors and on GPUs: it answers with the mean of what it was trained with.

Small enough for tests of everything around a network: its life, its memory, its failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from hanami_core import hookimpl
from hanami_core.compute import ComputeHost, NetworkRules, Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead, Template
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.host import device_of

CHECK_CYCLES = 8


class SumsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the templates.

    Attributes:
        ballast: bytes that a network takes besides, and says so.
        greed: bytes that a training takes besides, without having said so.
    """

    ballast: Annotated[int, Meta(ge=0, le=1 << 40)] = 0
    greed: Annotated[int, Meta(ge=0, le=1 << 40)] = 0


class SumsNetwork:
    """Sums of what each output was trained with, in the memory of a device if there is one."""

    def __init__(self, state: NetworkState, device: Device | None) -> None:
        self.head = msgspec.convert(msgspec.to_builtins(state.head), StateHead)
        self._device = device
        self._xp: Any = np if device is None else device.array_module
        self._settings = self.head.template.settings.of(SumsSettings)
        with self._used():
            self._sums = {name: self._upload(values) for name, values in state.arrays.items()}
            self._ballast = None if device is None else self._xp.empty(self._settings.ballast, np.uint8)

    def _used(self) -> Any:
        return nullcontext() if self._device is None else self._device.use()

    def _upload(self, values: Any) -> Any:
        return values.copy() if self._device is None else self._device.upload(values)

    def _download(self, values: Any) -> Any:
        return values.copy() if self._device is None else self._device.download(values)

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        known = {item.name for item in self.head.template.inputs}, {item.name for item in self.head.template.outputs}
        if not (inputs.keys() <= known[0] and outputs.keys() <= known[1]):
            raise BadRequest("no such input or output")
        self.head.inputs.update(inputs)
        self.head.outputs.update(outputs)
        with self._used():
            for name, size in outputs.items():
                self._sums.setdefault(name, self._upload(np.zeros(size, np.float32)))

    def train(self, rows: Rows, run: Run) -> None:
        for start in range(run.start, rows.cycles, CHECK_CYCLES):
            end = min(rows.cycles, start + CHECK_CYCLES)
            with self._used():
                greed = None if self._device is None else self._xp.empty(self._settings.greed, np.uint8)
                for columns in rows.outputs:
                    self._sums[columns.name] += self._upload(columns.values[start:end].sum(axis=0, dtype=np.float32))
                self._touch()
                del greed
            self.head.cycles += end - start
            if not run.step(end):
                return

    def _touch(self) -> None:
        """Run a kernel and wait for it."""
        if self._device is not None:
            scratch = self._device.upload(np.zeros(4, np.float32))
            self._device.kernel("probe.cu", "probe")((1,), (32,), (scratch, np.int32(4)))
            assert self._device.download(scratch).tolist() == [1.0] * 4

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        with self._used():
            for name, values in outputs.items():
                self._sums[name] += self._upload(np.asarray(values, np.float32))
            self._touch()
        self.head.cycles += 1

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        for name, result in results.items():
            result[:] = self._answer(name)
        run.step(rows.cycles)

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        return {name: self._answer(name) for name in self._sums}

    def _answer(self, name: str) -> Values:
        with self._used():
            return self._download(self._sums[name]) / max(1, self.head.cycles)  # type: ignore[no-any-return]

    def state(self) -> NetworkState:
        head = msgspec.convert(msgspec.to_builtins(self.head), StateHead)
        with self._used():
            return NetworkState(head, {name: self._download(values) for name, values in self._sums.items()})

    def metrics(self) -> dict[str, float]:
        memory = self._settings.ballast if self._device is not None else 0
        return {"blocks": 1, "sections": len(self._sums), "synapses": 0, "memory": memory}

    def close(self) -> None:
        self._sums.clear()
        self._ballast = None


class SumsRules:
    """Runs everything that has outputs."""

    name = "sums"
    settings = SumsSettings

    def __init__(self, host_kind: str) -> None:
        self.host_kind = host_kind

    def refuses(self, template: Template) -> str | None:
        return None if template.outputs else "it has no output"

    def memory(self, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
        return template.settings.of(SumsSettings).ballast if self.host_kind == "cuda" else 0

    def create(self, template: Template, seed: int) -> NetworkState:
        return NetworkState(StateHead(self.name, template, seed))

    def open(self, state: NetworkState, host: ComputeHost) -> SumsNetwork:
        return SumsNetwork(state, device_of(host) if self.host_kind == "cuda" else None)


@hookimpl
def hanami_network_rules() -> list[NetworkRules]:
    return [SumsRules("cpu"), SumsRules("cuda")]
