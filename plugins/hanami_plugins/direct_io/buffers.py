"""The values that a client has sent for a cycle, and the cycle itself. It knows neither locks nor threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest
from hanami_plugins.clusters import LiveCluster
from hanami_plugins.direct_io.messages import EXPECTED, INPUT, Frame, values_of

__all__ = ["SocketBuffers"]

Buffers = dict[str, npt.NDArray[np.float32]]

MOST_VALUES = 1 << 22
"""Values that all buffers of a socket hold together."""
LIGHTEST = 64
"""Values below which a cycle takes the same time, however few there are."""


class SocketBuffers:
    """Buffers of one socket; they keep their values from one cycle to the next.

    `size` is what `weight` returns at most.
    """

    def __init__(self) -> None:
        """Start with empty buffers."""
        self.size = 0
        self._inputs: Buffers = {}
        self._expected: Buffers = {}
        self._fitting: LiveCluster | None = None

    def fill(self, frame: Frame, live: LiveCluster, values: npt.NDArray[np.float32] | None = None) -> None:
        """Take the values of a frame, which may have been converted before."""
        if frame.target == INPUT:
            buffers, names = self._inputs, live.inputs
        elif frame.target == EXPECTED:
            buffers, names = self._expected, live.outputs
        else:
            raise BadRequest("frame_target_unknown", target=frame.target)
        name = frame.buffer
        if name not in names:
            raise BadRequest("buffer_unknown", buffer=name, known=", ".join(names))
        if values is None:
            values = values_of(frame)
        if not np.isfinite(values).all():
            raise BadRequest("buffer_not_finite", buffer=name)
        old = buffers.get(name)
        if old is None or len(old) < len(values):
            held = sum(map(len, (*self._inputs.values(), *self._expected.values())))
            if held - (0 if old is None else len(old)) + len(values) > MOST_VALUES:
                raise BadRequest("buffers_size", limit=MOST_VALUES)
            buffers[name] = values
            self._fitting = None
            self.size = max(LIGHTEST, sum(map(len, self._inputs.values())))
        else:
            old[: len(values)] = values

    def weight(self) -> int:
        """Return what the time of a cycle depends on: how many input values are not zero. Takes a while itself."""
        return max(LIGHTEST, sum(map(np.count_nonzero, self._inputs.values())))

    def grow(self, live: LiveCluster) -> bool:
        """Tell whether a network must grow before it can be trained with the buffers."""
        if self._fitting is live:  # no network ever shrinks
            return False
        head = live.network.head
        return any(len(values) > head.inputs.get(name, 0) for name, values in self._inputs.items()) or not head.outputs

    def train(self, live: LiveCluster) -> None:
        """Train a network with the buffers."""
        head = live.network.head
        inputs = _complete(self._inputs, head.inputs, live.inputs)
        expected = _complete(self._expected, {}, live.outputs)
        sizes = {name: len(v) for name, v in inputs.items()}, {name: len(v) for name, v in expected.items()}
        if sizes != (head.inputs, head.outputs):
            live.fit(*sizes)
        live.changes += 1
        live.network.train_one(inputs, expected)
        self._fitting = live

    def request(self, live: LiveCluster) -> npt.NDArray[np.float32]:
        """Ask a network about the buffers and return the values of all its outputs, one after the other."""
        head = live.network.head
        if not head.outputs:
            raise BadRequest("network_never_trained")
        for name in live.inputs:
            if len(self._inputs.get(name, ())) > head.inputs[name]:
                raise BadRequest("input_too_long", input=name, limit=head.inputs[name])
        results = live.network.request_one(_complete(self._inputs, head.inputs, live.inputs))
        return np.concatenate([results[name] for name in live.outputs])


def _complete(buffers: Buffers, sizes: dict[str, int], names: Sequence[str]) -> Buffers:
    """Return all buffers in the network's sizes; missing values at an input's end are zero."""
    for name in names:
        if name not in buffers:
            raise BadRequest("buffer_empty", buffer=name)
        missing = sizes.get(name, 0) - len(buffers[name])
        if missing > 0:
            buffers[name] = np.concatenate([buffers[name], np.zeros(missing, np.float32)])
    return buffers
