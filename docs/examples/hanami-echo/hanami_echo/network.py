"""A network in memory: it counts what it is trained with, and answers what it is asked, louder or softer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead

STEP_CYCLES = 64
LOUDEST = float(np.finfo(np.float32).max)


class EchoNetwork:
    """Each output has the values of its input times the gain, cut off or filled up with zeros to its size."""

    def __init__(self, head: StateHead, gain: float) -> None:
        """Begin as `head` tells, which stays as it is."""
        self.head = _copy(head)
        self._gain = gain
        template = head.template
        self._sources = {output.name: source.name for output, source in zip(template.outputs, template.inputs)}  # noqa: B905

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Note the sizes: inputs grow, outputs stay."""
        head = self.head
        if inputs.keys() - set(self._sources.values()) or outputs.keys() - self._sources.keys():
            raise BadRequest("echo_no_such_name")
        if min(*inputs.values(), *outputs.values(), 1, 1) < 1:
            raise BadRequest("echo_too_small")
        if any(head.outputs.get(name, size) != size for name, size in outputs.items()):
            raise BadRequest("echo_other_size")
        head.inputs.update({name: max(size, head.inputs.get(name, 0)) for name, size in inputs.items()})
        head.outputs.update(outputs)

    def train(self, rows: Rows, run: Run) -> None:
        """Count the cycles, and report so often that the task can be stopped and stored."""
        for cycle in range(run.start, rows.cycles):
            self.head.cycles += 1
            if cycle % STEP_CYCLES == 0 and not run.step(cycle + 1):
                return

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Count a cycle."""
        self.head.cycles += 1

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer each cycle with the rows that it reads."""
        for cycle in range(run.start, rows.cycles):
            heard = {item.name: item.values[cycle : cycle + rows.time_length].ravel() for item in rows.inputs}
            for name, answers in results.items():
                answers[cycle] = self._answer(name, heard)
            if cycle % STEP_CYCLES == 0 and not run.step(cycle + 1):
                return

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer for all outputs."""
        return {name: self._answer(name, inputs) for name in self.head.outputs}

    def _answer(self, output: str, heard: Mapping[str, Values]) -> Values:
        answer = np.zeros(self.head.outputs[output])
        values = heard[self._sources[output]][: len(answer)]
        answer[: len(values)] = values
        # Who trains with answers must not be given infinity.
        return np.clip(answer * self._gain, -LOUDEST, LOUDEST).astype(np.float32)

    def state(self) -> NetworkState:
        """Return a copy."""
        return NetworkState(_copy(self.head))

    def metrics(self) -> dict[str, float]:
        """Tell what all networks tell, and the gain."""
        return {"blocks": 0, "sections": len(self._sources), "synapses": 0, "gain": self._gain}

    def close(self) -> None:
        """Hold nothing."""


def _copy(head: StateHead) -> StateHead:
    return replace(head, inputs=dict(head.inputs), outputs=dict(head.outputs))
