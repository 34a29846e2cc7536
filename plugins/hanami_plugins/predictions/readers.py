"""Networks that answer predictions in a sidecar: copies of stored states that nobody trains.

A training changes its own network all the time; a reader has the last state that was stored as a whole, and the next
one replaces it as soon as somebody asks for it. Must not know HTTP.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from hanami_core.compute import Columns, LiveNetwork, Rows, Run, memory
from hanami_core.errors import BadRequest, Conflict, CorruptFile, NotFound
from hanami_core.host_calls import Piece
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import ACTIVE
from hanami_plugins.clusters import LIVE, MISSING, Cluster, MemoryOwner, interfaces, read_state, template_of
from hanami_plugins.predictions.questions import Answer, Question, Values, pack, shapes_of, unpack

__all__ = ["READERS", "Readers"]

NEVER_TRAINED = "cluster_never_trained"
TRIES = 3
"""How often a state is read that a training replaces meanwhile."""


@dataclass(eq=False)
class _Reader:
    """A cluster that was asked; `network` is that of the state with `version`, which is 0 before there is one.

    `busy` is held while the network is opened, or answers: a network is used by one thread at a time.
    """

    busy: threading.Lock = field(default_factory=threading.Lock)
    network: LiveNetwork | None = None
    version: int = 0
    stored_at: float | None = None
    used: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        if self.network is not None:
            self.network.close()
            self.network = None
        self.version = 0


class Readers:
    """All readers of a sidecar, by cluster."""

    def __init__(self, runtime: Runtime) -> None:
        """Begin with none, and drop those that nobody asks any more."""
        self._runtime = runtime
        self._readers: dict[str, _Reader] = {}
        self._lock = threading.Lock()
        self._memory = runtime.stash[LIVE].memory
        self._memory.reclaims(lambda: self._drop(time.monotonic()))
        self._ended = threading.Event()
        self._idle: float = runtime.settings["clusters.idle"]
        threading.Thread(target=self._watch, name="readers", daemon=True).start()

    def answer(self, question: Sequence[Piece]) -> list[Piece]:
        """Answer a `Question` with an `Answer`, both packed.

        Raises:
            NotFound: if the cluster was deleted meanwhile.
            Conflict: if it was never trained.
            BadRequest: if an input is not finite.
            Unprocessable: if its network would take too much memory.
        """
        asked, inputs = unpack(question, Question)
        with self._used(asked.cluster) as reader:
            if reader.network is None or reader.version < asked.version:
                self._open(asked.cluster, reader)
            assert reader.network is not None
            outputs = _predict(reader.network, inputs)
            answer = Answer(shapes_of(outputs), reader.version, reader.stored_at)
        return pack(answer, outputs)

    @contextmanager
    def _used(self, uuid: str) -> Iterator[_Reader]:
        """Lend the reader of a cluster to this thread."""
        while True:
            with self._lock:
                reader = self._readers.setdefault(uuid, _Reader())
                reader.used = time.monotonic()
            with reader.busy:
                # Whoever waits for a reader may find that it was dropped meanwhile.
                if self._readers.get(uuid) is reader:
                    yield reader
                    return

    def _open(self, uuid: str, reader: _Reader) -> None:
        for left in reversed(range(TRIES)):
            row = Cluster.get_or_none((Cluster.uuid == uuid) & (Cluster.status == ACTIVE))
            if row is None:
                raise NotFound(MISSING, uuid=uuid)
            try:
                network = self._network(row, reader)
            except CorruptFile:
                if left and Cluster.select(Cluster.version).where(Cluster.uuid == uuid).scalar() != row.version:
                    continue  # the state that was looked for has just been replaced
                raise
            if reader.network is not None:
                reader.network.close()
            reader.network, reader.version, reader.stored_at = network, row.version, row.stored_at
            return

    def _network(self, row: Cluster, reader: _Reader) -> LiveNetwork:
        compute = self._runtime.compute
        assert compute is not None, "only a sidecar has readers"
        if row.blob is None:
            raise Conflict(NEVER_TRAINED, uuid=row.uuid)
        template = template_of(row)
        rules = self._runtime.rules_for(template, compute.kind)
        memory.require(self._runtime, template, compute, *interfaces(row))
        size = json.loads(row.metrics).get("memory", memory.needed(rules, template, *interfaces(row)))
        self._memory.take(reader, MemoryOwner.of(row), int(size), reclaim=True)
        return rules.open(read_state(self._runtime, row, template), compute)

    def _watch(self) -> None:
        while not self._ended.wait(min(self._idle, 10.0)):
            self._drop(time.monotonic() - self._idle)

    def _drop(self, oldest: float) -> int:
        """Close readers that nobody has asked after a moment and that nobody uses now, and return how many."""
        with self._lock:
            left = {uuid: reader for uuid, reader in self._readers.items() if reader.used <= oldest}
            dropped = [(uuid, reader) for uuid, reader in left.items() if reader.busy.acquire(blocking=False)]
            for uuid, _ in dropped:
                del self._readers[uuid]
        for _, reader in dropped:
            reader.close()
            self._memory.release(reader)
            reader.busy.release()
        return len(dropped)

    def close(self) -> None:
        """Close all that nobody uses; the process ends."""
        self._ended.set()
        self._drop(float("inf"))


def _predict(network: LiveNetwork, inputs: dict[str, Values]) -> dict[str, Values]:
    rows = len(next(iter(inputs.values())))
    try:
        if rows == 1:
            outputs = network.request_one({name: values[0] for name, values in inputs.items()})
            return {name: values[np.newaxis] for name, values in outputs.items()}
        results = {name: np.zeros((rows, size), np.float32) for name, size in network.head.outputs.items()}
        columns = tuple(Columns(name, values) for name, values in inputs.items())
        network.request(Rows(columns), results, Run(lambda _: True))
    except FloatingPointError as error:
        raise BadRequest("prediction_not_finite", reason=str(error)) from error
    return results


READERS: StashKey[Readers] = StashKey("predictions.readers")
