"""One client that talks to a live network, frame by frame.

Every message gets one answer. A message fills one buffer; the last one of a cycle also runs the network. In the event
loop a frame meets no database and waits for no lock. What would have to wait is answered later: a frame that finds the
cluster not in direct mode, until a thread has looked what is true now; a heavy one and one that finds the network in
use, until a thread has run it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest, Forbidden
from hanami_plugins.clusters import Attachment, ClusterState, LiveCluster, LiveClusters
from hanami_plugins.direct_io.buffers import SocketBuffers
from hanami_plugins.direct_io.formats import MessageFormat, recognised
from hanami_plugins.direct_io.frames import FrameThreads, is_heavy, note_cost
from hanami_plugins.direct_io.messages import FLUSHED, MAX_VALUES, TRAIN, Frame, is_flush, values_of

__all__ = ["DirectSession"]

T = TypeVar("T")

PATIENCE_SECONDS = 0.2
LARGE_MESSAGE = 1 << 15
"""Bytes of a message that takes too long to read in the event loop."""
MEASURED = 32
"""One of so many frames is measured in the event loop; in threads all are."""
NOT_DIRECT = "cluster_not_direct"

Answer = bytes | Awaitable[bytes]
Reply = Answer | Awaitable[str]
Values = npt.NDArray[np.float32]


class DirectSession:
    """Buffers of one socket, and the network behind it.

    `refused` are process types that the actor may not use, and why; any thread may replace it.
    """

    def __init__(
        self,
        clusters: LiveClusters,
        attachment: Attachment,
        threads: FrameThreads,
        refused: Mapping[int, str],
        formats: Sequence[MessageFormat],
    ) -> None:
        """Start with empty buffers.

        Args:
            clusters: networks of this process.
            attachment: the network that is talked to.
            threads: where heavy frames run.
            refused: process types that the actor may not use, and why.
            formats: those that the first frame may be of; of a single one it surely is.
        """
        self._clusters, self._attachment, self._threads = clusters, attachment, threads
        self.refused = refused
        self._buffers = SocketBuffers()
        self._cycles = 0
        self._taught: LiveCluster | None = None
        self._formats = formats
        self._undecided = len(formats) > 1
        self._use(formats[0])

    def _use(self, used: MessageFormat) -> None:
        self._format = used
        self._acknowledged, self._trained = used.acknowledgement(trained=False), used.acknowledgement(trained=True)

    def receive(self, message: bytes | str) -> Reply:
        """Return the answer to one message, now or later."""
        if isinstance(message, str) and is_flush(message):
            return self._flush()
        if self._undecided:
            self._undecided = False
            self._use(recognised(self._formats, message))
        if len(message) > LARGE_MESSAGE:
            return self._read_in_thread(message)
        live = self._attachment.live
        frame = self._format.read(message, live.inputs, live.outputs)
        return self._fill(frame, live) if live.state is ClusterState.DIRECT else self._when_direct(frame)

    async def _flush(self) -> str:
        """Answer when all that this socket has trained is stored."""
        if self._taught is not None:
            await asyncio.wrap_future(self._clusters.flush(self._taught))
        return FLUSHED

    async def _read_in_thread(self, message: bytes | str) -> bytes:
        live = self._attachment.live
        frame = await self._in_thread(partial(self._format.read, message, live.inputs, live.outputs))
        values = await self._in_thread(partial(values_of, frame)) if 0 < len(frame.values) <= MAX_VALUES else None
        live = self._attachment.live
        if live.direct:
            return await _awaited(self._fill(frame, live, values))
        return await self._when_direct(frame, values)

    async def _when_direct(self, frame: Frame, values: Values | None = None) -> bytes:
        """Refuse a frame only if a look that began after it had come found no direct mode."""
        await asyncio.wrap_future(self._clusters.look(self._attachment))
        live = self._attachment.live
        if not live.direct:
            raise BadRequest(NOT_DIRECT)
        return await _awaited(self._fill(frame, live, values))

    def _fill(self, frame: Frame, live: LiveCluster, values: Values | None = None) -> Answer:
        self._buffers.fill(frame, live, values)
        if not frame.is_last:
            return self._acknowledged
        process = frame.process
        refused = self.refused
        if process in refused:
            raise Forbidden(refused[process])
        heavy = is_heavy(live, process, self._buffers.size, self._buffers.weight)
        if process == TRAIN and not heavy:
            heavy = self._buffers.grow(live)
        # The lock is free but for the moments in which the network is copied to be stored, a thread runs a frame, or a
        # task is about to begin; this is the event loop, which waits for none of them.
        if heavy or not live.lock.acquire(blocking=False):
            return self._in_thread(partial(self._run_when_free, process))
        try:
            self._cycles += 1
            return self._run(live, process) if self._cycles % MEASURED else self._measure(live, process)
        finally:
            live.lock.release()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._threads.submit(self._attachment.live.uuid, work))

    def _run_when_free(self, process: int) -> bytes:
        live = self._attachment.live
        while not live.lock.acquire(timeout=PATIENCE_SECONDS):
            if not live.direct:
                raise BadRequest("cluster_busy")
        try:
            return self._measure(live, process)
        finally:
            live.lock.release()

    def _measure(self, live: LiveCluster, process: int) -> bytes:
        known = live.network.head.inputs
        begin = time.perf_counter()
        answer = self._run(live, process)
        if live.network.head.inputs == known:  # growing is not part of what a frame usually costs
            note_cost(live, process, self._buffers.weight(), time.perf_counter() - begin)
        return answer

    def _run(self, live: LiveCluster, process: int) -> bytes:
        """Run one cycle; the caller holds the network's lock."""
        # Whoever held the lock before may have ended direct mode, or evicted the network.
        if live.state is not ClusterState.DIRECT:
            raise BadRequest(NOT_DIRECT)
        if process == TRAIN:
            live.require_storable()
            self._taught = live
            self._buffers.train(live)
            return self._trained
        return self._format.results(live.outputs[0], self._buffers.request(live))

    def close(self) -> None:
        """Give the network back."""
        self._clusters.detach(self._attachment)


async def _awaited(answer: Answer) -> bytes:
    return answer if isinstance(answer, bytes) else await answer
