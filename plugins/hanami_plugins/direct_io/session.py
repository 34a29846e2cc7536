"""One client that talks to a live network, frame by frame.

Every message gets one answer. A message fills one buffer; the last one of a cycle also runs the network. A frame meets
no database and no lock that anybody holds for long: if a task works with the network, the frame is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest, Unauthorized
from hanami_plugins.clusters import LiveCluster, LiveClusters
from hanami_plugins.direct_io.messages import EXPECTED, INPUT, REQUEST, TRAIN, cluster_io

Buffers = dict[str, npt.NDArray[np.float32]]

MAX_VALUES = 1 << 20
PATIENCE_SECONDS = 0.2
NOT_DIRECT = "the cluster is not in direct mode"


class DirectSession:
    """Buffers of one socket, and the network behind it."""

    def __init__(self, clusters: LiveClusters, live: LiveCluster, refused: Mapping[int, str]) -> None:
        """Start with empty buffers; `refused` says which process types the actor may not use, and why."""
        self._clusters, self._live, self._refused = clusters, live, refused
        self._message = cluster_io()
        self._inputs: Buffers = {}
        self._expected: Buffers = {}
        ack = {"processType": TRAIN, "numberOfValues": 1, "values": [0.0]}
        self._ack = self._message(**ack).SerializeToString()
        self._trained = self._message(isLast=True, **ack).SerializeToString()

    def receive(self, message: bytes | str) -> bytes:
        """Return the answer to one message."""
        io = self._parse(message)
        if not self._live.direct and not self._refresh():
            raise BadRequest(NOT_DIRECT)
        self._fill(io)
        if not io.isLast:
            return self._ack  # type: ignore[no-any-return]
        return self._cycle(io.processType)

    def close(self) -> None:
        """Give the network back."""
        self._clusters.detach(self._live)

    def _parse(self, message: bytes | str) -> Any:
        if isinstance(message, str):
            raise BadRequest("expected a binary ClusterIO-Message, got a text")
        try:
            io = self._message.FromString(message)
        except Exception as error:
            raise BadRequest("Got invalid ClusterIO-Message") from error
        if io.numberOfValues != len(io.values):
            raise BadRequest(f"numberOfValues is {io.numberOfValues}, but the message holds {len(io.values)} values")
        if io.processType not in (REQUEST, TRAIN):
            raise BadRequest(f"processType {io.processType} is unknown")
        return io

    def _refresh(self) -> bool:
        self._live = self._clusters.refresh(self._live)
        return self._live.direct

    def _fill(self, io: Any) -> None:
        template = self._live.network.head.template
        if io.targetBufferType == INPUT:
            buffers, names = self._inputs, [item.name for item in template.inputs]
        elif io.targetBufferType == EXPECTED:
            buffers, names = self._expected, [item.name for item in template.outputs]
        else:
            raise BadRequest("targetBufferType must be INPUT_BUFFER_TYPE or EXPECTED_BUFFER_TYPE")
        if io.bufferName not in names:
            raise BadRequest(f"bufferName '{io.bufferName}' is unknown, expected one of: {', '.join(names)}")
        values = _checked(io)
        old = buffers.get(io.bufferName)
        if old is not None and len(old) > len(values):
            old[: len(values)] = values
        else:
            buffers[io.bufferName] = values

    def _cycle(self, process: int) -> bytes:
        if process in self._refused:
            raise Unauthorized(self._refused[process])
        live = self._live
        # It is free at once, but for the moments in which it is copied to be stored, or in which a task ends.
        if not live.lock.acquire(timeout=PATIENCE_SECONDS):
            raise BadRequest("a task works with the cluster, try again later")
        try:
            if not live.direct:
                raise BadRequest(NOT_DIRECT)
            return self._train(live) if process == TRAIN else self._request(live)
        finally:
            live.lock.release()

    def _train(self, live: LiveCluster) -> bytes:
        head = live.network.head
        inputs = self._complete(self._inputs, head.inputs, [item.name for item in head.template.inputs])
        expected = self._complete(self._expected, {}, [item.name for item in head.template.outputs])
        sizes = {name: len(v) for name, v in inputs.items()}, {name: len(v) for name, v in expected.items()}
        if sizes != (head.inputs, head.outputs):
            live.network.resize(*sizes)
        live.changes += 1
        live.network.train_one(inputs, expected)
        return self._trained  # type: ignore[no-any-return]

    def _request(self, live: LiveCluster) -> bytes:
        head = live.network.head
        if not head.outputs:
            raise BadRequest("the cluster was never trained")
        names = [item.name for item in head.template.inputs]
        for name in names:
            if len(self._inputs.get(name, ())) > head.inputs[name]:
                raise BadRequest(f"input '{name}' was trained with {head.inputs[name]} values")
        results = live.network.request_one(self._complete(self._inputs, head.inputs, names))
        values = np.concatenate([results[item.name] for item in head.template.outputs])
        answer = self._message(
            bufferName=head.template.outputs[0].name, processType=REQUEST, numberOfValues=len(values)
        )
        answer.values.extend(values.tolist())
        return answer.SerializeToString()  # type: ignore[no-any-return]

    @staticmethod
    def _complete(buffers: Buffers, sizes: dict[str, int], names: list[str]) -> Buffers:
        """Return all buffers in the network's sizes; missing values at an input's end are zero."""
        for name in names:
            if name not in buffers:
                raise BadRequest(f"no values for '{name}' were sent yet")
            missing = sizes.get(name, 0) - len(buffers[name])
            if missing > 0:
                buffers[name] = np.concatenate([buffers[name], np.zeros(missing, np.float32)])
        return buffers


def _checked(io: Any) -> npt.NDArray[np.float32]:
    if not 0 < len(io.values) <= MAX_VALUES:
        raise BadRequest(f"a buffer holds 1 to {MAX_VALUES} values, got {len(io.values)}")
    values = np.array(io.values, np.float32)
    if not np.isfinite(values).all():
        raise BadRequest(f"bufferName '{io.bufferName}': values must be finite")
    return values
