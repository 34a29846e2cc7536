"""What the tests of live clusters share: a session without a socket, and what happens to a cluster meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hanami_core.access import Access, Action, Actor
from hanami_core.errors import BadRequest, VisibleError
from hanami_core.queue import Job
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.api_v1_0alpha import NativeApi
from hanami_plugins.clusters import Cluster, LiveCluster, LiveClusters
from hanami_plugins.clusters.service import read_state, template_of
from hanami_plugins.direct_io.formats import NATIVE
from hanami_plugins.direct_io.frames import THREADS
from hanami_plugins.direct_io.messages import CLUSTER_IO, EXPECTED, TRAIN
from hanami_plugins.direct_io.session import DirectSession

ACTOR = Actor("somebody", "Somebody", "project", "member")


def answer(result: bytes | Awaitable[bytes]) -> bytes:
    """Return what a session has answered, or will."""

    async def wait() -> bytes:
        return result if isinstance(result, bytes) else await result

    return asyncio.run(wait())


def frame(buffer: str, values: Sequence[float], **fields: Any) -> bytes:
    """Return a message."""
    return bytes(
        CLUSTER_IO.message(bufferName=buffer, numberOfValues=len(values), values=values, **fields).SerializeToString()
    )


def request(values: Sequence[float]) -> bytes:
    """Return a message that asks."""
    return frame("in", values, isLast=True)


def train(inputs: Sequence[float], outputs: Sequence[float]) -> tuple[bytes, bytes]:
    """Return the messages that train once."""
    expected = frame("out", outputs, processType=TRAIN, targetBufferType=EXPECTED, isLast=True)
    return frame("in", inputs, processType=TRAIN), expected


class Talk:
    """A direct session."""

    def __init__(self, clusters: LiveClusters, cluster: Cluster) -> None:
        self.clusters = clusters
        self.attachment = clusters.attach(cluster.uuid, lambda: None)
        self.session = DirectSession(clusters, self.attachment, clusters._runtime.stash[THREADS], {}, [NATIVE])

    @property
    def live(self) -> LiveCluster:
        return self.attachment.live

    def close(self) -> None:
        """End the session and wait until what it trained is stored."""
        self.session.close()
        self.clusters._keeper.flush()

    def train(self, count: int = 1) -> None:
        for _ in range(count):
            for message in train([1.0, 0.0], [1.0, 0.0]):
                assert answer(self.session.receive(message))


def access(runtime: Runtime) -> Access:
    """Return what the owner of the cluster may do."""
    return Access(ACTOR, Action("panel.show", "GET", "", "read", ()), runtime.plugins.access_rules)


def told(error: VisibleError) -> str:
    """Return what a client of the native API reads."""
    return NativeApi().sentence(error)


def fresh(cluster: Cluster) -> Cluster:
    return Cluster.get(Cluster.uuid == cluster.uuid)


def change(cluster: Cluster, **fields: Any) -> None:
    Cluster.update(**fields).where(Cluster.uuid == cluster.uuid).execute()


def to_tasks(runtime: Runtime, cluster: Cluster) -> None:
    with atomic():
        change(cluster, mode="TASK")
        runtime.queue.resume(cluster.uuid)


def run(runtime: Runtime, cluster: Cluster, kind: str, payload: msgspec.Struct, host: str = "cpu0") -> None:
    """Run a task in this thread."""
    with atomic():
        runtime.queue.enqueue(kind, cluster.uuid, ACTOR, "t", payload, 1)
    task = runtime.queue.claim(host, "here")
    assert task is not None
    runtime.kinds[kind].run(Job(runtime, task))


def beside(work: Callable[[], object]) -> threading.Thread:
    """Begin some work in another thread, and give it the time to come to where it waits."""

    def guarded() -> None:
        with suppress(BadRequest):
            work()

    thread = threading.Thread(target=guarded)
    thread.start()
    time.sleep(0.05)
    return thread


class Pause:
    """Holds up whoever stores a live network, after it was copied and before it is durable."""

    def __init__(self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        finalise = runtime.blobs.finalise

        def waiting(staged: Path) -> None:
            finalise(staged)
            self.reached.set()
            assert self.go_on.wait(10)

        monkeypatch.setattr(runtime.blobs, "finalise", waiting)


def cycles(runtime: Runtime, cluster: Cluster) -> int:
    """Return what the stored state has seen."""
    row = fresh(cluster)
    return read_state(runtime, row, template_of(row)).head.cycles
