"""Rows of clusters, and the queues and states that belong to them: where they disagree, and how a start mends that.

They agree already unless rows were written by hand, or by a version that let them part.
"""

from __future__ import annotations

from collections.abc import Iterator

import peewee

from hanami_core.checks import Finding
from hanami_core.queue import OPEN, Partition, Task
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, atomic
from hanami_plugins.clusters.models import DIRECT_MODE, Cluster
from hanami_plugins.clusters.service import clean_up


def findings() -> Iterator[Finding]:
    """Tell of clusters that a start of the server would mend."""
    for cluster in _without_queue():
        yield Finding(_named(cluster), "it has no queue, so no task runs; the next start of the server makes one")
    for cluster in _left_behind():
        what = "it was deleted, and its network is still there; the next start of the server lets it go"
        yield Finding(_named(cluster), what)


def mend(runtime: Runtime) -> None:
    """Give clusters their queues, and let go of what deleted ones hold. Nobody else may be at work."""
    for cluster in list(_without_queue()):
        runtime.queue.create_partition(cluster.uuid, cluster.host, paused=cluster.mode == DIRECT_MODE)
    for cluster in list(_left_behind()):
        with atomic():
            runtime.queue.close_partition(cluster.uuid)
            clean_up(runtime, cluster.uuid)


def _without_queue() -> peewee.ModelSelect[Cluster]:
    return Cluster.active().where(Cluster.uuid.not_in(Partition.select(Partition.key)))


def _left_behind() -> peewee.ModelSelect[Cluster]:
    busy = Task.select(Task.partition).where(Task.state.in_(OPEN))
    opened = Partition.select(Partition.key).where(~Partition.closed)
    holds = Cluster.blob.is_null(False) | Cluster.uuid.in_(opened)
    return Cluster.select().where((Cluster.status != ACTIVE) & holds & Cluster.uuid.not_in(busy))


def _named(cluster: Cluster) -> str:
    return f"cluster '{cluster.name}' ({cluster.uuid}) of user '{cluster.owner_id}'"
